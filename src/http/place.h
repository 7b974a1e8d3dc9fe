/* Where the two directions of a connection stand: offsets of chunks -> bytes and holes. Chunks may
 * overlap what came before (seen once), jump (a hole), or stand for more bytes than they hold. */
#pragma once

#include "capture/chunk.h"

struct places {
	uint64_t next[2]; /* offset that is due, by direction */
	bool begun[2];    /* a chunk came: `next` means something */
	bool late;        /* the connection is older than us */
};

/* What a chunk adds to its direction, in this order. */
struct piece {
	bool is_late;     /* the direction begins here, and in its middle */
	uint64_t lost;    /* bytes */
	struct span data; /* may be empty */
	uint64_t missing; /* bytes that the chunk stands for and does not hold: lost, or cut out */
};

/* False: nothing, not even the time, is to be believed of it. Where even the first chunk of both
 * directions does not begin at 0, we came late: at CHUNK_LATE_OFFSET, and what is between is lost;
 * or where an empty chunk says (http.c looked at what was before it). */
bool places_take(struct places *places, const struct chunk *chunk, struct piece *ret_piece);
