/* A table by name and start of the window. It holds no more than one batch does. */
#include "ledger/touched.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1 /* before uthash.h: an element that found no room has no table */
#include <uthash.h>

struct window_key {
	char name[BUDGET_NAME_MAX];
	int64_t start_ns;
};

struct touched {
	UT_hash_handle hh;
	struct window_key key;
	struct budget_touch touch;
};

bool touched_put(struct touched **all, const struct budget_touch *touch)
{
	struct window_key key;
	struct touched *t;

	memset(&key, 0, sizeof(key)); /* the hash looks at every byte */
	span_copy(span_of(touch->name), key.name, sizeof(key.name));
	key.start_ns = touch->window_start_ns;
	HASH_FIND(hh, *all, &key, sizeof(key), t);
	if (!t) {
		t = calloc(1, sizeof(*t));
		if (!t)
			return false;
		t->key = key;
		HASH_ADD(hh, *all, key, sizeof(t->key), t);
		if (!t->hh.tbl) {
			free(t);
			return false;
		}
	}
	t->touch = *touch;
	return true;
}

bool touched_take(struct touched **all, struct budget_touch *ret_touch)
{
	struct touched *t = *all;

	if (!t)
		return false;
	*ret_touch = t->touch;
	HASH_DEL(*all, t);
	free(t);
	return true;
}

void touched_clear(struct touched **all)
{
	struct budget_touch touch;

	while (touched_take(all, &touch))
		;
}
