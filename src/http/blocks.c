/* Header blocks to heads. Each goes through the inflater of its direction, whoever it is for, or
 * the table there would be another than the peer's. */
#include "http/blocks.h"

#include <errno.h>

#include "http/calls.h"
#include "http/h2.h"

void blocks_lose(struct h2 *h2, struct lane *lane)
{
	counter_add(&h2->counters->hpack_lost, 1);
	hpack_lose(&lane->hpack);
}

void blocks_open(struct h2 *h2, struct lane *lane)
{
	const struct frame *frame = &lane->frames.frame;
	bool newer = lane_is_sent(lane) && frame->id & 1 && frame->id > h2->newest_id;

	lane->block_id = frame->id;
	lane->block_frames = 1;
	lane->block_pushed = frame->type == FRAME_PUSH_PROMISE;
	lane->block_ends = !lane->block_pushed && frame->flags & FRAME_END_STREAM;
	if (lane->block_pushed)
		return;
	if (newer)
		h2->newest_id = frame->id;
	if (streams_find(&h2->streams, frame->id) || streams_is_gone(&h2->streams, frame->id))
		return;
	if (newer)
		calls_open_request(h2, frame->id);
	else
		calls_open_unseen(h2, lane, frame->id);
}

void blocks_continue(struct h2 *h2, struct lane *lane)
{
	if (!lane->block_id) /* the rest of one that was lost */
		hpack_forget(&lane->hpack);
	else if (++lane->block_frames > H2_BLOCK_FRAMES_MAX)
		demux_give_up(h2, &h2->counters->floods);
}

void blocks_feed(struct h2 *h2, struct lane *lane, struct span piece)
{
	int err = lane->block_id ? hpack_feed(&lane->hpack, piece) : 0;

	if (err == -E2BIG)
		demux_give_up(h2, &h2->counters->floods);
	else if (err)
		counter_add(&h2->counters->hpack_lost, 1);
}

/* Keeps the head and says what is wrong with it. False: none that the next stage could use. */
static bool set_head(struct h2 *h2, struct lane *lane, struct stream *s, struct hpack_block *block)
{
	struct http_head *head = &block->head;
	bool usable = lane_is_sent(lane) ? head->method.len > 0 : head->status >= 200;

	/* Without what makes a head it is of trailers: the head passed unseen. */
	if (block->unknown || (!usable && !demux_is_whole(h2)))
		stream_mark(s, calls_doubt(h2));
	if (block->malformed || (!usable && !block->unknown && demux_is_whole(h2))) {
		counter_add(&h2->counters->bad_heads, 1);
		content_fault(&s->ex, EXCHANGE_BAD_HEAD);
	}
	if (!usable)
		head->status = 0; /* an interim one cannot be the last */
	else if (s->websocket && head->status / 100 == 2)
		head->status = 101; /* as in HTTP/1 */
	s->headed[lane->direction] = true;
	if (!streams_set_head(&h2->streams, s, lane->direction, head)) {
		counter_add(&h2->counters->floods, 1);
		stream_mark(s, COMPLETENESS_GAP);
		return false;
	}
	return usable;
}

/* From here on DATA is its frames. */
static void begin_websocket(struct h2 *h2, struct stream *s)
{
	for (unsigned d = 0; d < 2; d++) {
		content_drop(&s->content[d]);
		if (content_begin_websocket(&s->content[d], &s->ex) < 0)
			stream_mark(s, COMPLETENESS_GAP);
	}
	counter_add(&h2->counters->websockets, 1);
	if (!s->early)
		return;
	stream_mark(s, COMPLETENESS_GAP);
	content_gap(&s->content[DIRECTION_SENT], CONTENT_LOST);
}

static void take_head(struct h2 *h2, struct lane *lane, struct stream *s, struct hpack_block *block)
{
	const struct exchange_handler *handler = h2->streams.handler;
	unsigned status = block->head.status;

	if (!lane_is_sent(lane) && status && status < 200 && !lane->block_ends) {
		s->ex.response_utc_ns = 0; /* of the response is not known yet */
		return;
	}
	s->websocket |= block->websocket;
	if (set_head(h2, lane, s, block))
		(lane_is_sent(lane) ? handler->request : handler->response)(h2->streams.ctx,
									    &s->ex);
	if (s->ex.response.status == 101 && s->websocket)
		begin_websocket(h2, s);
	else if (span_eq(s->ex.request.method, SPAN("CONNECT")))
		counter_add(&h2->counters->tunnels, lane_is_sent(lane)); /* and no body */
	else if (!s->websocket || s->ex.response.status)
		content_begin(&s->content[lane->direction], &s->ex);
}

void blocks_close(struct h2 *h2, struct lane *lane)
{
	struct stream *s = lane->block_pushed ? NULL : streams_find(&h2->streams, lane->block_id);
	struct hpack_block block;
	int err;

	if (!lane->block_id)
		return;
	lane->block_id = 0;
	if (!s || s->headed[lane->direction]) {
		err = hpack_drop(&lane->hpack);
	} else {
		err = hpack_end(&lane->hpack, &block);
		take_head(h2, lane, s, &block);
		head_done(&block.head);
	}
	if (err)
		counter_add(&h2->counters->hpack_lost, 1);
	if (s && lane->block_ends)
		calls_finish(h2, lane, s);
}
