/* Streams begin and end here, each an exchange. The invariant: an id is one exchange at most, also
 * when its end was ours and its frames go on. */
#include "http/calls.h"

#include "http/h2.h"
#include "http/ws.h"

enum completeness calls_doubt(const struct h2 *h2)
{
	return h2->places.late && !h2->stumbled ? COMPLETENESS_PRE_ATTACH : COMPLETENESS_GAP;
}

/* Their end was perhaps lost, and they may be silent for as long as a model thinks. */
static void end_silent(struct h2 *h2)
{
	struct stream *s, *next;

	HASH_ITER(hh, h2->streams.all, s, next) {
		if (s->doubtful && h2->now_utc_ns - s->heard_utc_ns > H2_SILENCE_NS)
			streams_cancel(&h2->streams, s, COMPLETENESS_GAP, h2->now_utc_ns);
	}
}

void calls_open_request(struct h2 *h2, uint32_t id)
{
	struct stream *s;

	if (h2->unseen_below == UINT32_MAX)
		h2->unseen_below = id;
	if (h2->stumbled)
		end_silent(h2);
	s = streams_add(&h2->streams, id);
	if (s)
		s->ex.request_utc_ns = h2->now_utc_ns;
	else
		counter_add(&h2->counters->floods, 1);
}

static bool may_be_unseen(const struct h2 *h2, uint32_t id)
{
	return id & 1 && (id > h2->newest_id || id < h2->unseen_below) &&
	       !streams_is_gone(&h2->streams, id);
}

static void go_unseen(struct h2 *h2, struct stream *s)
{
	stream_mark(s, calls_doubt(h2));
	s->headed[DIRECTION_SENT] = true;
	content_begin(&s->content[DIRECTION_SENT], &s->ex);
}

struct stream *calls_open_unseen(struct h2 *h2, struct lane *lane, uint32_t id)
{
	struct stream *s;

	if (!may_be_unseen(h2, id))
		return NULL;
	s = streams_add(&h2->streams, id);
	if (!s) {
		counter_add(&h2->counters->floods, 1);
		return NULL;
	}
	go_unseen(h2, s);
	s->done[DIRECTION_SENT] = !lane_is_sent(lane);
	return s;
}

void calls_answered(struct h2 *h2, struct stream *s)
{
	if (!s->headed[DIRECTION_SENT])
		go_unseen(h2, s);
	if (!s->ex.response_utc_ns)
		s->ex.response_utc_ns = h2->now_utc_ns;
}

void calls_finish(struct h2 *h2, struct lane *lane, struct stream *s)
{
	if (s->content[lane->direction].ws && ws_in_message(s->content[lane->direction].ws))
		stream_mark(s, COMPLETENESS_TRUNCATED);
	if (!content_end(&s->content[lane->direction])) {
		counter_add(&h2->counters->bad_codings, 1);
		content_fault(&s->ex, EXCHANGE_BAD_CODING);
	}
	streams_done(&h2->streams, s, lane->direction, h2->now_utc_ns);
}

void calls_reset(struct h2 *h2, struct stream *s)
{
	/* After the whole response it only says that the rest of the request is not wanted. */
	bool answered = s->done[DIRECTION_RECEIVED];

	streams_cancel(&h2->streams, s, answered ? COMPLETENESS_COMPLETE : COMPLETENESS_TRUNCATED,
		       h2->now_utc_ns);
}

void calls_go_away(struct h2 *h2, uint32_t last_id)
{
	struct stream *s, *next;

	HASH_ITER(hh, h2->streams.all, s, next) {
		if (s->id > last_id && s->headed[DIRECTION_SENT] && !s->headed[DIRECTION_RECEIVED])
			streams_cancel(&h2->streams, s, COMPLETENESS_TRUNCATED, h2->now_utc_ns);
	}
}
