/* HTTP/1.x as a bystander sees it: both directions of one connection, cut anywhere, perhaps from
 * the middle, perhaps with holes. Pairs requests with responses in order (pipelining up to
 * H1_PIPELINE_MAX; more makes the connection opaque). 101, CONNECT and first bytes that are no
 * HTTP/1.x make it opaque too: its bytes are dropped, its calls in flight end.
 *
 * Holes. One inside a body, or a chunk, of known length is skipped exactly and the call goes on as
 * GAP. Any other one ends the call whose message it hits as GAP; that direction looks for a chunk
 * that begins with a head. A response found so answers the newest request, the older ones end as
 * GAP, for clients send a request when they have the response before it. Where a client was seen
 * to pipeline, every call after such a hole is GAP.
 *
 * What was cut out on purpose (chunk.cut: the middle of a big request) is no loss: in a body of
 * known length it is skipped exactly, in a chunked one the request ends there for us, and the next
 * one is looked for; the call stays as complete as it was.
 *
 * Responses without a request. Threads may hand us a response before its request: on a connection
 * seen whole so far at most H1_HELD_MAX bytes wait for the next request or the close. Longer ones,
 * and all others, become exchanges with an empty request: PRE_ATTACH when no request was seen nor
 * lost before, else GAP. A request that comes while one of these is passing is taken for its own
 * and ends as GAP.
 *
 * Memory of one connection: under 1 KiB idle. At worst about 420 KiB: two heads that come in
 * pieces (HEAD_BYTES_MAX each), the heads of the exchanges in flight (four times that, all
 * together), their structs, H1_HELD_MAX; and CONTENT_HELD_MAX of a coded body in each
 * direction. */
#pragma once

#include "http/counters.h"
#include "http/exchange.h"

#define H1_PIPELINE_MAX 64
#define H1_HELD_MAX     16384

struct h1;

/* `handler`, `ctx` and `counters` are borrowed. -ENOMEM. */
int h1_new(struct connection *conn, const struct exchange_handler *handler, void *ctx,
	   struct http_counters *counters, struct h1 **ret_h1);
void h1_free(struct h1 *h1);

void h1_feed(struct h1 *h1, const struct chunk *chunk);

/* The connection ended: completes what is delimited by the close, ends the rest as TRUNCATED, or
 * as GAP when `lost` bytes of that direction were never seen. */
void h1_close(struct h1 *h1, int64_t time_utc_ns, const uint64_t lost[2]);
