/* Decoders of single content codings (RFC 9110, 8.4.1), streaming, as a table: which there are and
 * how each is stepped. Caps and lists of codings are the business of http/body. */
#pragma once

#include <stdint.h>

#include <zlib.h>

#include "base/counter.h"
#include "base/span.h"

struct coding;

/* Memory by the coding, at worst: 40 KiB deflate, 16 MiB br (RFC 7932, 9.1), 8 MiB zstd (RFC 9659)
 * and 95 KiB besides, of which only what the data really reaches back is touched. How much is the
 * sender's choice, so it is no connection's own: all decoders of a thread share this much. */
#define DECODERS_BYTES_MAX (64u << 20)

struct decoder {
	const struct coding *coding;
	struct counter *taken; /* by all decoders, now */
	size_t taken_bytes;    /* by this one */
	bool begun;            /* a byte came: there is a state */
	bool at_end;           /* of a member: there may be another */
	bool refused;          /* there was no room */
	uint8_t window_bits;   /* of DEFLATE without a header */
	union {
		z_stream zlib;
		struct BrotliDecoderStateStruct *brotli;
		struct ZSTD_DCtx_s *zstd;
	};
};

/* Registered names, any case: gzip, x-gzip, deflate (with the zlib header that RFC 9110 wants, or
 * without, as some servers send it), br, zstd. -ENOTSUP for others. Nothing is allocated yet.
 * `taken` counts; NULL for a decoder that is gone before another one is made. */
int decoder_init(struct decoder *d, struct span name, struct counter *taken);
/* DEFLATE without any header or end, as WebSocket messages have it (RFC 7692), of a window of
 * 2^`window_bits`: 9 to 15. */
void decoder_init_raw(struct decoder *d, unsigned window_bits, struct counter *taken);
void decoder_done(struct decoder *d);

/* Decodes from the front of `*in` into `out`: as much as it has room for. More is to come out
 * while there is input left or the room was filled, unless `at_end`. 0, -EBADMSG: broken, or goes
 * on with something else after its end, -ENOBUFS: no room among the decoders, -ENOMEM; `*ret_n`
 * bytes came out, with an error too. */
int decoder_step(struct decoder *d, struct span *in, char *out, size_t room, size_t *ret_n);
