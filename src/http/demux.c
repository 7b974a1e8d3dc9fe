/* Frames to what they are for: header blocks, bodies, ends. And holes: what of all that is still
 * known after them. */
#include "http/demux.h"

#include "base/cleanup.h"
#include "http/blocks.h"
#include "http/calls.h"

void demux_shut(struct h2 *h2, enum completeness completeness)
{
	h2->opaque = true;
	h2->waiting = false;
	if (h2->held.data)
		explicit_bzero(h2->held.data, h2->held.len);
	buf_done(&h2->held);
	for (unsigned d = 0; d < 2; d++) {
		hpack_done(&h2->lanes[d].hpack);
		frames_lose(&h2->lanes[d].frames);
	}
	streams_end_all(&h2->streams, completeness, h2->now_utc_ns);
}

void demux_give_up(struct h2 *h2, struct counter *why)
{
	counter_add(why, 1);
	demux_shut(h2, COMPLETENESS_GAP);
}

static struct stream *stream_at_hand(struct h2 *h2, struct lane *lane)
{
	return streams_find(&h2->streams, lane->frames.frame.id);
}

static void count_bytes(struct stream *s, struct lane *lane, uint64_t n)
{
	if (s)
		*(lane_is_sent(lane) ? &s->ex.request_bytes : &s->ex.response_bytes) += n;
}

/* `n` bytes of the stream are not here: lost, or cut out on purpose. */
static void pass(struct stream *s, struct lane *lane, uint64_t n, bool cut)
{
	count_bytes(s, lane, n);
	if (cut)
		return;
	s->ex.lost_bytes += n;
	stream_mark(s, COMPLETENESS_GAP);
}

/* --- frames */

static void begin_data(struct h2 *h2, struct lane *lane)
{
	uint32_t id = lane->frames.frame.id;
	struct stream *s = streams_find(&h2->streams, id);

	if (!s && !demux_is_whole(h2))
		s = calls_open_unseen(h2, lane, id);
	if (!s || s->headed[lane->direction])
		return;
	/* Its head was lost. */
	stream_mark(s, calls_doubt(h2));
	s->headed[lane->direction] = true;
	content_begin(&s->content[lane->direction], &s->ex);
}

static void note_frame(struct h2 *h2, struct lane *lane)
{
	struct stream *s = stream_at_hand(h2, lane);

	if (!s)
		return;
	s->heard_utc_ns = h2->now_utc_ns;
	count_bytes(s, lane, FRAMES_HEADER_BYTES + lane->frames.have);
	if (!lane_is_sent(lane) && lane->frames.frame.type <= FRAME_HEADERS)
		calls_answered(h2, s);
}

static void begin_frame(struct h2 *h2, struct lane *lane)
{
	const struct frames *f = &lane->frames;

	if (!lane->framed && demux_is_whole(h2) && f->frame.type != FRAME_SETTINGS) {
		demux_give_up(h2, &h2->counters->opaque_other);
		return;
	}
	lane->framed = true;
	if (lane->block_id &&
	    (f->frame.type != FRAME_CONTINUATION || f->frame.id != lane->block_id)) {
		demux_stumble(h2, lane, 0, false);
		return;
	}
	if (f->frame.type == FRAME_DATA)
		begin_data(h2, lane);
	else if (f->frame.type == FRAME_HEADERS || f->frame.type == FRAME_PUSH_PROMISE)
		blocks_open(h2, lane);
	else if (f->frame.type == FRAME_CONTINUATION)
		blocks_continue(h2, lane);
	else if (f->frame.type == FRAME_GOAWAY && !f->blind && !lane_is_sent(lane))
		calls_go_away(h2, frames_number(f->gathered) & INT32_MAX);
	note_frame(h2, lane);
}

static bool carries_block(uint8_t type)
{
	return type == FRAME_HEADERS || type == FRAME_PUSH_PROMISE || type == FRAME_CONTINUATION;
}

static void take_data(struct h2 *h2, struct lane *lane, struct stream *s, struct span piece)
{
	s->early |= s->websocket && !s->content[lane->direction].ws;
	s->ex.end_utc_ns = h2->now_utc_ns;
	content_piece(&s->content[lane->direction], piece);
	if (streams_is_closed(s))
		streams_cancel(&h2->streams, s, COMPLETENESS_COMPLETE, h2->now_utc_ns);
}

static void take_piece(struct h2 *h2, struct lane *lane, struct span piece)
{
	struct stream *s = stream_at_hand(h2, lane);

	if (s && lane->frames.frame.type == FRAME_DATA)
		take_data(h2, lane, s, piece);
	else if (carries_block(lane->frames.frame.type))
		blocks_feed(h2, lane, piece);
}

static void end_frame(struct h2 *h2, struct lane *lane)
{
	const struct frame *frame = &lane->frames.frame;
	struct stream *s = stream_at_hand(h2, lane);

	if (carries_block(frame->type) && frame->flags & FRAME_END_HEADERS)
		blocks_close(h2, lane);
	else if (s && frame->type == FRAME_DATA && frame->flags & FRAME_END_STREAM)
		calls_finish(h2, lane, s);
	else if (s && frame->type == FRAME_RST_STREAM)
		calls_reset(h2, s);
}

static void handle(struct h2 *h2, struct lane *lane, enum frames_event event, struct span piece)
{
	switch (event) {
	case FRAMES_MORE:
		break;
	case FRAMES_BEGIN:
		begin_frame(h2, lane);
		break;
	case FRAMES_PIECE:
		take_piece(h2, lane, piece);
		break;
	case FRAMES_END:
		end_frame(h2, lane);
		break;
	case FRAMES_BAD:
		if (!lane->framed && demux_is_whole(h2))
			demux_give_up(h2, &h2->counters->opaque_other);
		else
			demux_stumble(h2, lane, 0, false);
		break;
	}
}

bool demux_must_wait(const struct h2 *h2)
{
	const struct frame *frame = &h2->lanes[DIRECTION_RECEIVED].frames.frame;
	const struct stream *s;

	if (!demux_is_whole(h2) || frame->type > FRAME_HEADERS || !(frame->id & 1))
		return false;
	s = streams_find(&h2->streams, frame->id);
	return s ? !s->headed[DIRECTION_SENT] : frame->id > h2->newest_id;
}

void demux_pump(struct h2 *h2, struct lane *lane, struct span in)
{
	enum frames_event event;
	struct span piece;

	do {
		bool in_payload = lane->frames.state == FRAMES_IN_PAYLOAD && lane->frames.begun;
		size_t had = in.len;

		event = frames_next(&lane->frames, &in, &piece);
		if (in_payload)
			count_bytes(stream_at_hand(h2, lane), lane, had - in.len);
		if (event == FRAMES_BEGIN && !lane_is_sent(lane) && in.len <= h2->held.max &&
		    demux_must_wait(h2)) {
			h2->waiting = true;
			buf_put(&h2->held, in);
			return;
		}
		handle(h2, lane, event, piece);
	} while (event != FRAMES_MORE && !h2->opaque);
}

void demux_release(struct h2 *h2)
{
	struct lane *lane = &h2->lanes[DIRECTION_RECEIVED];
	FREE_PTR char *held = TAKE_PTR(h2->held.data);
	struct span bytes = { held, h2->held.len };

	h2->held = buf_with_max(h2->held.max);
	h2->waiting = false;
	handle(h2, lane, FRAMES_BEGIN, (struct span){ NULL, 0 });
	if (!h2->opaque)
		demux_pump(h2, lane, bytes);
	if (held)
		explicit_bzero(held, bytes.len);
}

/* --- holes */

void demux_gap(struct h2 *h2, struct lane *lane, uint64_t n, bool cut)
{
	struct stream *s = stream_at_hand(h2, lane);
	uint8_t type = lane->frames.frame.type;

	if (carries_block(type) && lane->block_id)
		blocks_lose(h2, lane);
	if (!s)
		return;
	pass(s, lane, n, cut && type == FRAME_DATA);
	if (type == FRAME_DATA)
		content_gap(&s->content[lane->direction], n);
}

/* Of requests nothing more is waited for: their calls end with the response. */
static void doubt(struct h2 *h2, struct lane *lane, struct stream *s, bool cut)
{
	if (!cut)
		stream_mark(s, COMPLETENESS_GAP);
	content_gap(&s->content[lane->direction], CONTENT_LOST);
	s->doubtful = true;
	if (!lane_is_sent(lane))
		return;
	s->headed[DIRECTION_SENT] = true;
	streams_done(&h2->streams, s, DIRECTION_SENT, h2->now_utc_ns);
}

/* Any stream that has not ended may have got, or ended with, what is missing. What was cut out is
 * the rest of the body at hand. */
void demux_stumble(struct h2 *h2, struct lane *lane, uint64_t n, bool cut)
{
	struct stream *own = cut ? stream_at_hand(h2, lane) : h2->streams.all, *s, *next;

	if (lane->frames.state != FRAMES_LOST)
		counter_add(&h2->counters->resyncs, 1);
	counter_add(&h2->counters->hpack_lost, 1);
	h2->stumbled = true;
	if (lane_is_sent(lane))
		h2->unseen_below = UINT32_MAX;
	lane->block_id = 0;
	hpack_forget(&lane->hpack);
	frames_lose(&lane->frames);
	/* Whose lost bytes were is known when there is but one. */
	if (n && own && !own->done[lane->direction] && (cut || HASH_COUNT(own) == 1))
		pass(own, lane, n, cut);
	HASH_ITER(hh, h2->streams.all, s, next) {
		if (!s->done[lane->direction])
			doubt(h2, lane, s, cut && s == own);
	}
}
