/* The queue of exchanges. Each owns copies of its heads, so that they outlive the chunks. The
 * invariant: messages of one direction are done in the order of the queue. */
#include "http/inflight.h"

#include <errno.h>
#include <stdlib.h>

struct call *inflight_add(struct inflight *f)
{
	struct call **at = &f->first;
	struct call *call;

	if (f->n == H1_PIPELINE_MAX)
		return NULL;
	call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	call->ex.connection = f->connection;
	while (*at)
		at = &(*at)->next;
	*at = call;
	f->n++;
	return call;
}

int inflight_set_head(struct inflight *f, struct call *call, enum direction direction,
		      struct span bytes)
{
	struct http_header room[HEAD_HEADERS_MAX];
	struct http_head head, copy;
	long n = direction == DIRECTION_SENT ? head_parse_request(bytes, room, &head)
					     : head_parse_response(bytes, room, &head);

	if (n < 0)
		return (int)n;
	if (head_copy(&head, span_head(bytes, (size_t)n), &copy) < 0)
		return -ENOMEM;
	if (copy.own_bytes > INFLIGHT_HEADS_MAX - f->head_bytes) {
		head_done(&copy);
		return -ENOBUFS;
	}
	f->head_bytes += copy.own_bytes;
	*exchange_head(&call->ex, direction) = copy;
	return 0;
}

void inflight_drop_head(struct inflight *f, struct call *call, enum direction direction)
{
	struct http_head *head = exchange_head(&call->ex, direction);

	f->head_bytes -= head->own_bytes;
	head_done(head);
}

struct call *inflight_awaiting(const struct inflight *f)
{
	struct call *call = f->first;

	while (call && call->done[DIRECTION_RECEIVED])
		call = call->next;
	return call;
}

void inflight_mark_awaiting(struct inflight *f, enum completeness completeness)
{
	for (struct call *call = inflight_awaiting(f); call; call = call->next)
		call_mark(call, completeness);
}

void inflight_remove(struct inflight *f, struct call *call)
{
	struct call **at = &f->first;

	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	f->n--;
	inflight_drop_head(f, call, DIRECTION_SENT);
	inflight_drop_head(f, call, DIRECTION_RECEIVED);
	free(call);
}

static void end(struct inflight *f, struct call *call, int64_t time_utc_ns)
{
	call->ex.end_utc_ns = time_utc_ns;
	counter_add(f->ended, 1);
	f->connection->has_calls = true;
	f->handler->end(f->ctx, &call->ex);
	inflight_remove(f, call);
}

void inflight_done(struct inflight *f, struct call *call, enum direction direction,
		   int64_t time_utc_ns)
{
	call->done[direction] = true;
	if (call->done[DIRECTION_SENT] && call->done[DIRECTION_RECEIVED])
		end(f, call, time_utc_ns);
}

void inflight_abandon(struct inflight *f, bool keep_newest, int64_t time_utc_ns)
{
	struct call *call = inflight_awaiting(f), *next;

	for (; call && (call->next || !keep_newest); call = next) {
		next = call->next;
		call_mark(call, COMPLETENESS_GAP);
		inflight_done(f, call, DIRECTION_RECEIVED, time_utc_ns);
	}
}

void inflight_end_all(struct inflight *f, enum completeness completeness, int64_t time_utc_ns)
{
	while (f->first) {
		call_mark(f->first, completeness);
		end(f, f->first, time_utc_ns);
	}
}
