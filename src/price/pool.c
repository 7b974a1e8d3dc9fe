/* A hash table over the bytes of rates, all of which the loader writes. */
#define HASH_NONFATAL_OOM 1

#include "price/pool.h"

#include <stdlib.h>
#include <uthash.h>

struct pooled {
	UT_hash_handle hh;
	struct rates *rates;
};

static const void *content_of(const struct rates *rates, size_t *ret_bytes)
{
	size_t from = offsetof(struct rates, from_ns);

	*ret_bytes = sizeof(*rates) - from +
		     (size_t)__builtin_popcountll(rates->rated) * sizeof(rates->yocto[0]);
	return (const char *)rates + from;
}

struct rates *pool_share(struct pool *pool, struct rates *fresh)
{
	struct pooled *found;
	size_t bytes;
	const void *content = content_of(fresh, &bytes);

	HASH_FIND(hh, pool->all, content, bytes, found);
	if (found) {
		free(fresh);
		found->rates->refs++;
		return found->rates;
	}
	found = malloc(sizeof(*found));
	if (!found)
		return fresh;
	found->rates = fresh;
	HASH_ADD_KEYPTR(hh, pool->all, content, bytes, found);
	if (!found->hh.tbl)
		free(found);
	return fresh;
}

void pool_done(struct pool *pool)
{
	struct pooled *pooled, *next;

	HASH_ITER(hh, pool->all, pooled, next) {
		HASH_DEL(pool->all, pooled);
		free(pooled);
	}
}
