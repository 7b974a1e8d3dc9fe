/* exchange: one request and the response to it, while it happens. Made by src/http, taken by
 * src/meter. Heads are kept until the end, bodies pass by in decoded pieces and are not kept. */
#pragma once

#include "base/span.h"
#include "capture/chunk.h"
#include "http/head.h"

/* How much of the call was seen. A worse one replaces a better one, never back. */
enum completeness {
	COMPLETENESS_COMPLETE,
	COMPLETENESS_TRUNCATED,  /* the connection ended inside the message */
	COMPLETENESS_GAP,        /* bytes inside were lost on the way to us */
	COMPLETENESS_PRE_ATTACH, /* the request began before we watched */
	COMPLETENESS_REPORTED,   /* none of it: its caller told of it */
};

/* Why a body or a head could not be followed to its end; OK when it could. */
enum exchange_fault {
	EXCHANGE_OK,
	EXCHANGE_BAD_HEAD,     /* not HTTP where a head was due, or a contradiction in it */
	EXCHANGE_BAD_CHUNK,    /* broken chunked framing */
	EXCHANGE_BAD_CODING,   /* unknown content coding, or broken compressed data */
	EXCHANGE_CODING_LIMIT, /* a bomb, over the cap or the ratio; or no room to decompress */
	EXCHANGE_BAD_FRAME,    /* broken framing of a WebSocket */
};

struct exchange {
	struct connection *connection;
	struct http_head request;  /* method is empty when the head was not seen */
	struct http_head response; /* status is 0 before its head was seen */
	int64_t request_utc_ns;    /* first byte of the request, by the time of its chunk */
	int64_t response_utc_ns;   /* first byte of the response, 0 when none came */
	int64_t end_utc_ns;        /* set before `end`; before `message` to the time of that */
	uint64_t request_bytes;    /* heads and bodies as on the wire inside TLS, lost ones too */
	uint64_t response_bytes;
	uint64_t lost_bytes; /* of both */
	enum completeness completeness;
	enum exchange_fault fault;
	bool body_ended[2]; /* by direction: its end was seen, whatever is missing before */
	void *meter;        /* state of the next stage: NULL at first, freed in `end` */
	void *recorded;     /* the same, of http/recording.h */
};

static inline struct http_head *exchange_head(struct exchange *ex, enum direction direction)
{
	return direction == DIRECTION_SENT ? &ex->request : &ex->response;
}

/* What http calls for each exchange: request, response, body pieces and gaps in any order that the
 * wire had, then `end`, exactly once. A head that was not seen is not called for: an exchange may
 * begin with any of them, be it `end`. A gap is bytes that are not here: lost, or cut out on
 * purpose (then the exchange stays as complete as it was). After one in a body with content coding
 * nothing more of that body can be decoded: pieces stop, the gap says so.
 *
 * A WebSocket is one exchange from the request that asked for it to its close. Its messages come as
 * body pieces, each message with a `message` after it; one that was lost or broken in part is given
 * up: a gap, and no `message`. */
struct exchange_handler {
	void (*request)(void *ctx, struct exchange *ex);
	void (*response)(void *ctx, struct exchange *ex); /* final ones and 101, no other 1xx */
	void (*body)(void *ctx, struct exchange *ex, enum direction direction, struct span piece);
	void (*gap)(void *ctx, struct exchange *ex, enum direction direction);
	void (*end)(void *ctx, struct exchange *ex);
	void (*message)(void *ctx, struct exchange *ex, enum direction direction);
	void (*sent)(void *ctx, struct exchange *ex); /* the request has ended; may be NULL */
};
