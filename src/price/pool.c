/* A hash table over the bytes of rates, all of which the loader writes. */
#define HASH_NONFATAL_OOM 1

#include "price/pool.h"

#include <stdlib.h>
#include <uthash.h>

struct pooled {
	UT_hash_handle hh;
	struct rates *rates;
};

const struct rates *pool_keep(struct pool *pool, const struct rates *rates, size_t bytes)
{
	struct pooled *pooled;
	struct rates *kept;

	HASH_FIND(hh, pool->all, rates, bytes, pooled);
	if (pooled)
		return pooled->rates;
	kept = arena_alloc(pool->arena, bytes, _Alignof(struct rates));
	if (!kept)
		return NULL;
	memcpy(kept, rates, bytes);
	pooled = malloc(sizeof(*pooled));
	if (!pooled)
		return kept;
	pooled->rates = kept;
	HASH_ADD_KEYPTR(hh, pool->all, kept, bytes, pooled);
	if (!pooled->hh.tbl)
		free(pooled);
	return kept;
}

void pool_done(struct pool *pool)
{
	struct pooled *pooled, *next;

	HASH_ITER(hh, pool->all, pooled, next) {
		HASH_DEL(pool->all, pooled);
		free(pooled);
	}
}
