/* The reference encoders of the content codings, as functions of one shape. Include cmocka.h
 * first. */
#pragma once

#include <brotli/encode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"

typedef void encode_fn(struct buf *out, struct span text, int level);

static inline void encode_zlib(struct buf *out, struct span text, int level, int window_bits)
{
	uLong bound = compressBound(text.len) + 64;
	unsigned char *data = malloc(bound);
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, window_bits, 8, 0), Z_OK);
	z.next_in = (unsigned char *)text.ptr;
	z.avail_in = (unsigned)text.len;
	z.next_out = data;
	z.avail_out = (unsigned)bound;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_put(out, (struct span){ (char *)data, bound - z.avail_out });
	deflateEnd(&z);
	free(data);
}

static inline void encode_gzip(struct buf *out, struct span text, int level)
{
	encode_zlib(out, text, level, 16 + MAX_WBITS);
}

static inline void encode_deflate(struct buf *out, struct span text, int level)
{
	encode_zlib(out, text, level, MAX_WBITS);
}

static inline void encode_raw(struct buf *out, struct span text, int level)
{
	encode_zlib(out, text, level, -MAX_WBITS);
}

static inline void encode_brotli(struct buf *out, struct span text, int level)
{
	size_t n = BrotliEncoderMaxCompressedSize(text.len) + 64;
	uint8_t *data = malloc(n);

	assert_true(BrotliEncoderCompress(level > 4 ? 4 : level, BROTLI_DEFAULT_WINDOW,
					  BROTLI_MODE_TEXT, text.len, (const uint8_t *)text.ptr, &n,
					  data));
	buf_put(out, (struct span){ (char *)data, n });
	free(data);
}

static inline void encode_zstd(struct buf *out, struct span text, int level)
{
	size_t bound = ZSTD_compressBound(text.len);
	char *data = malloc(bound);
	size_t n = ZSTD_compress(data, bound, text.ptr, text.len, level);

	assert_false(ZSTD_isError(n));
	buf_put(out, (struct span){ data, n });
	free(data);
}
