/* Coded bodies of anything: caps hold, an error stays, and it does not matter how they are cut,
 * which the first byte says, with
 * the codings. */
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

/* One of these, or one over another. */
static const char *const names[] = { "gzip", "deflate", "br", "zstd" };

static bool has_zstd(unsigned pick)
{
	return pick % 4 == 3 || (pick / 16 % 2 && pick / 4 % 4 == 3);
}

static struct result decode(unsigned pick, struct span in, size_t piece)
{
	struct span codings[] = { span_of(names[pick % 4]), span_of(names[pick / 4 % 4]) };
	struct result r = { .out = buf_with_max(1 << 22) };
	struct body *body;

	if (body_new(codings, 1 + pick / 16 % 2, put, &r, NULL, &body) < 0)
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
	struct span in = { (const char *)data, size }, shorter;
	struct result whole, cut;
	unsigned pick;

	if (size < 2)
		return 0;
	in = span_skip(in, 2);
	pick = data[1];
	whole = decode(pick, in, in.len + 1);
	assert(whole.bytes <= BODY_OUTPUT_MAX);
	assert(whole.bytes <= (1 << 20) + 16384 || whole.bytes / BODY_RATIO_MAX <= in.len);
	cut = decode(pick, in, 1 + data[0] % 16);
	if (whole.fed != -E2BIG && cut.fed != -E2BIG) {
		/* How much of a broken block is let out is the library's business, and zstd's looks
		 * at less of a broken frame that comes in pieces. */
		assert(has_zstd(pick) || (whole.fed == cut.fed && whole.end == cut.end));
		shorter = buf_span(whole.out.len < cut.out.len ? &whole.out : &cut.out);
		assert(span_starts(buf_span(&whole.out), shorter));
		assert(span_starts(buf_span(&cut.out), shorter));
		assert(whole.fed || cut.fed || whole.out.len == cut.out.len);
	}
	buf_done(&whole.out);
	buf_done(&cut.out);
	return 0;
}
