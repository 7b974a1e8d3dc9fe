/* HTTP/2 as a bystander sees it: both directions of one connection, cut anywhere, perhaps from the
 * middle, perhaps with holes. Each stream that a client opens is one exchange, named by its id, so
 * interleaving and the order of the two directions do not matter. Its end is END_STREAM on both
 * sides, RST_STREAM or GOAWAY (TRUNCATED, unless the response is complete), or the close. Pushed
 * streams and what goes through CONNECT are passed over; interim heads and trailers, too. A
 * WebSocket on a stream (RFC 8441) is told as on HTTP/1: GET, 101, then messages.
 *
 * Holes. One inside a frame is skipped exactly: in DATA the call goes on as GAP; in a header block
 * the head is unknown. Any other one loses the place in that direction: all calls that were not
 * done in it are GAP, and it goes on at a chunk that begins with a frame (frames_plausible). The
 * streams go on too: what comes then is theirs. One of which nothing came for H2_SILENCE_NS is
 * ended at the next request, for its end may have been lost. Responses whose request was lost
 * become exchanges with an empty request.
 *
 * What was cut out on purpose (chunk.cut: the middle of a big request) is no loss for the call
 * whose DATA it begins in; where it goes on after that frame the direction loses its place all the
 * same.
 *
 * Heads after a hole, or when we came late: http/hpack.h. A field that is not known is left out and
 * the call marked, as GAP or as PRE_ATTACH. Method and target are there both or not at all; a
 * status that is not known is 0; then `request` or `response` is not called. Coding and type of the
 * body may be among the unknown: its pieces are then as they were sent. Calls whose fields are all
 * known are complete, on a late connection too.
 *
 * Late connections. Streams from before become exchanges with an empty request (PRE_ATTACH).
 *
 * Responses before their request: as in h1.h, H2_HELD_MAX bytes wait on a connection seen whole.
 *
 * Limits. More streams than STREAMS_MAX are not followed, heads over STREAMS_HEADS_MAX together are
 * dropped; a block over HPACK_BLOCK_MAX, or of more than H2_BLOCK_FRAMES_MAX frames, makes the
 * connection opaque: its calls end as GAP. Each is counted in `floods`. Frames without use (empty,
 * PING, SETTINGS, unknown) cost as much time as they have bytes and no memory.
 *
 * Memory of one connection: 1 KiB idle and never used, 4 KiB plus the peers' header tables once it
 * was. At worst 1.4 MiB: STREAMS_MAX exchanges of half a KiB, STREAMS_HEADS_MAX, two tables and two
 * blocks; and CONTENT_HELD_MAX for each body in flight that has a coding. */
#pragma once

#include "http/counters.h"
#include "http/exchange.h"

#define H2_BLOCK_FRAMES_MAX 32
#define H2_HELD_MAX         16384
#define H2_SILENCE_NS       (600 * (int64_t)1000000000)

struct h2;

/* `handler`, `ctx` and `counters` are borrowed. -ENOMEM. */
int h2_new(struct connection *conn, const struct exchange_handler *handler, void *ctx,
	   struct http_counters *counters, struct h2 **ret_h2);
void h2_free(struct h2 *h2);

void h2_feed(struct h2 *h2, const struct chunk *chunk);

/* The connection ended: what is not done is TRUNCATED, or GAP when `lost` bytes of that direction
 * were never seen. */
void h2_close(struct h2 *h2, int64_t time_utc_ns, const uint64_t lost[2]);
