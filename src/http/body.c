/* Content codings by zlib, a window of output at a time. The first error stays: a body that broke
 * or blew up is not looked at again. */
#include "http/body.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/cleanup.h"

#define WINDOW_BYTES   16384
#define RATIO_FROM     (1u << 20) /* decoded bytes from which the ratio counts */
#define GZIP_ONLY      (16 + MAX_WBITS)
#define GZIP_MAGIC_ONE 0x1f

struct body {
	body_piece_fn *fn;
	void *ctx;
	bool gzip;
	bool at_end; /* of a member: there may be another */
	int error;
	uint64_t coded_bytes;
	uint64_t decoded_bytes;
	z_stream z;
};

int body_new(struct span coding, body_piece_fn *fn, void *ctx, struct body **ret_body)
{
	FREE_PTR struct body *body = NULL;
	bool gzip = span_ieq(coding, SPAN("gzip")) || span_ieq(coding, SPAN("x-gzip"));

	if (coding.len && !gzip && !span_ieq(coding, SPAN("identity")))
		return -ENOTSUP;
	body = calloc(1, sizeof(*body));
	if (!body)
		return -ENOMEM;
	body->fn = fn;
	body->ctx = ctx;
	body->gzip = gzip;
	if (gzip && inflateInit2(&body->z, GZIP_ONLY) != Z_OK)
		return -ENOMEM;
	*ret_body = TAKE_PTR(body);
	return 0;
}

void body_free(struct body *body)
{
	if (!body)
		return;
	if (body->gzip)
		inflateEnd(&body->z);
	free(body);
}

static int check_caps(const struct body *body)
{
	uint64_t coded_bytes = body->coded_bytes - body->z.avail_in;

	if (body->decoded_bytes > BODY_OUTPUT_MAX)
		return -E2BIG;
	if (body->decoded_bytes > RATIO_FROM && body->decoded_bytes / BODY_RATIO_MAX > coded_bytes)
		return -E2BIG;
	return 0;
}

/* One window of output; 0 when there is nothing more to do without more input, 1 to go on. */
static int inflate_window(struct body *body)
{
	unsigned char window[WINDOW_BYTES];
	size_t n;
	int status;

	if (body->at_end) {
		if (!body->z.avail_in)
			return 0;
		/* RFC 1952, 2.2: members follow each other; anything else is no part of it. */
		if (*body->z.next_in != GZIP_MAGIC_ONE || inflateReset(&body->z) != Z_OK)
			return -EBADMSG;
	}
	body->z.next_out = window;
	body->z.avail_out = sizeof(window);
	status = inflate(&body->z, Z_NO_FLUSH);
	body->at_end = status == Z_STREAM_END;
	n = sizeof(window) - body->z.avail_out;
	body->decoded_bytes += n;
	if (check_caps(body))
		return -E2BIG;
	/* Before an error too, or what is heard would depend on how the input was cut. */
	if (n)
		body->fn(body->ctx, (struct span){ (const char *)window, n });
	if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
		return status == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
	return body->z.avail_in || !body->z.avail_out;
}

int body_feed(struct body *body, struct span coded)
{
	int more = 1;

	if (body->error || !coded.len)
		return body->error;
	if (!body->gzip) {
		body->fn(body->ctx, coded);
		return 0;
	}
	while (coded.len && more >= 0) {
		struct span part = span_head(coded, 1u << 30); /* zlib counts in unsigned int */

		coded = span_skip(coded, part.len);
		body->coded_bytes += part.len;
		body->z.next_in = (unsigned char *)part.ptr;
		body->z.avail_in = (unsigned)part.len;
		do
			more = inflate_window(body);
		while (more > 0);
	}
	body->error = more < 0 ? more : 0;
	return body->error;
}

int body_end(struct body *body)
{
	if (body->error)
		return body->error;
	return body->gzip && body->coded_bytes && !body->at_end ? -EAGAIN : 0;
}
