/* Content codings of one body, streaming: what http/decoder knows, up to two of them, one over the
 * other. Anything else is refused by name, so that the call is marked and not guessed. Output is
 * capped in bytes and in ratio. */
#pragma once

#include <stdint.h>

#include "base/counter.h"
#include "base/span.h"

#define BODY_CODINGS_MAX 2
#define BODY_OUTPUT_MAX  (256u << 20) /* bytes that come out of a coding, for one body */
#define BODY_RATIO_MAX   200          /* these : bytes of the wire, once 1 MiB came out */

struct body;

typedef void body_piece_fn(void *ctx, struct span piece);

/* `codings` in the order in which they were applied, as headers list them. -ENOTSUP: none, too
 * many, or one that is not known (identity is none: leave it out); -ENOMEM. `taken` is that of
 * decoder_init. */
int body_new(const struct span *codings, unsigned n, body_piece_fn *fn, void *ctx,
	     struct counter *taken, struct body **ret_body);
/* DEFLATE without header or end (RFC 7692): it has no end that body_end could miss. */
int body_new_raw(body_piece_fn *fn, void *ctx, unsigned window_bits, struct counter *taken,
		 struct body **ret_body);
void body_free(struct body *body);

/* 0, or -EBADMSG: broken data, -E2BIG: over a cap, -ENOBUFS: no room among the
 * decoders, -ENOMEM. They stay. */
int body_feed(struct body *body, struct span coded);

/* The caps count from here on: another message of the same coded stream. */
void body_next(struct body *body);

/* The bytes are all there: 0, -EAGAIN when the coded stream is not at its end. */
int body_end(struct body *body);
