/* HTTP/2 from the side: chunks in, with their offsets. http/place turns offsets into bytes and
 * holes, this file follows holes and resyncs, http/demux makes exchanges of the bytes. */
#include "http/h2.h"

#include <errno.h>
#include <stdlib.h>

#include "http/demux.h"

int h2_new(struct connection *conn, const struct exchange_handler *handler, void *ctx,
	   struct http_counters *counters, struct h2 **ret_h2)
{
	struct h2 *h2 = calloc(1, sizeof(*h2));

	if (!h2)
		return -ENOMEM;
	h2->counters = counters;
	h2->held = buf_with_max(H2_HELD_MAX);
	h2->streams = (struct streams){
		.handler = handler, .ctx = ctx, .connection = conn, .counters = counters
	};
	for (unsigned d = 0; d < 2; d++)
		h2->lanes[d] = (struct lane){ .direction = d,
					      .frames = frames_of(d == DIRECTION_SENT),
					      .hpack = hpack_of(false) };
	counter_add(&counters->http2, 1);
	*ret_h2 = h2;
	return 0;
}

void h2_free(struct h2 *h2)
{
	if (!h2)
		return;
	demux_shut(h2, COMPLETENESS_TRUNCATED);
	free(h2);
}

/* The direction begins in its middle: its table is not known. */
static void begin_late(struct h2 *h2, struct lane *lane)
{
	if (!h2->unseen_below)
		h2->unseen_below = UINT32_MAX;
	hpack_forget(&lane->hpack);
	frames_lose(&lane->frames);
}

static void release_all(struct h2 *h2)
{
	while (h2->waiting)
		demux_release(h2);
}

/* `n` bytes are missing: lost, or cut out on purpose. */
static void hole(struct h2 *h2, struct lane *lane, uint64_t n, bool cut)
{
	const struct span nothing = { NULL, 0 };
	uint64_t skipped;

	if (!lane_is_sent(lane))
		release_all(h2); /* what is held came before the hole */
	frames_expect_hole(&lane->frames);
	demux_pump(h2, lane, nothing);
	skipped = frames_skip(&lane->frames, n);
	if (skipped) {
		demux_gap(h2, lane, skipped, cut);
		demux_pump(h2, lane, nothing); /* it may have been the last of the frame */
	}
	if (n > skipped && !h2->opaque) {
		demux_stumble(h2, lane, n - skipped, cut);
		release_all(h2);
	}
}

static bool is_open(void *ctx, uint32_t id)
{
	const struct h2 *h2 = ctx;

	return streams_find(&h2->streams, id) != NULL;
}

/* True when the bytes were put to those that wait. */
static bool hold(struct h2 *h2, struct lane *lane, struct span data)
{
	if (lane_is_sent(lane) || !h2->waiting)
		return false;
	if (data.len > H2_HELD_MAX - h2->held.len) {
		release_all(h2);
		return false;
	}
	buf_put(&h2->held, data);
	return true;
}

static void take(struct h2 *h2, struct lane *lane, struct span data)
{
	if (!data.len || h2->opaque || hold(h2, lane, data))
		return;
	if (lane->frames.state == FRAMES_LOST && !frames_resync(&lane->frames, data, is_open, h2))
		return;
	demux_pump(h2, lane, data);
	/* Its request came, or will not: the sent lane lost its place. */
	while (h2->waiting && !demux_must_wait(h2) && !h2->lanes[DIRECTION_SENT].block_id)
		demux_release(h2);
}

void h2_feed(struct h2 *h2, const struct chunk *chunk)
{
	struct lane *lane = &h2->lanes[chunk->direction];
	struct piece piece;

	if (h2->opaque || !places_take(&h2->places, chunk, &piece))
		return;
	h2->now_utc_ns = chunk->time_utc_ns;
	if (piece.is_late)
		begin_late(h2, lane);
	if (piece.lost)
		hole(h2, lane, piece.lost, false);
	take(h2, lane, piece.data);
	if (piece.missing && !h2->opaque)
		hole(h2, lane, piece.missing, chunk->cut);
}

void h2_close(struct h2 *h2, int64_t time_utc_ns, const uint64_t lost[2])
{
	if (h2->opaque)
		return;
	h2->now_utc_ns = time_utc_ns;
	for (unsigned d = 0; d < 2; d++)
		if (lost[d])
			hole(h2, &h2->lanes[d], lost[d], false);
	release_all(h2);
	demux_shut(h2, COMPLETENESS_TRUNCATED);
}
