/* Coded bodies of anything: caps hold, an error stays, and it does not matter how they are cut,
 * which the first byte says. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "http/body.h"

struct result {
	int fed, end;
	struct buf out;
	uint64_t bytes;
};

static void put(void *ctx, struct span piece)
{
	struct result *r = ctx;

	assert(piece.len && !r->fed);
	r->bytes += piece.len;
	buf_put(&r->out, piece);
}

static struct result decode(struct span in, size_t piece)
{
	struct result r = { .out = buf_with_max(1 << 22) };
	struct body *body;

	if (body_new(SPAN("gzip"), put, &r, &body) < 0)
		abort();
	for (; in.len; in = span_skip(in, piece)) {
		int err = body_feed(body, span_head(in, piece));

		assert(!r.fed || err == r.fed);
		r.fed = err;
	}
	r.end = body_end(body);
	assert(r.fed ? r.end == r.fed : r.end == 0 || r.end == -EAGAIN);
	body_free(body);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct result whole, cut;

	if (!size)
		return 0;
	in = span_skip(in, 1);
	whole = decode(in, in.len + 1);
	assert(whole.bytes <= BODY_OUTPUT_MAX);
	assert(whole.bytes <= (1 << 20) + 16384 || whole.bytes / BODY_RATIO_MAX <= in.len);
	cut = decode(in, 1 + data[0] % 16);
	if (whole.fed != -E2BIG && cut.fed != -E2BIG) {
		assert(whole.fed == cut.fed && whole.end == cut.end);
		assert(span_eq(buf_span(&whole.out), buf_span(&cut.out)));
	}
	buf_done(&whole.out);
	buf_done(&cut.out);
	return 0;
}
