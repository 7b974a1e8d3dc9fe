/* The rows of `caller` and `service`, which many calls name. What was written of late is found in
 * memory, whole texts compared; what is not found there is written anew, so that a full memory or a
 * restart costs a row and never a wrong one. */
#pragma once

#include <stdint.h>

#include "base/span.h"

#define SHARED_ROWS_MAX 512       /* remembered at once, of each table */
#define SHARED_CALLS    (1 << 20) /* that may name a row, from its key on */

struct shared_row;

struct shared {
	struct shared_row *rows; /* uthash, oldest first */
};

/* The key of the row that says `text`, for the call `seq`; 0 when one must be written. */
int64_t shared_find(const struct shared *shared, struct span text, int64_t seq);

/* It was written, under the seq of the call. Without memory it is forgotten. */
void shared_add(struct shared *shared, struct span text, int64_t seq);

/* Forgets all: the rows may have gone with a batch. */
void shared_clear(struct shared *shared);
