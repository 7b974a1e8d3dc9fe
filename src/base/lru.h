/* A bounded table of items by key, in order of use: the one used longest ago makes room. An item is
 * a struct that begins with its key; a key is compared byte by byte, so what is unused in it is
 * zero. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct lru;

struct lru *lru_new(size_t key_bytes, size_t item_bytes, unsigned max); /* NULL: no memory */
void lru_free(struct lru *lru);

/* NULL: it is not there. */
void *lru_find(const struct lru *lru, const void *key);
/* The last one used from now on; a new one is zero behind its key. NULL: no memory. */
void *lru_use(struct lru *lru, const void *key, bool *ret_is_new);

/* The one used longest ago, or the next one behind `item`; NULL: no more. */
void *lru_next(const struct lru *lru, const void *item);
