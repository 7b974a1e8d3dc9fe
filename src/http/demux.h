/* Inside h2: two directions of frames and the table of streams between them. Frames name their
 * stream, so nothing is paired by order; what a loss leaves open is marked, never guessed. */
#pragma once

#include "http/frames.h"
#include "http/hpack.h"
#include "http/place.h"
#include "http/streams.h"

struct lane { /* one direction */
	enum direction direction;
	struct frames frames;
	struct hpack hpack;
	uint32_t block_id;     /* stream of the header block that has begun and not ended, else 0 */
	unsigned block_frames; /* that it came in so far */
	bool block_ends;       /* with it ends the message */
	bool block_pushed;     /* it is a request that the server makes up */
	bool framed;           /* a frame came */
};

struct h2 {
	struct streams streams;
	struct lane lanes[2]; /* by direction */
	struct places places;
	struct http_counters *counters;
	int64_t now_utc_ns;    /* of the chunk at hand */
	uint32_t newest_id;    /* the highest of a request that was seen */
	uint32_t unseen_below; /* requests below it may have been missed */
	struct buf held;       /* received bytes after the frame that waits */
	bool waiting;          /* a received frame is ahead of its request */
	bool opaque;
	bool stumbled; /* a lane lost its place, now or earlier */
};

static inline bool lane_is_sent(const struct lane *lane)
{
	return lane->direction == DIRECTION_SENT;
}

/* Watched from its first byte, and nothing went wrong since. */
static inline bool demux_is_whole(const struct h2 *h2)
{
	return !h2->places.late && !h2->stumbled;
}

/* Bytes of a lane that knows its place, without holes. */
void demux_pump(struct h2 *h2, struct lane *lane, struct span in);

/* `n` bytes of the frame at hand are passed over: lost, or cut out on purpose. */
void demux_gap(struct h2 *h2, struct lane *lane, uint64_t n, bool cut);
/* The lane loses its place, and `n` bytes with it. */
void demux_stumble(struct h2 *h2, struct lane *lane, uint64_t n, bool cut);

/* Threads may hand us a response before its request: whether the received frame that has begun is
 * ahead of it. */
bool demux_must_wait(const struct h2 *h2);
/* Lets the frame that waits go, and what is held after it: some may be held again. */
void demux_release(struct h2 *h2);

/* The end of all parsing for a reason, and its counter. */
void demux_give_up(struct h2 *h2, struct counter *why);
/* The same at the close: ends the calls in flight with `completeness`, or worse. */
void demux_shut(struct h2 *h2, enum completeness completeness);
