/* zlib, libbrotli and libzstd behind one function. A state is made when the first byte comes, for a
 * body may be empty whatever its coding, and for the first byte tells the two deflates apart. */
#include "http/decoder.h"

#include <brotli/decode.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define GZIP_MAGIC_ONE     0x1f
#define ZSTD_MAGIC_ONE     0x28
#define ZSTD_SKIPPABLE_ONE 0x50
#define ZLIB_METHOD_BITS   0x0f
#define ZLIB_METHOD        8  /* RFC 1950, 2.2 */
#define ZSTD_WINDOW_LOG    23 /* RFC 9659: 8 MiB is all that a server may ask for */

struct coding {
	const char *name;
	int (*begin)(struct decoder *d, unsigned char first);
	int (*step)(struct decoder *d, struct span *in, char *out, size_t room, size_t *ret_n);
	int (*again)(struct decoder *d, unsigned char first); /* another member follows */
	void (*done)(struct decoder *d);
};

/* --- what they take together */

static void count(struct decoder *d, size_t bytes)
{
	if (d->taken)
		counter_set(d->taken, counter_read(d->taken) - d->taken_bytes + bytes);
	d->taken_bytes = bytes;
}

static bool has_room(struct decoder *d, size_t bytes)
{
	if (d->taken && counter_read(d->taken) + bytes > DECODERS_BYTES_MAX)
		d->refused = true;
	return !d->refused;
}

static void *take(void *decoder, size_t bytes)
{
	struct decoder *d = decoder;
	void *memory = has_room(d, bytes) ? malloc(bytes) : NULL;

	count(d, d->taken_bytes + malloc_usable_size(memory));
	return memory;
}

static void give(void *decoder, void *memory)
{
	struct decoder *d = decoder;

	count(d, d->taken_bytes - malloc_usable_size(memory));
	free(memory);
}

/* --- gzip, deflate */

static void *take_items(void *decoder, unsigned n, unsigned bytes)
{
	return take(decoder, (size_t)n * bytes);
}

static int begin_zlib(struct decoder *d, int window_bits)
{
	d->zlib = (z_stream){ .zalloc = take_items, .zfree = give, .opaque = d };
	return inflateInit2(&d->zlib, window_bits) == Z_OK ? 0 : -ENOMEM;
}

static int begin_gzip(struct decoder *d, unsigned char first)
{
	(void)first;
	return begin_zlib(d, 16 + MAX_WBITS);
}

static int begin_raw(struct decoder *d, unsigned char first)
{
	(void)first;
	return begin_zlib(d, -d->window_bits);
}

/* A raw stream that begins like a zlib header would be a stored block with its padding set. */
static int begin_deflate(struct decoder *d, unsigned char first)
{
	return begin_zlib(d, (first & ZLIB_METHOD_BITS) == ZLIB_METHOD ? MAX_WBITS : -MAX_WBITS);
}

static int step_zlib(struct decoder *d, struct span *in, char *out, size_t room, size_t *ret_n)
{
	struct span part = span_head(*in, 1u << 30); /* zlib counts in unsigned int */
	int status;

	d->zlib.next_in = (unsigned char *)part.ptr;
	d->zlib.avail_in = (unsigned)part.len;
	d->zlib.next_out = (unsigned char *)out;
	d->zlib.avail_out = (unsigned)room;
	status = inflate(&d->zlib, Z_NO_FLUSH);
	d->at_end = status == Z_STREAM_END;
	*in = span_skip(*in, part.len - d->zlib.avail_in);
	*ret_n = room - d->zlib.avail_out;
	if (status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR)
		return 0;
	return status == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

/* RFC 1952, 2.2: members follow each other; anything else is no part of it. */
static int again_gzip(struct decoder *d, unsigned char first)
{
	return first == GZIP_MAGIC_ONE && inflateReset(&d->zlib) == Z_OK ? 0 : -EBADMSG;
}

/* RFC 7692, 7.2.3.4: a final block ends no message, and later ones may refer to what it said. */
static int again_raw(struct decoder *d, unsigned char first)
{
	unsigned char window[1 << MAX_WBITS];
	unsigned n = 0;

	(void)first;
	if (inflateGetDictionary(&d->zlib, window, &n) != Z_OK || inflateReset(&d->zlib) != Z_OK)
		return -EBADMSG;
	return inflateSetDictionary(&d->zlib, window, n) == Z_OK ? 0 : -EBADMSG;
}

static int again_never(struct decoder *d, unsigned char first)
{
	(void)d;
	(void)first;
	return -EBADMSG;
}

static void done_zlib(struct decoder *d)
{
	inflateEnd(&d->zlib);
}

/* --- br */

static int begin_brotli(struct decoder *d, unsigned char first)
{
	(void)first;
	d->brotli = BrotliDecoderCreateInstance(take, give, d);
	return d->brotli ? 0 : -ENOMEM;
}

static bool is_brotli_memory(const BrotliDecoderState *brotli)
{
	BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(brotli);

	return code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
	       code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
}

static int step_brotli(struct decoder *d, struct span *in, char *out, size_t room, size_t *ret_n)
{
	const uint8_t *next_in = (const uint8_t *)in->ptr;
	uint8_t *next_out = (uint8_t *)out;
	size_t left_in = in->len, left_out = room;
	BrotliDecoderResult result = BrotliDecoderDecompressStream(d->brotli, &left_in, &next_in,
								   &left_out, &next_out, NULL);

	d->at_end = result == BROTLI_DECODER_RESULT_SUCCESS;
	*in = span_skip(*in, in->len - left_in);
	*ret_n = room - left_out;
	if (result != BROTLI_DECODER_RESULT_ERROR)
		return 0;
	return is_brotli_memory(d->brotli) ? -ENOMEM : -EBADMSG;
}

static void done_brotli(struct decoder *d)
{
	BrotliDecoderDestroyInstance(d->brotli);
}

/* --- zstd */

/* RFC 8878, 3.1.1 and 3.1.2: a frame, or one to be skipped. The library knows other formats, those
 * of its versions before 0.8, which no content coding has. */
static bool is_zstd(unsigned char first)
{
	return first == ZSTD_MAGIC_ONE || (first & 0xf0) == ZSTD_SKIPPABLE_ONE;
}

static int begin_zstd(struct decoder *d, unsigned char first)
{
	if (!is_zstd(first))
		return -EBADMSG;
	d->zstd = ZSTD_createDCtx();
	if (!d->zstd)
		return -ENOMEM;
	ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	return 0;
}

static int step_zstd(struct decoder *d, struct span *in, char *out, size_t room, size_t *ret_n)
{
	ZSTD_inBuffer from = { in->ptr, in->len, 0 };
	ZSTD_outBuffer to = { out, room, 0 };
	size_t status = ZSTD_decompressStream(d->zstd, &to, &from);

	/* It asks nobody before it takes a window: that is seen, and given back, afterwards. */
	count(d, ZSTD_sizeof_DCtx(d->zstd));
	if (!has_room(d, 0))
		return -ENOMEM;
	d->at_end = status == 0;
	*in = span_skip(*in, from.pos);
	*ret_n = to.pos;
	if (!ZSTD_isError(status))
		return 0;
	return ZSTD_getErrorCode(status) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG;
}

/* RFC 8878, 3.1: frames follow each other, and the library knows them by itself. */
static int again_zstd(struct decoder *d, unsigned char first)
{
	(void)d;
	return is_zstd(first) ? 0 : -EBADMSG;
}

static void done_zstd(struct decoder *d)
{
	ZSTD_freeDCtx(d->zstd);
	count(d, 0);
}

/* To add a coding: its functions above and a row. */
static const struct coding codings[] = {
	{ "gzip", begin_gzip, step_zlib, again_gzip, done_zlib },
	{ "x-gzip", begin_gzip, step_zlib, again_gzip, done_zlib },
	{ "deflate", begin_deflate, step_zlib, again_never, done_zlib },
	{ "br", begin_brotli, step_brotli, again_never, done_brotli },
	{ "zstd", begin_zstd, step_zstd, again_zstd, done_zstd },
};

static const struct coding raw = { "", begin_raw, step_zlib, again_raw, done_zlib };

int decoder_init(struct decoder *d, struct span name, struct counter *taken)
{
	for (size_t i = 0; i < sizeof(codings) / sizeof(*codings); i++) {
		if (!span_ieq(name, span_of(codings[i].name)))
			continue;
		*d = (struct decoder){ .coding = &codings[i], .taken = taken };
		return 0;
	}
	return -ENOTSUP;
}

void decoder_init_raw(struct decoder *d, unsigned window_bits, struct counter *taken)
{
	*d =
	    (struct decoder){ .coding = &raw, .taken = taken, .window_bits = (uint8_t)window_bits };
}

void decoder_done(struct decoder *d)
{
	if (d->begun)
		d->coding->done(d);
	d->begun = false;
}

int decoder_step(struct decoder *d, struct span *in, char *out, size_t room, size_t *ret_n)
{
	int err = 0;

	*ret_n = 0;
	if (in->len && !d->begun)
		err = d->coding->begin(d, (unsigned char)*in->ptr);
	else if (in->len && d->at_end)
		err = d->coding->again(d, (unsigned char)*in->ptr);
	if (!err && (in->len || d->begun)) {
		d->begun = true;
		err = d->coding->step(d, in, out, room, ret_n);
	}
	return err && d->refused ? -ENOBUFS : err;
}
