/* Lines over pieces: what lies in one piece is passed on without a copy. */
#include "cli/lines.h"

static bool end_line(struct lines *lines, struct span last, lines_fn *fn, void *ctx)
{
	bool goes_on = true;

	if (!lines->is_skipping && lines->rest.len) {
		buf_put(&lines->rest, last);
		if (!lines->rest.failed)
			goes_on = fn(ctx, buf_span(&lines->rest));
	} else if (!lines->is_skipping) {
		goes_on = fn(ctx, last);
	}
	buf_reset(&lines->rest);
	lines->is_skipping = false;
	return goes_on;
}

bool lines_feed(struct lines *lines, struct span piece, lines_fn *fn, void *ctx)
{
	lines->rest.max = LINES_BYTES_MAX;
	for (;;) {
		struct span line = span_cut(&piece, '\n');

		if (!piece.ptr) {
			if (!lines->is_skipping)
				buf_put(&lines->rest, line);
			lines->is_skipping |= lines->rest.failed;
			return true;
		}
		if (!end_line(lines, line, fn, ctx))
			return false;
	}
}

void lines_done(struct lines *lines)
{
	buf_done(&lines->rest);
}
