/* A world for the tests of the probes: an agent's attachment and the reader of its ring, keeping
 * what they tell. Streams are kept one behind the other as they come, with holes where something
 * is missing; what has no room is only counted. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "attach/attach.h"
#include "capture/capture.h"

#define SEEN_MAX (16u << 20)

struct seen {
	unsigned opened, closed, chunks;
	struct connection last; /* that was opened, */
	char server[CONNECTION_SERVER_MAX];
	struct process process; /* and what it belongs to */
	uint64_t first_offset;  /* of the first chunk */
	uint64_t end[2];        /* of the stream that the last chunk of a direction is of */
	size_t n[2];            /* bytes that came */
	uint64_t jumps;         /* bytes missing, */
	uint64_t cut;           /* left out on purpose, */
	uint64_t lost_at_close; /* and missing behind the last chunk */
	char *bytes[2];
	size_t at[2]; /* where the next go */
};

struct world {
	struct attach *attach;
	struct capture *capture;
	struct seen seen;
};

static void world_opened(void *ctx, struct connection *conn)
{
	struct seen *seen = &((struct world *)ctx)->seen;

	seen->opened++;
	seen->last = *conn;
	span_copy(connection_server(conn), seen->server, sizeof(seen->server));
	seen->process = *conn->process;
	conn->http =
	    calloc(2, sizeof(uint64_t)); /* the ends of its streams: we are the next stage */
}

static void world_chunk(void *ctx, struct connection *conn, const struct chunk *chunk)
{
	struct seen *seen = &((struct world *)ctx)->seen;
	uint64_t *end = (uint64_t *)conn->http + chunk->direction;
	uint64_t hole = chunk->length - chunk->data.len;
	size_t *at = &seen->at[chunk->direction];

	if (!seen->chunks++)
		seen->first_offset = chunk->offset;
	if (chunk->offset > *end && !(*end == 0 && chunk->offset == CHUNK_LATE_OFFSET)) {
		seen->jumps += chunk->offset - *end;
		*at += chunk->offset - *end;
	}
	*(chunk->cut ? &seen->cut : &seen->jumps) += hole;
	if (chunk->data.len && *at < SEEN_MAX && chunk->data.len <= SEEN_MAX - *at)
		memcpy(seen->bytes[chunk->direction] + *at, chunk->data.ptr, chunk->data.len);
	*at += chunk->data.len + (chunk->cut ? hole : 0);
	seen->end[chunk->direction] = *end = chunk->offset + chunk->length;
	seen->n[chunk->direction] += chunk->data.len;
}

static void world_closed(void *ctx, struct connection *conn, int64_t time, const uint64_t lost[2])
{
	struct seen *seen = &((struct world *)ctx)->seen;

	(void)time;
	free(conn->http);
	seen->closed++;
	seen->lost_at_close += lost[0] + lost[1];
}

static const struct chunk_handler world_handler = { world_opened, world_chunk, world_closed };

struct world_options {
	struct attach_options attach; /* ring_bytes 0: 8 MiB */
	const char *hosts[4];         /* up to a NULL */
	const char *proc;             /* NULL: /proc */
};

static inline void world_open(struct world *w, struct world_options options)
{
	struct capture_options capture = { .clock = &clock_system,
					   .proc = options.proc ? options.proc : "/proc",
					   .next = &world_handler,
					   .ctx = w };
	struct err err = { 0 };
	unsigned n = 0;

	memset(w, 0, sizeof(*w));
	for (int i = 0; i < 2; i++)
		w->seen.bytes[i] = calloc(1, SEEN_MAX);
	if (!options.attach.ring_bytes)
		options.attach.ring_bytes = 8 << 20;
	if (attach_new(&options.attach, &w->attach, &err) < 0)
		fail_msg("%s", err.text);
	while (n < 4 && options.hosts[n])
		n++;
	assert_int_equal(attach_set_hosts(w->attach, options.hosts, n, &err), 0);
	attach_sweep(w->attach);
	capture.ring_fd = attach_ring_fd(w->attach);
	capture.wait_bytes = attach_wait_bytes(w->attach);
	assert_int_equal(capture_new(&capture, &w->capture), 0);
}

static inline void world_close(struct world *w)
{
	capture_free(w->capture);
	attach_free(w->attach);
	for (int i = 0; i < 2; i++)
		free(w->seen.bytes[i]);
}

static inline void world_drain(struct world *w)
{
	while (capture_drain(w->capture, 1024))
		;
}

static inline uint64_t world_count(struct world *w, enum event_counter counter)
{
	uint64_t counters[EVENT_COUNTER_MAX];

	attach_read_counters(w->attach, counters);
	return counters[counter];
}
