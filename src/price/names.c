/* The table grows by twice when three quarters are taken; nothing is ever removed. */
#include "price/names.h"

#include <errno.h>
#include <string.h>

#include "base/pages.h"

#define SLOTS_LEAST 512 /* a page */

/* FNV-1a: keys come from files of the host's own. */
static uint32_t hash_of(struct span key)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ (unsigned char)key.ptr[i]) * 16777619u;
	return hash;
}

static bool is_it(const struct name *name, uint32_t hash, struct span key)
{
	return name->hash == hash && name->len == key.len &&
	       memcmp(name->key, key.ptr, key.len) == 0;
}

struct name *names_find(const struct names *names, struct span key)
{
	uint32_t hash = hash_of(key);

	for (uint32_t i = hash; names->n_slots; i++) {
		struct name *name = names->slots[i & (names->n_slots - 1)];

		if (!name || is_it(name, hash, key))
			return name;
	}
	return NULL;
}

static void put(struct names *names, struct name *name)
{
	uint32_t i = name->hash;

	while (names->slots[i & (names->n_slots - 1)])
		i++;
	names->slots[i & (names->n_slots - 1)] = name;
	names->n++;
}

static int grow(struct names *names)
{
	uint32_t n_slots = names->n_slots ? 2 * names->n_slots : SLOTS_LEAST;
	struct names grown = { pages_new(n_slots * sizeof(struct name *)), 0, n_slots };

	if (!grown.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < names->n_slots; i++)
		if (names->slots[i])
			put(&grown, names->slots[i]);
	names_done(names);
	*names = grown;
	return 0;
}

int names_add(struct names *names, struct arena *arena, struct span key, const struct model *model)
{
	struct name *name;

	if (key.len > UINT16_MAX || (names->n >= names->n_slots / 4 * 3 && grow(names) < 0))
		return -ENOMEM;
	name = arena_alloc(arena, offsetof(struct name, key) + key.len, _Alignof(struct name));
	if (!name)
		return -ENOMEM;
	name->model = model;
	name->hash = hash_of(key);
	name->len = (uint16_t)key.len;
	memcpy(name->key, key.ptr, key.len);
	put(names, name);
	return 0;
}

void names_done(struct names *names)
{
	pages_free(names->slots, names->n_slots * sizeof(struct name *));
}
