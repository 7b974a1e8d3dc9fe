/* A conversation as fuzzing input: steps of a kind, a length in two bytes, and as many bytes. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "capture/chunk.h"

/* Bits of a kind; the upper four say how many bytes. */
enum { RECEIVED = 1, HOLE = 2, SHORT = 4, AGAIN = 8, CUT = 16 };

typedef void steps_feed_fn(void *parser, const struct chunk *chunk);

static inline void steps_feed(steps_feed_fn *feed, void *parser, const struct chunk *chunk,
			      bool bytewise)
{
	if (!bytewise) {
		feed(parser, chunk);
		return;
	}
	for (size_t i = 0; i < chunk->data.len; i++) {
		struct chunk byte = *chunk;

		byte.data = (struct span){ chunk->data.ptr + i, 1 };
		byte.offset += i;
		byte.length = 1;
		feed(parser, &byte);
	}
}

/* Plays all of them and returns what was left over. `ret_whole`: nothing was lost or repeated. */
static inline struct span steps_play(struct span in, bool bytewise, steps_feed_fn *feed,
				     void *parser, bool *ret_whole)
{
	uint64_t offset[2] = { 0 };

	*ret_whole = true;
	for (int64_t now = 1; in.len >= 3; now++) {
		const unsigned char *p = (const unsigned char *)in.ptr;
		unsigned kind = p[0];
		struct span bytes = span_head(span_skip(in, 3), p[1] | (size_t)p[2] << 8);
		enum direction direction = kind & RECEIVED;
		struct chunk chunk = { .data = bytes,
				       .offset = offset[direction],
				       .length = bytes.len,
				       .time_utc_ns = now,
				       .direction = direction,
				       .cut = kind & CUT };

		in = span_skip(in, 3 + bytes.len);
		if (kind & HOLE)
			chunk.offset += kind >> 4;
		if (kind & SHORT)
			chunk.length += kind >> 4;
		if (kind & AGAIN && chunk.offset >= kind >> 4)
			chunk.offset -= kind >> 4;
		*ret_whole &= !(kind & (HOLE | SHORT | AGAIN));
		steps_feed(feed, parser, &chunk, bytewise);
		if (chunk.offset + chunk.length > offset[direction])
			offset[direction] = chunk.offset + chunk.length;
	}
	*ret_whole &= !in.len;
	return in;
}
