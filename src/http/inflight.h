/* The exchanges in flight of one connection, oldest first: their memory, their order, their ends.
 * An exchange leaves when both of its messages are done, or when it is ended by force. */
#pragma once

#include "http/h1.h"

#define INFLIGHT_HEADS_MAX (4 * HEAD_BYTES_MAX) /* bytes of all heads in flight together */

struct call {
	struct exchange ex;
	struct call *next;
	bool done[2]; /* by direction: nothing more comes of it */
	bool orphan;  /* a response without its request */
};

struct inflight {
	const struct exchange_handler *handler;
	void *ctx;
	struct connection *connection;
	struct counter *ended;
	struct call *first;
	unsigned n;
	size_t head_bytes;
};

/* A new call at the end of the queue; NULL: no memory, or H1_PIPELINE_MAX. */
struct call *inflight_add(struct inflight *f);

/* Parses the head and makes a copy that of the call. 0, -EBADMSG, -E2BIG as head.h,
 * -ENOBUFS: INFLIGHT_HEADS_MAX, -ENOMEM; then the call is as it was. */
int inflight_set_head(struct inflight *f, struct call *call, enum direction direction,
		      struct span bytes);
/* Wipes and forgets it: a 1xx makes room for the next. */
void inflight_drop_head(struct inflight *f, struct call *call, enum direction direction);

/* The oldest call that waits for a response or is in the middle of it; NULL: none. */
struct call *inflight_awaiting(const struct inflight *f);

/* Whose response may have been among lost bytes: all that wait for one. */
void inflight_mark_awaiting(struct inflight *f, enum completeness completeness);

/* Nothing more comes of that direction. Ends and frees the call when it was the last of both. */
void inflight_done(struct inflight *f, struct call *call, enum direction direction,
		   int64_t time_utc_ns);
/* No response will come for these: all that wait for one, or all of them but the newest. */
void inflight_abandon(struct inflight *f, bool keep_newest, int64_t time_utc_ns);
/* Ends every call, whatever it waits for. */
void inflight_end_all(struct inflight *f, enum completeness completeness, int64_t time_utc_ns);
/* Takes back a call that nobody has heard of. */
void inflight_remove(struct inflight *f, struct call *call);

static inline void call_mark(struct call *call, enum completeness completeness)
{
	if (completeness > call->ex.completeness)
		call->ex.completeness = completeness;
}
