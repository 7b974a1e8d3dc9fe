/* Pieces of a stream put together to lines. */
#pragma once

#include "base/buf.h"

#define LINES_BYTES_MAX (1u << 20) /* of one line; a longer one is skipped */

struct lines {
	struct buf rest; /* of the line that is not over; a zeroed struct is ready */
	bool is_skipping;
};

/* Calls `fn` for each line that is complete, without its newline. Stops when it returns false and
 * then does so too. */
typedef bool lines_fn(void *ctx, struct span line);
bool lines_feed(struct lines *lines, struct span piece, lines_fn *fn, void *ctx);
void lines_done(struct lines *lines);
