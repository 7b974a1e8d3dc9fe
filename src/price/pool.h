/* pool: rates that entries have in common are kept once. Needed while catalogs are read; what it
 * kept stays. */
#pragma once

#include "base/arena.h"
#include "price/rates.h"

struct pool {
	struct arena *arena; /* what is kept goes here */
	struct pooled *all;  /* by content; NULL: empty */
};

/* A copy of the rates, which are so many bytes, or those like them that it has. NULL: no memory. */
const struct rates *pool_keep(struct pool *pool, const struct rates *rates, size_t bytes);
void pool_done(struct pool *pool);
