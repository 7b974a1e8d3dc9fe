/* Between framing and the next stage: what is coded is held, or has a decoder. Whatever goes wrong
 * marks the exchange and mutes the rest of the body; the framing goes on without us. */
#include "http/content.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "http/ws.h"

/* Those of a message, in the order in which they were applied; `n` counts all. */
struct codings {
	unsigned n;
	struct span names[BODY_CODINGS_MAX];
};

static void add_codings(const struct http_head *head, struct span field, struct codings *codings)
{
	for (unsigned i = 0; i < head->n_headers; i++) {
		struct span rest = head->headers[i].value;

		while (span_ieq(head->headers[i].name, field) && rest.ptr) {
			struct span name = span_trim(span_cut(&rest, ','));

			if (!name.len || span_ieq(name, SPAN("identity")) ||
			    span_ieq(name, SPAN("chunked")))
				continue;
			if (codings->n < BODY_CODINGS_MAX)
				codings->names[codings->n] = name;
			codings->n++;
		}
	}
}

/* RFC 9110, 8.4: a field line more is a coding more; a transfer coding comes over them, and chunked
 * is gone when we look. */
static struct codings find_codings(const struct http_head *head)
{
	struct codings codings = { 0 };

	add_codings(head, SPAN("content-encoding"), &codings);
	add_codings(head, SPAN("transfer-encoding"), &codings);
	return codings;
}

static void drop_held(struct content *c)
{
	if (c->held)
		buf_done(c->held);
	free(TAKE_PTR(c->held));
}

/* Nothing more is decoded, and nothing kept for it. */
static void stop(struct content *c)
{
	c->stopped = true;
	drop_held(c);
	body_free(TAKE_PTR(c->body));
}

static void deliver(void *ctx, struct span piece)
{
	struct content *c = ctx;

	c->handler->body(c->ctx, c->ex, c->direction, piece);
}

void content_begin(struct content *c, struct exchange *ex)
{
	c->ex = ex;
	c->coded = find_codings(exchange_head(ex, c->direction)).n > 0;
	c->unsure = !c->coded && ex->completeness >= COMPLETENESS_GAP;
	c->told = NULL;
	c->stopped = false;
}

int content_begin_websocket(struct content *c, struct exchange *ex)
{
	struct ws_options options = { .handler = c->handler,
				      .ctx = c->ctx,
				      .counters = c->counters,
				      .exchange = ex,
				      .direction = c->direction };

	return ws_new(&options, &c->ws);
}

/* RFC 1952, 2.3.1 (gzip) and RFC 8878, 3.1.1 (zstd). The first byte tells, and may come alone. */
static void look(struct content *c, struct span piece)
{
	if (span_starts(piece, SPAN("\x1f")))
		c->told = "gzip";
	else if (span_starts(piece, SPAN("\x28")))
		c->told = "zstd";
	c->coded = c->told;
	c->unsure = false;
}

static int make_body(struct content *c, struct counter *taken)
{
	struct codings codings = c->told ? (struct codings){ 1, { span_of(c->told) } }
					 : find_codings(exchange_head(c->ex, c->direction));

	return body_new(codings.names, codings.n, deliver, c, taken, &c->body);
}

/* What is held, and a piece more. */
static void decode(struct content *c, struct span piece, struct counter *taken)
{
	bool failed = c->held && c->held->failed;
	int err = failed ? -ENOMEM : c->body ? 0 : make_body(c, taken);

	if (!err && c->held)
		err = body_feed(c->body, buf_span(c->held));
	drop_held(c);
	if (!err)
		err = body_feed(c->body, piece);
	if (!err)
		return;
	content_fault_by(c->ex, c->counters, err);
	stop(c);
}

/* Nothing more comes: its decoder is gone at once, and not counted. */
static void decode_held(struct content *c)
{
	if (c->held && c->held->len)
		decode(c, (struct span){ NULL, 0 }, NULL);
}

/* False: there is no room for it. */
static bool hold(struct content *c, struct span piece)
{
	if (!c->held)
		c->held = calloc(1, sizeof(*c->held));
	if (!c->held)
		return false;
	c->held->max = CONTENT_HELD_MAX;
	if (piece.len > c->held->max - c->held->len)
		return false;
	buf_put(c->held, piece);
	return true;
}

void content_piece(struct content *c, struct span piece)
{
	if (c->ws) {
		ws_feed(c->ws, piece);
		return;
	}
	if (!c->ex || c->stopped)
		return;
	if (c->unsure && piece.len)
		look(c, piece);
	if (!c->coded)
		deliver(c, piece);
	else if (c->body || !hold(c, piece))
		decode(c, piece, &c->counters->decoder_bytes);
}

void content_gap(struct content *c, uint64_t bytes)
{
	if (c->ws)
		ws_skip(c->ws, bytes);
	if (!c->ex)
		return;
	decode_held(c);
	if (c->coded)
		stop(c);
	c->unsure = false;
	c->handler->gap(c->ctx, c->ex, c->direction);
}

bool content_end(struct content *c)
{
	bool whole;

	decode_held(c);
	whole = c->stopped || !c->body || body_end(c->body) == 0;
	if (c->ex)
		c->ex->body_ended[c->direction] = true;
	if (c->ex && c->direction == DIRECTION_SENT && c->handler->sent)
		c->handler->sent(c->ctx, c->ex);
	content_drop(c);
	return whole;
}

void content_drop(struct content *c)
{
	decode_held(c);
	stop(c);
	c->ex = NULL;
	ws_free(TAKE_PTR(c->ws));
}
