/* A growing byte buffer with a ceiling. Writes past the ceiling, or without memory, set `failed`
 * and are dropped, so a writer checks once at the end. buf_done frees; a zeroed struct plus `max`
 * is a valid empty buffer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max; /* bytes; 0 = nothing fits */
	bool failed;
};

static inline struct buf buf_with_max(size_t max)
{
	return (struct buf){ .max = max };
}

static inline struct span buf_span(const struct buf *b)
{
	return (struct span){ b->data, b->len };
}

void buf_done(struct buf *b);
void buf_reset(struct buf *b); /* keeps the memory, clears `failed` */

/* Room for so many more bytes behind `len`, which the caller writes and counts. False: `failed`. */
bool buf_grow(struct buf *b, size_t more);
static inline bool buf_room(struct buf *b, size_t more)
{
	return (!b->failed && more <= b->cap - b->len) || buf_grow(b, more);
}

void buf_put(struct buf *b, struct span bytes);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first `n` bytes and moves the rest to the front. */
void buf_consume(struct buf *b, size_t n);
