/* chunk: bytes of one direction of one connection, as the ring gave them. The first type of the
 * napkin; made by src/capture, taken by src/http. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "capture/connection.h"

enum direction { DIRECTION_SENT, DIRECTION_RECEIVED }; /* as the client sees it */

/* Where both directions of a connection begin that is older than the agent; others begin at 0. */
#define CHUNK_LATE_OFFSET 1

struct chunk {
	struct span data;    /* captured bytes, borrowed until the callback returns */
	uint64_t offset;     /* of the first byte in this direction; a jump is a loss */
	uint64_t length;     /* original bytes: data.len or more */
	int64_t time_utc_ns; /* when the call returned */
	enum direction direction;
	bool cut; /* what is missing was left out on purpose: the middle of a big body */
};

/* What capture calls, in order, for each connection: opened, chunks, closed. */
struct chunk_handler {
	void (*opened)(void *ctx, struct connection *conn);
	void (*chunk)(void *ctx, struct connection *conn, const struct chunk *chunk);
	/* `lost` are bytes that were moved at the end and never seen, by direction. */
	void (*closed)(void *ctx, struct connection *conn, int64_t time_utc_ns,
		       const uint64_t lost[2]);
};
