/* pool: rates that the entries of a file have in common are kept once. Needed while it is read. */
#pragma once

#include "price/rates.h"

struct pool {
	struct pooled *all; /* by content; NULL: empty */
};

/* Takes fresh rates, and gives them back or those that are like them. Without memory they are kept
 * apart. */
struct rates *pool_share(struct pool *pool, struct rates *fresh);
void pool_done(struct pool *pool);
