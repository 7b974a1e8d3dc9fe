/* The table of streams. Each owns copies of its heads, so that they outlive the header blocks. */
#include "http/streams.h"

#include <stdlib.h>

#include "http/ws.h"

struct stream *streams_find(const struct streams *t, uint32_t id)
{
	struct stream *s;

	HASH_FIND(hh, t->all, &id, sizeof(id), s);
	return s;
}

struct stream *streams_add(struct streams *t, uint32_t id)
{
	struct stream *s;

	if (HASH_COUNT(t->all) == STREAMS_MAX)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->id = id;
	s->ex.connection = t->connection;
	for (unsigned d = 0; d < 2; d++)
		s->content[d] = (struct content){ .handler = t->handler,
						  .ctx = t->ctx,
						  .counters = t->counters,
						  .direction = d };
	HASH_ADD(hh, t->all, id, sizeof(s->id), s);
	return s;
}

bool streams_set_head(struct streams *t, struct stream *s, enum direction direction,
		      struct http_head *head)
{
	if (head->own_bytes > STREAMS_HEADS_MAX - t->head_bytes) {
		head_done(head);
		return false;
	}
	t->head_bytes += head->own_bytes;
	*exchange_head(&s->ex, direction) = *head;
	*head = (struct http_head){ 0 };
	return true;
}

static void end(struct streams *t, struct stream *s, int64_t time_utc_ns)
{
	t->gone[t->next_gone++ % STREAMS_GONE_MAX] = s->id;
	HASH_DEL(t->all, s);
	for (unsigned d = 0; d < 2; d++)
		content_drop(&s->content[d]);
	s->ex.end_utc_ns = time_utc_ns;
	counter_add(&t->counters->exchanges, 1);
	t->connection->has_calls = true;
	t->handler->end(t->ctx, &s->ex);
	for (unsigned d = 0; d < 2; d++) {
		t->head_bytes -= exchange_head(&s->ex, d)->own_bytes;
		head_done(exchange_head(&s->ex, d));
	}
	free(s);
}

void streams_done(struct streams *t, struct stream *s, enum direction direction,
		  int64_t time_utc_ns)
{
	s->done[direction] = true;
	if (s->done[DIRECTION_SENT] && s->done[DIRECTION_RECEIVED])
		end(t, s, time_utc_ns);
}

static bool is_between_messages(const struct stream *s)
{
	const struct ws *sent = s->content[DIRECTION_SENT].ws;
	const struct ws *received = s->content[DIRECTION_RECEIVED].ws;

	return s->ex.response.status == 101 && (!sent || !ws_in_message(sent)) &&
	       (!received || !ws_in_message(received));
}

bool streams_is_closed(const struct stream *s)
{
	const struct ws *sent = s->content[DIRECTION_SENT].ws;
	const struct ws *received = s->content[DIRECTION_RECEIVED].ws;

	return sent && received && ws_is_closed(sent) && ws_is_closed(received);
}

static void cut(struct stream *s, enum completeness completeness)
{
	if (completeness != COMPLETENESS_TRUNCATED || !is_between_messages(s))
		stream_mark(s, completeness);
}

void streams_cancel(struct streams *t, struct stream *s, enum completeness completeness,
		    int64_t time_utc_ns)
{
	cut(s, completeness);
	end(t, s, time_utc_ns);
}

void streams_end_all(struct streams *t, enum completeness completeness, int64_t time_utc_ns)
{
	struct stream *s, *next;

	HASH_ITER(hh, t->all, s, next) {
		cut(s, completeness);
		end(t, s, time_utc_ns);
	}
}

bool streams_is_gone(const struct streams *t, uint32_t id)
{
	for (unsigned i = 0; i < STREAMS_GONE_MAX; i++)
		if (t->gone[i] == id)
			return true;
	return false;
}
