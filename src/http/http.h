/* chunk -> exchange: the one door of the stage. Looks at the first bytes of a connection and hands
 * it to HTTP/1 or HTTP/2; what they promise is in h1.h and h2.h.
 *
 * A connection seen from its first byte is HTTP/2 when the client begins with the preface
 * "PRI * HTTP/2.0" or the server with a frame of SETTINGS. In the middle of one, chunks are passed
 * over until one begins with a request line or a status line, or two frames in a row follow from
 * the front of one, or one frame does in each direction, or one that is the last (trial.h); without
 * any, the connection is counted as opaque when it closes.
 *
 * Memory before that is known: under 200 bytes, and in its middle what may be a first frame. */
#pragma once

#include "http/counters.h"
#include "http/exchange.h"

struct http;

/* `handler`, `ctx` and `counters` are borrowed. -ENOMEM. */
int http_new(struct connection *conn, const struct exchange_handler *handler, void *ctx,
	     struct http_counters *counters, struct http **ret_http);
void http_free(struct http *http);

void http_feed(struct http *http, const struct chunk *chunk);

/* The connection ended; `lost` as in chunk.h. */
void http_close(struct http *http, int64_t time_utc_ns, const uint64_t lost[2]);
