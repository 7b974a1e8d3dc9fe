/* An event stream of anything: it must not matter how it is cut, and after a gap no event may be
 * heard that is not one of the second part. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "http/sse.h"

struct listener {
	struct buf data, text;
};

static void hear_data(void *ctx, struct span piece)
{
	assert(piece.len);
	buf_put(&((struct listener *)ctx)->data, piece);
}

static void hear_event(void *ctx, struct span name)
{
	struct listener *l = ctx;

	assert(name.len <= SSE_NAME_MAX);
	buf_printf(&l->text, "%zu %zu ", name.len, l->data.len);
	buf_put(&l->text, name);
	buf_put(&l->text, buf_span(&l->data));
	buf_reset(&l->data);
}

static const struct sse_handler handler = { hear_data, hear_event };

static struct listener listen_to(struct span in, size_t piece, size_t gap_at)
{
	struct listener l = { buf_with_max(1 << 22), buf_with_max(1 << 23) };
	struct sse sse;

	sse_init(&sse, &handler, &l);
	for (size_t at = 0; at < in.len; at += piece) {
		if (gap_at <= at && at < gap_at + piece) {
			sse_gap(&sse);
			buf_reset(&l.data);
		}
		sse_feed(&sse, span_head(span_skip(in, at), piece));
	}
	buf_done(&l.data);
	return l;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct listener whole, cut, holed;
	size_t piece;

	if (size < 2)
		return 0;
	piece = 1 + data[0] % 16;
	in = span_skip(in, 2);
	whole = listen_to(in, in.len + 1, SIZE_MAX);
	cut = listen_to(in, piece, SIZE_MAX);
	assert(span_eq(buf_span(&whole.text), buf_span(&cut.text)));
	holed = listen_to(in, piece, data[1]);
	assert(holed.text.len <= whole.text.len ||
	       data[1] < 4); /* a mark at the start is skipped */
	buf_done(&whole.text);
	buf_done(&cut.text);
	buf_done(&holed.text);
	return 0;
}
