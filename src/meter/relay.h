/* A call through a TLS proxy on this host is seen twice: from the program to the proxy (the outer
 * leg) and from the proxy to the provider (the inner one). It is one call, of the program.
 *
 * Two legs are one call when two processes made them on one route, they overlap, and the provider
 * gave both one id: that of the response or, where one of them has none, of the request.
 * The one that began first is the outer. The inner one most often ends first, so it is held while a
 * leg that may be its outer is open, RELAY_HOLD_NS at most; when the outer comes later than that it
 * is the one that is dropped: metered once in any case. Without ids nothing is dropped: two workers
 * may well make equal calls at once. Nor are the tries of a proxy that retries (other ids), nor
 * what it answers from a cache (no overlap). */
#pragma once

#include "base/counter.h"
#include "base/timestamp.h"
#include "meter/usage.h"

#define RELAY_HOLD_NS   (2 * NS_PER_SEC)
#define RELAY_HELD_MAX  256 /* calls; the oldest is handed on when one more comes */
#define RELAY_OUTER_MAX 16  /* open legs that one held call waits for: the latest before it */
#define RELAY_LOOKS     128 /* open legs that are looked at for them */
#define RELAY_TOLD      128 /* calls remembered after they were handed on */

struct relay_ids {
	char response[sizeof(((struct usage *)0)->response_id)];
	char request[sizeof(((struct usage *)0)->request_id)];
};

/* A call in flight; its memory is the caller's. */
struct leg {
	struct leg *prev, *next;
	const struct process *process;
	const void *route; /* the same for the same requests to the same provider */
	bool answers;      /* each of its answers is a call */
	uint64_t opened;   /* set here, in the order of events: the begin of the leg, */
	uint64_t begin;    /* and of the answer that is due */
};

struct relay_counters {
	struct counter relayed; /* legs that were dropped: the call is that of the other leg */
	struct counter unsure;  /* both were kept: nested, equal in all counts, but without ids */
};

struct relay_options {
	void (*usage)(void *ctx, const struct usage *usage);
	/* What a leg has said so far. */
	void (*ids)(void *ctx, const struct leg *leg, struct relay_ids *ret_ids);
	void *ctx;
};

struct relay;

int relay_new(const struct relay_options *options, struct relay **ret_relay); /* -ENOMEM */
void relay_free(struct relay *relay); /* what is held is lost: relay_settle it before */

void relay_begin(struct relay *relay, struct leg *leg);
/* The leg, or an answer of it, is over: handed on, held, or dropped. An outer leg whose counts are
 * in doubt takes them from its inner one. */
void relay_tell(struct relay *relay, struct leg *leg, struct usage *usage);
void relay_end(struct relay *relay, struct leg *leg);

/* Hands on what has been held for long enough. False: nothing is held any more. */
bool relay_settle(struct relay *relay, int64_t now_utc_ns);

const struct relay_counters *relay_counters(const struct relay *relay);
