/* The seam between http/pairing and http/ws: counts bytes, marks the call, ends it. */
#include "http/upgrade.h"

#include "http/ws.h"

bool upgrade_begin(struct h1 *h1, struct call *call)
{
	const struct http_head *response = &call->ex.response;
	struct side *sent = &h1->sides[DIRECTION_SENT];
	bool in_step = message_is_idle(&sent->message) && !call->orphan;

	if (response->status != 101 || call->next || sent->call ||
	    !span_ieq(head_get(response, SPAN("upgrade")), SPAN("websocket")))
		return false;
	for (unsigned d = 0; d < 2; d++) {
		if (content_begin_websocket(&h1->sides[d].content, &call->ex) < 0)
			return false;
		message_lose(&h1->sides[d].message);
		h1->sides[d].call = call;
	}
	counter_add(&h1->counters->websockets, 1);
	if (!in_step) {
		call_mark(call, COMPLETENESS_GAP);
		content_gap(&sent->content, CONTENT_LOST);
	}
	return true;
}

static void finish(struct h1 *h1)
{
	struct call *call = h1->sides[DIRECTION_RECEIVED].call;
	bool cut = false;

	for (unsigned d = 0; d < 2; d++)
		cut |= ws_in_message(h1->sides[d].content.ws);
	if (cut)
		call_mark(call, COMPLETENESS_TRUNCATED);
	inflight_done(&h1->calls, call, DIRECTION_RECEIVED, h1->now_utc_ns);
	pairing_shut(h1, COMPLETENESS_TRUNCATED);
}

void upgrade_feed(struct h1 *h1, struct side *side, struct span in)
{
	struct exchange *ex = &side->call->ex;

	*(side_is_sent(side) ? &ex->request_bytes : &ex->response_bytes) += in.len;
	ex->end_utc_ns = h1->now_utc_ns;
	content_piece(&side->content, in);
	if (ws_is_closed(h1->sides[DIRECTION_SENT].content.ws) &&
	    ws_is_closed(h1->sides[DIRECTION_RECEIVED].content.ws))
		finish(h1);
}

void upgrade_skip(struct h1 *h1, struct side *side, uint64_t n, bool cut)
{
	pairing_pass(side, side->call, n, cut);
	side->call->ex.end_utc_ns = h1->now_utc_ns;
	content_gap(&side->content, n);
}

void upgrade_close(struct h1 *h1)
{
	if (h1->sides[DIRECTION_SENT].content.ws)
		finish(h1);
}
