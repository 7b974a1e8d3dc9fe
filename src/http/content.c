/* Between framing and the next stage: one decoder, made for the first piece. Whatever goes wrong
 * marks the exchange and mutes the rest of the body; the framing goes on without us. */
#include "http/content.h"

#include <errno.h>

#define MANY_CODINGS SPAN("many")

/* The one coding of a message, empty for none. RFC 9110, 8.4: a field line more is a coding more; a
 * transfer coding is one too, for chunked is gone when we look. */
static struct span find_coding(const struct http_head *head)
{
	struct span found = { NULL, 0 };

	for (unsigned i = 0; i < head->n_headers; i++) {
		struct span name = head->headers[i].name, value = head->headers[i].value;
		bool transfer = span_ieq(name, SPAN("transfer-encoding"));

		if (!transfer && !span_ieq(name, SPAN("content-encoding")))
			continue;
		if (transfer && span_ieq(value, SPAN("chunked")))
			continue;
		if (found.len)
			return MANY_CODINGS;
		found = value;
	}
	return found;
}

static const struct http_head *head_of(const struct content *c)
{
	return c->direction == DIRECTION_SENT ? &c->ex->request : &c->ex->response;
}

static void stop(struct content *c, int err)
{
	bool limit = err == -E2BIG;

	c->stopped = true;
	content_fault(c->ex, limit ? EXCHANGE_CODING_LIMIT : EXCHANGE_BAD_CODING);
	counter_add(limit ? &c->counters->coding_limits : &c->counters->bad_codings, 1);
}

static void deliver(void *ctx, struct span piece)
{
	struct content *c = ctx;

	c->handler->body(c->ctx, c->ex, c->direction, piece);
}

void content_begin(struct content *c, struct exchange *ex)
{
	struct span coding;

	c->ex = ex;
	coding = find_coding(head_of(c));
	c->coded = coding.len && !span_ieq(coding, SPAN("identity"));
	c->stopped = false;
}

void content_piece(struct content *c, struct span piece)
{
	int err = 0;

	if (!c->ex || c->stopped)
		return;
	if (!c->coded) {
		deliver(c, piece);
		return;
	}
	if (!c->body)
		err = body_new(find_coding(head_of(c)), deliver, c, &c->body);
	if (!err)
		err = body_feed(c->body, piece);
	if (err)
		stop(c, err);
}

void content_gap(struct content *c)
{
	if (!c->ex)
		return;
	c->stopped |= c->coded;
	c->handler->gap(c->ctx, c->ex, c->direction);
}

bool content_end(struct content *c)
{
	bool whole = c->stopped || !c->body || body_end(c->body) == 0;

	content_drop(c);
	return whole;
}

void content_drop(struct content *c)
{
	body_free(c->body);
	c->body = NULL;
	c->ex = NULL;
}
