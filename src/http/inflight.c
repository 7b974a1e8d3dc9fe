/* The queue of exchanges. Each owns copies of its heads, so that they outlive the chunks; both are
 * wiped before they are freed, for they hold credentials. The invariant: messages of one direction
 * are done in the order of the queue. */
#include "http/inflight.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

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
	FREE_PTR char *copy = NULL;
	struct span head = bytes;
	long n;

	if (bytes.len > INFLIGHT_HEADS_MAX - f->head_bytes)
		return -ENOBUFS;
	copy = malloc(bytes.len);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, bytes.ptr, bytes.len);
	head.ptr = copy;
	n = direction == DIRECTION_SENT ? head_parse_request(head, &call->ex.request)
					: head_parse_response(head, &call->ex.response);
	if (n < 0) {
		explicit_bzero(copy, bytes.len);
		return (int)n;
	}
	call->head[direction] = TAKE_PTR(copy);
	call->head_len[direction] = bytes.len;
	f->head_bytes += bytes.len;
	return 0;
}

void inflight_drop_head(struct inflight *f, struct call *call, enum direction direction)
{
	struct http_head *head =
	    direction == DIRECTION_SENT ? &call->ex.request : &call->ex.response;

	memset(head, 0, offsetof(struct http_head, headers));
	if (!call->head[direction])
		return;
	explicit_bzero(call->head[direction], call->head_len[direction]);
	free(TAKE_PTR(call->head[direction]));
	f->head_bytes -= call->head_len[direction];
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
