/* A bounded table of items by key, in order of use: the one used longest ago makes room. An item is
 * a struct that begins with its key; a key is compared byte by byte, so what is unused in it is
 * zero. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct lru {
	struct lru_node *nodes;
	size_t key_bytes, item_bytes;
	unsigned max;
};

/* Empty. */
static inline struct lru lru_of(size_t key_bytes, size_t item_bytes, unsigned max)
{
	return (struct lru){ NULL, key_bytes, item_bytes, max };
}
void lru_done(struct lru *lru);

/* NULL: it is not there. */
void *lru_find(const struct lru *lru, const void *key);
/* The last one used from now on; a new one is zero behind its key. NULL: no memory. */
void *lru_use(struct lru *lru, const void *key, bool *ret_is_new);

/* The one used longest ago, or the next one behind `item`; NULL: no more. */
void *lru_next(const struct lru *lru, const void *item);
