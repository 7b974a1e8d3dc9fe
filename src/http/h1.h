/* HTTP/1.x as a bystander sees it: both directions of one connection, cut anywhere, perhaps from
 * the middle, perhaps with holes. Pairs requests with responses in order (pipelining up to
 * H1_PIPELINE_MAX; more makes the connection opaque). After a hole it gets into step again at the
 * next message: a hole inside a body of known length is skipped exactly, any other one ends the
 * calls in flight as GAP and waits for a chunk that begins with a head.
 *
 * Memory of one connection: two head buffers of at most HEAD_BYTES_MAX, the exchanges in flight
 * with their heads, one decoder each. A response without a request seen is reported as an exchange
 * with an empty request and PRE_ATTACH. HTTP/2 prefaces, 101 and CONNECT make it opaque. */
#pragma once

#include "base/counter.h"
#include "http/exchange.h"

#define H1_PIPELINE_MAX 64

struct h1;

struct h1_counters { /* shared by all parsers of one thread */
	struct counter exchanges;
	struct counter resyncs;      /* times a parser lost step and looked for the next message */
	struct counter bad_heads;    /* connections given up or resynced for a bad head */
	struct counter opaque_http2; /* connections that speak HTTP/2 */
	struct counter opaque_other; /* upgrades, tunnels, bytes that are no HTTP, deep pipelines */
	struct counter bad_codings;
	struct counter coding_limits;
};

/* `handler`, `ctx` and `counters` are borrowed. -ENOMEM. */
int h1_new(struct connection *conn, const struct exchange_handler *handler, void *ctx,
	   struct h1_counters *counters, struct h1 **ret_h1);
void h1_free(struct h1 *h1);

void h1_feed(struct h1 *h1, const struct chunk *chunk);

/* The connection ended: completes what is delimited by the close, ends the rest as TRUNCATED, or
 * as GAP when `lost` bytes of that direction were never seen. */
void h1_close(struct h1 *h1, int64_t time_utc_ns, const uint64_t lost[2]);
