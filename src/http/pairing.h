/* Inside h1: two message streams and the queue of calls between them.
 *
 * Without loss pairing is exact. After a loss it rests on what clients do: they send a request when
 * the response before it is there. One that was seen to do otherwise (pipelining) has all its
 * calls after a loss marked as GAP, for any of them might be paired wrongly. */
#pragma once

#include "http/content.h"
#include "http/inflight.h"
#include "http/message.h"
#include "http/place.h"

struct side {
	struct message message;
	struct content content;
	struct call *call;   /* whose message is at hand; NULL between messages */
	uint64_t head_bytes; /* of a request that is no call yet */
	int64_t head_utc_ns; /* when they began */
};

struct h1 {
	struct inflight calls;
	struct side sides[2]; /* by direction */
	struct places places;
	struct http_counters *counters;
	int64_t now_utc_ns; /* of the chunk at hand */
	char *held;         /* responses before their request: H1_HELD_MAX bytes, else NULL */
	size_t held_len;
	int64_t held_utc_ns;
	bool opaque;
	bool stumbled;      /* a side lost its place, now or earlier */
	bool pipelined;     /* a response came whose next request was there already */
	bool requests_seen; /* at least one head */
	bool requests_lost; /* the sent side lost its place since the last head */
};

static inline bool side_is_sent(const struct side *side)
{
	return side->content.direction == DIRECTION_SENT;
}

/* Watched from its first byte, and nothing went wrong since. */
static inline bool pairing_is_whole(const struct h1 *h1)
{
	return !h1->places.late && !h1->stumbled;
}

/* Bytes of a side that knows its place, without holes. */
void pairing_pump(struct h1 *h1, struct side *side, struct span in);

/* The side loses its place, and `n` bytes with it. The call whose message is at hand gets nothing
 * more of it. Any call that waits may have been answered in lost responses, so all are GAP. */
void pairing_stumble(struct h1 *h1, struct side *side, uint64_t n);

/* `n` bytes of a message of the call are not here: lost, or cut out on purpose. */
void pairing_pass(struct side *side, struct call *call, uint64_t n, bool cut);

/* Lets held responses go: to the call that waits for them, else as orphans. Some may be held again
 * when there is more than one. */
void pairing_release(struct h1 *h1);

/* The message at hand is done. */
void pairing_finish(struct h1 *h1, struct side *side);

/* The end of all parsing: ends the calls in flight with `completeness`, or worse. */
void pairing_shut(struct h1 *h1, enum completeness completeness);
