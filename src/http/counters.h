/* What the stage counts: one struct for all parsers of one thread. */
#pragma once

#include "base/counter.h"

struct http_counters {
	struct counter exchanges;
	struct counter resyncs;      /* times a parser lost step and looked for the next message */
	struct counter bad_heads;    /* refused: no HTTP, a contradiction, over a limit */
	struct counter opaque_other; /* tunnels, bytes that are no HTTP, deep pipelines */
	struct counter bad_codings;
	struct counter coding_limits;
	struct counter decoders_refused; /* DECODERS_BYTES_MAX were taken */
	struct counter decoder_bytes;    /* are taken now */
	struct counter websockets;       /* connections and streams that became one */
	struct counter bad_frames;       /* of these: a direction given up for broken framing */
	struct counter tunnels;          /* by CONNECT on HTTP/2: not read */
	struct counter http2;            /* connections that speak HTTP/2 */
	struct counter hpack_lost; /* times a header table became unknown: h2.h says what follows */
	struct counter floods;     /* streams or connections given up for a limit of h2.h */
};
