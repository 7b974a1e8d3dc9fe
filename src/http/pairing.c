/* Heads become exchanges here: the sent side adds calls to the queue, the received side answers the
 * oldest one that waits. What cannot be told is marked, never guessed: see pairing_stumble and
 * settle_waiting for what a loss does to the order. */
#include "http/pairing.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "http/upgrade.h"

static void drop_held(struct h1 *h1)
{
	if (h1->held)
		explicit_bzero(h1->held, h1->held_len);
	free(TAKE_PTR(h1->held));
	h1->held_len = 0;
}

/* The end of all parsing; the calls in flight end as what they are by now, or `completeness`. */
void pairing_shut(struct h1 *h1, enum completeness completeness)
{
	h1->opaque = true;
	for (unsigned d = 0; d < 2; d++) {
		content_drop(&h1->sides[d].content);
		message_lose(&h1->sides[d].message);
		h1->sides[d].call = NULL;
	}
	drop_held(h1);
	inflight_end_all(&h1->calls, completeness, h1->now_utc_ns);
}

static void give_up(struct h1 *h1, struct counter *why)
{
	counter_add(why, 1);
	pairing_shut(h1, COMPLETENESS_GAP);
}

/* The message at hand is done. */
void pairing_finish(struct h1 *h1, struct side *side)
{
	struct call *call = TAKE_PTR(side->call);

	if (h1->pipelined && !pairing_is_whole(h1))
		call_mark(call, COMPLETENESS_GAP);
	content_drop(&side->content);
	inflight_done(&h1->calls, call, side->content.direction, h1->now_utc_ns);
}

static void count_bytes(struct h1 *h1, struct side *side, uint64_t n)
{
	struct exchange *ex = side->call ? &side->call->ex : NULL;

	if (ex && side_is_sent(side)) {
		ex->request_bytes += n;
	} else if (ex) {
		ex->response_bytes += n;
	} else if (n && side_is_sent(side) && side->message.state != MESSAGE_LOST) {
		if (!side->head_bytes)
			side->head_utc_ns = h1->now_utc_ns;
		side->head_bytes += n;
	}
}

void pairing_pass(struct side *side, struct call *call, uint64_t n, bool cut)
{
	uint64_t *bytes = side_is_sent(side) ? &call->ex.request_bytes : &call->ex.response_bytes;

	*bytes += n;
	if (cut)
		return;
	call->ex.lost_bytes += n;
	call_mark(call, COMPLETENESS_GAP);
}

/* The place in the stream is lost, and `n` bytes with it. */
void pairing_stumble(struct h1 *h1, struct side *side, uint64_t n)
{
	struct call *call = side->call;

	if (side->message.state != MESSAGE_LOST)
		counter_add(&h1->counters->resyncs, 1);
	h1->stumbled = true;
	h1->requests_lost |= side_is_sent(side);
	side->head_bytes = 0;
	message_lose(&side->message);
	if (!call && !side_is_sent(side))
		call = inflight_awaiting(&h1->calls);
	if (call && n) {
		pairing_pass(side, call, n, false);
		content_gap(&side->content, n);
	}
	if (side->call)
		pairing_finish(h1, side);
	if (n && !side_is_sent(side))
		inflight_mark_awaiting(&h1->calls, COMPLETENESS_GAP);
}

/* Bytes that are no head where one was due. */
static void refuse_head(struct h1 *h1, struct side *side)
{
	if (side_is_sent(side) && !h1->requests_seen && pairing_is_whole(h1)) {
		give_up(h1, &h1->counters->opaque_other);
		return;
	}
	counter_add(&h1->counters->bad_heads, 1);
	if (side->call)
		content_fault(&side->call->ex, EXCHANGE_BAD_HEAD);
	pairing_stumble(h1, side, 0);
}

static void begin_body(struct h1 *h1, struct side *side, int err, enum body_framing framing,
		       uint64_t length)
{
	if (err) {
		counter_add(&h1->counters->bad_heads, 1);
		content_fault(&side->call->ex, EXCHANGE_BAD_HEAD);
		pairing_stumble(h1, side, 0);
		return;
	}
	message_body(&side->message, framing, length);
	content_begin(&side->content, &side->call->ex);
}

/* A request is here: what do the calls before it still wait for? */
static void settle_waiting(struct h1 *h1, struct call *newest)
{
	struct side *received = &h1->sides[DIRECTION_RECEIVED];
	struct call *waiting = inflight_awaiting(&h1->calls);

	if (waiting == newest)
		return;
	if (!waiting->orphan) {
		/* A request was lost between: the response that comes after theirs may be its. */
		if (h1->requests_lost)
			call_mark(newest, COMPLETENESS_GAP);
	} else if (pairing_is_whole(h1)) {
		/* Its own response is the one that overtook it. */
		newest->done[DIRECTION_RECEIVED] = true;
		call_mark(newest, COMPLETENESS_GAP);
	} else {
		/* The client goes on, so the response is over, wherever we think that it ends. */
		call_mark(waiting, COMPLETENESS_GAP);
		pairing_stumble(h1, received, 0);
	}
}

static void open_request(struct h1 *h1, struct side *side, struct span bytes)
{
	struct call *call = inflight_add(&h1->calls);
	enum body_framing framing = BODY_NONE;
	uint64_t length = 0;
	int err;

	if (!call) {
		give_up(h1, &h1->counters->opaque_other);
		return;
	}
	err = inflight_set_head(&h1->calls, call, DIRECTION_SENT, bytes);
	if (err) {
		inflight_remove(&h1->calls, call);
		if (err == -EBADMSG || err == -E2BIG)
			refuse_head(h1, side);
		else
			give_up(h1, &h1->counters->opaque_other);
		return;
	}
	settle_waiting(h1, call);
	h1->requests_seen = true;
	h1->requests_lost = false;
	call->ex.request_utc_ns = side->head_utc_ns;
	call->ex.request_bytes = side->head_bytes;
	side->head_bytes = 0;
	side->call = call;
	h1->calls.handler->request(h1->calls.ctx, &call->ex);
	err = head_request_framing(&call->ex.request, &framing, &length);
	begin_body(h1, side, err, framing, length);
}

static bool is_tunnel(const struct exchange *ex)
{
	return ex->response.status == 101 ||
	       (ex->response.status / 100 == 2 && span_eq(ex->request.method, SPAN("CONNECT")));
}

static void open_response(struct h1 *h1, struct side *side, struct span bytes)
{
	struct call *call = side->call;
	struct exchange *ex = &call->ex;
	enum body_framing framing = BODY_NONE;
	uint64_t length = 0;
	int err = inflight_set_head(&h1->calls, call, DIRECTION_RECEIVED, bytes);

	if (err == -EBADMSG || err == -E2BIG) {
		refuse_head(h1, side);
		return;
	}
	if (err) {
		give_up(h1, &h1->counters->opaque_other);
		return;
	}
	if (ex->response.status < 200 && ex->response.status != 101) {
		inflight_drop_head(&h1->calls, call, DIRECTION_RECEIVED);
		message_next_head(&side->message);
		ex->response_utc_ns = 0;
		side->call = NULL;
		return;
	}
	h1->calls.handler->response(h1->calls.ctx, ex);
	if (upgrade_begin(h1, call))
		return;
	if (is_tunnel(ex)) {
		pairing_finish(h1, side);
		give_up(h1, &h1->counters->opaque_other);
		return;
	}
	err = head_response_framing(&ex->response, ex->request.method, &framing, &length);
	begin_body(h1, side, err, framing, length);
}

static void end_message(struct h1 *h1, struct side *side)
{
	if (!content_end(&side->content)) {
		counter_add(&h1->counters->bad_codings, 1);
		content_fault(&side->call->ex, EXCHANGE_BAD_CODING);
	}
	pairing_finish(h1, side);
}

static void handle(struct h1 *h1, struct side *side, enum message_event event, struct span piece)
{
	switch (event) {
	case MESSAGE_MORE:
		break;
	case MESSAGE_HEAD:
		if (side_is_sent(side))
			open_request(h1, side, piece);
		else
			open_response(h1, side, piece);
		break;
	case MESSAGE_PIECE:
		content_piece(&side->content, piece);
		break;
	case MESSAGE_END:
		end_message(h1, side);
		break;
	case MESSAGE_BAD:
		if (!message_in_body(&side->message)) {
			refuse_head(h1, side);
			break;
		}
		content_fault(&side->call->ex, EXCHANGE_BAD_CHUNK);
		pairing_stumble(h1, side, 0);
		break;
	}
}

static bool may_be_response(struct span bytes)
{
	struct http_header room[HEAD_HEADERS_MAX];
	struct http_head head;

	return head_parse_response(bytes, room, &head) != -EBADMSG;
}

static struct call *add_orphan(struct h1 *h1)
{
	struct call *call = inflight_add(&h1->calls);

	if (!call) {
		give_up(h1, &h1->counters->opaque_other);
		return NULL;
	}
	call->orphan = true;
	call->done[DIRECTION_SENT] = true;
	call_mark(call, h1->requests_seen || h1->requests_lost ? COMPLETENESS_GAP
							       : COMPLETENESS_PRE_ATTACH);
	return call;
}

/* Lets a held response go: to the call that waits for one, else it is an orphan. What begins no
 * response is the end of one that we never saw the start of. */
void pairing_release(struct h1 *h1)
{
	struct side *received = &h1->sides[DIRECTION_RECEIVED];
	FREE_PTR char *held = TAKE_PTR(h1->held);
	struct span bytes = { held, h1->held_len };
	struct call *call = inflight_awaiting(&h1->calls);
	int64_t now_utc_ns = h1->now_utc_ns;

	if (!held)
		return;
	h1->held_len = 0;
	if (!call) /* else it is as if it came now: no response is older than its request */
		h1->now_utc_ns = h1->held_utc_ns;
	if (!may_be_response(bytes))
		pairing_stumble(h1, received, 0);
	else if (call || add_orphan(h1))
		pairing_pump(h1, received, bytes);
	h1->now_utc_ns = now_utc_ns;
	explicit_bzero(held, bytes.len);
}

/* True when the hold is full; then all of it goes. */
static bool hold(struct h1 *h1, struct span *in)
{
	struct span part = span_head(*in, H1_HELD_MAX - h1->held_len);

	if (!h1->held) {
		h1->held = malloc(H1_HELD_MAX);
		h1->held_utc_ns = h1->now_utc_ns;
	}
	if (!h1->held) {
		give_up(h1, &h1->counters->opaque_other);
		return false;
	}
	memcpy(h1->held + h1->held_len, part.ptr, part.len);
	h1->held_len += part.len;
	*in = span_skip(*in, part.len);
	return h1->held_len == H1_HELD_MAX;
}

/* The first bytes of a response: whose are they? False: of nobody, or of nobody yet. */
static bool admit(struct h1 *h1, struct side *side, struct span *in)
{
	struct call *call = inflight_awaiting(&h1->calls);

	if (!call && pairing_is_whole(h1)) {
		if (!hold(h1, in))
			return false;
		pairing_release(h1);
		return !h1->opaque;
	}
	if (!call && !may_be_response(*in)) {
		pairing_stumble(h1, side, 0);
		return false;
	}
	if (!call)
		call = add_orphan(h1);
	if (!call)
		return false;
	h1->pipelined |= call->next != NULL;
	call->ex.response_utc_ns = h1->now_utc_ns;
	side->call = call;
	return true;
}

/* Received bytes between messages need a call to belong to. False: they are of nobody yet. */
static bool find_call(struct h1 *h1, struct side *side, struct span *in)
{
	while (in->len && !side->call && message_is_idle(&side->message) && !h1->opaque)
		if (!admit(h1, side, in))
			return false;
	return !h1->opaque;
}

void pairing_pump(struct h1 *h1, struct side *side, struct span in)
{
	enum message_event event;
	struct span piece;

	do {
		size_t had;

		if (side->content.ws) {
			upgrade_feed(h1, side, in);
			return;
		}
		if (!side_is_sent(side) && !find_call(h1, side, &in))
			return;
		had = in.len;
		event = message_next(&side->message, &in, &piece);
		count_bytes(h1, side, had - in.len);
		handle(h1, side, event, piece);
	} while (event != MESSAGE_MORE && !h1->opaque);
}
