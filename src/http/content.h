/* The body of one message, or one direction of a WebSocket, on its way to the next stage: decodes
 * it, stops at the first fault and says so in the exchange. A zeroed struct with the first four
 * members set is idle.
 *
 * A decoder is large, and what it holds between two pieces is the sender's choice. So the first
 * CONTENT_HELD_MAX bytes of a coded body are held as they came, and decoded when it ends, be it by
 * a hole: most bodies are no longer, and have a decoder for no longer than that takes. A longer one
 * has its own, which counts among those of the host (http/decoder.h). */
#pragma once

#include <errno.h>

#include "base/buf.h"
#include "http/body.h"
#include "http/counters.h"
#include "http/exchange.h"

struct content {
	const struct exchange_handler *handler;
	void *ctx;
	struct http_counters *counters;
	enum direction direction;
	struct exchange *ex; /* NULL: no body at hand */
	bool coded;          /* not identity: useless after a gap */
	bool unsure;         /* the head may have said a coding that we did not see */
	const char *told;    /* then the one by which the body begins */
	bool stopped;        /* by a gap or a fault */
	struct buf *held;    /* the beginning of a coded body, from its first byte on */
	struct body *body;   /* one that is longer */
	struct ws *ws;       /* it is one */
};

/* Where fields of the head are missing (the exchange is in doubt), gzip and zstd are known by
 * their first byte, for neither JSON nor an event stream begins so; others are taken for none. */
void content_begin(struct content *c, struct exchange *ex);
/* From the response on that agreed to it. -ENOMEM. */
int content_begin_websocket(struct content *c, struct exchange *ex);
void content_piece(struct content *c, struct span piece);
/* So many bytes are not here; of a WebSocket more than its frame has are its place in the stream,
 * and CONTENT_LOST always. */
#define CONTENT_LOST UINT64_MAX
void content_gap(struct content *c, uint64_t bytes);
/* All of it passed by. False when the decoder wants more: the framing said otherwise. */
bool content_end(struct content *c);
/* Nothing more of it comes. */
void content_drop(struct content *c);

#define CONTENT_HELD_MAX 16384

/* The first fault of an exchange stays. */
static inline void content_fault(struct exchange *ex, enum exchange_fault fault)
{
	if (ex->fault == EXCHANGE_OK)
		ex->fault = fault;
}

/* The fault that an error of body_feed is, counted. */
static inline void content_fault_by(struct exchange *ex, struct http_counters *counters, int err)
{
	bool limit = err == -E2BIG || err == -ENOBUFS;

	content_fault(ex, limit ? EXCHANGE_CODING_LIMIT : EXCHANGE_BAD_CODING);
	counter_add(err == -ENOBUFS ? &counters->decoders_refused
		    : err == -E2BIG ? &counters->coding_limits
				    : &counters->bad_codings,
		    1);
}
