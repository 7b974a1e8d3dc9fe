/* The streams in flight of one HTTP/2 connection: one exchange each, by stream id. An exchange
 * leaves when both of its messages are done, or when it is ended by force. */
#pragma once

#include <uthash.h>

#include "http/content.h"
#include "http/hpack.h"

#define STREAMS_MAX       256
#define STREAMS_HEADS_MAX (16 * HEAD_BYTES_MAX) /* bytes of all heads in flight together */
#define STREAMS_GONE_MAX  64

struct stream {
	struct exchange ex;
	uint32_t id;
	bool done[2];   /* by direction: nothing more is waited for */
	bool headed[2]; /* its head came, or was given up: another block is of trailers */
	bool websocket; /* is asked for */
	bool early;     /* of which the client sent something before it was agreed to */
	bool doubtful;  /* its end may have been among lost bytes */
	int64_t heard_utc_ns;
	struct content content[2];
	UT_hash_handle hh; /* in the order in which they began */
};

struct streams {
	const struct exchange_handler *handler;
	void *ctx;
	struct connection *connection;
	struct http_counters *counters;
	struct stream *all;
	size_t head_bytes;
	uint32_t gone[STREAMS_GONE_MAX]; /* ids that ended last: frames may still come */
	unsigned next_gone;
};

struct stream *streams_find(const struct streams *t, uint32_t id); /* NULL: none */
/* NULL: no memory, or STREAMS_MAX. */
struct stream *streams_add(struct streams *t, uint32_t id);

/* Makes the head, which is a copy, that of the stream. False: STREAMS_HEADS_MAX, and that of the
 * stream is empty. The caller's is empty then. */
bool streams_set_head(struct streams *t, struct stream *s, enum direction direction,
		      struct http_head *head);

/* Nothing more is waited for in that direction. Ends and frees the stream when it was the last. */
void streams_done(struct streams *t, struct stream *s, enum direction direction,
		  int64_t time_utc_ns);
/* Ends it now. A WebSocket between two messages is not truncated by that. */
void streams_cancel(struct streams *t, struct stream *s, enum completeness completeness,
		    int64_t time_utc_ns);
void streams_end_all(struct streams *t, enum completeness completeness, int64_t time_utc_ns);

/* Both sides of a WebSocket said Close. */
bool streams_is_closed(const struct stream *s);

/* Among the last STREAMS_GONE_MAX that ended: what comes of it is no call of its own. */
bool streams_is_gone(const struct streams *t, uint32_t id);

static inline void stream_mark(struct stream *s, enum completeness completeness)
{
	if (completeness > s->ex.completeness)
		s->ex.completeness = completeness;
}
