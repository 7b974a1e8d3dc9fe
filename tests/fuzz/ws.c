/* One direction of a WebSocket with anything on it: caps hold, no end without a message, nothing
 * after a Close; how the bytes are cut must not matter. The first byte says the direction, the
 * extension and the cuts; the second, where bytes are lost (0: nowhere). */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "http/ws.h"

struct listener {
	struct buf text;
	const struct ws *ws;
};

static void on_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	struct listener *l = ctx;

	(void)ex;
	(void)direction;
	assert(piece.len && ws_in_message(l->ws) && !ws_is_closed(l->ws));
	buf_put(&l->text, piece);
}

static void on_mark(void *ctx, struct exchange *ex, enum direction direction)
{
	(void)ex;
	(void)direction;
	buf_put(&((struct listener *)ctx)->text, SPAN("\n;"));
}

static void on_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	(void)ex;
	(void)direction;
	buf_put(&((struct listener *)ctx)->text, SPAN("\n~"));
}

static const struct exchange_handler handler = { .body = on_body,
						 .gap = on_gap,
						 .message = on_mark };

static void feed(struct ws *ws, struct span in, size_t piece)
{
	for (; in.len; in = span_skip(in, piece))
		ws_feed(ws, span_head(in, piece));
}

static struct buf play(struct span in, unsigned how, size_t hole, size_t piece,
		       enum exchange_fault *ret_fault)
{
	static struct http_header extensions[] = {
		{ { "Sec-WebSocket-Extensions", 24 }, { "permessage-deflate", 18 } },
		{ { "Sec-WebSocket-Extensions", 24 },
		  { "permessage-deflate; client_no_context_takeover; "
		    "server_no_context_takeover",
		    74 } },
	};
	struct listener l = { .text = buf_with_max(1 << 24) };
	struct http_counters counters = { 0 };
	struct exchange ex = { .response.n_headers = how >> 1 & 1,
			       .response.headers = &extensions[how >> 2 & 1] };
	struct ws_options options = { &handler, &l, &counters, &ex, how & 1 };
	struct ws *ws;

	if (ws_new(&options, &ws) < 0)
		abort();
	l.ws = ws;
	if (hole) {
		feed(ws, span_head(in, hole), piece);
		ws_skip(ws, 1 + hole % 7);
		in = span_skip(in, hole);
	}
	feed(ws, in, piece);
	assert(counter_read(&counters.bad_frames) <= 1);
	ws_free(ws);
	*ret_fault = ex.fault;
	return l.text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	enum exchange_fault fault, again;
	struct buf whole, cut;

	if (size < 2)
		return 0;
	in = span_skip(in, 2);
	whole = play(in, data[0], data[1], in.len + 1, &fault);
	cut = play(in, data[0], data[1], 1 + (data[0] >> 3), &again);
	assert(fault == again);
	assert(fault == EXCHANGE_CODING_LIMIT || span_eq(buf_span(&whole), buf_span(&cut)));
	buf_done(&whole);
	buf_done(&cut);
	return 0;
}
