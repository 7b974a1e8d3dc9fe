/* Random valid HTTP/1.1 traffic of one connection, with the truth about it, cut into chunks in an
 * order that a client could have seen. Call I has the target "/I" and bodies that tell of I. */
#pragma once

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>

#include "base/buf.h"
#include "capture/chunk.h"

#define TRAFFIC_CALLS_MAX  40
#define TRAFFIC_CHUNKS_MAX 20000

struct random {
	uint64_t state;
};

static inline struct random random_start(const char *what)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

	printf("%s: SEED=%" PRIu64 "\n", what, seed);
	return (struct random){ seed * 2 + 1 };
}

static inline uint64_t random_below(struct random *random, uint64_t n)
{
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return (random->state * 0x2545f4914f6cdd1du >> 16) % n;
}

struct truth {
	const char *method;
	unsigned status;
	struct buf body[2]; /* as decoded */
	size_t end[2];      /* of its messages in the streams */
	size_t start[2];
};

struct traffic_chunk {
	enum direction direction;
	size_t from, to;
};

struct traffic {
	struct random *random;
	bool pipelined; /* several requests ahead, from the third call on */
	bool gzip;
	struct buf bytes[2];
	unsigned n_calls;
	struct truth calls[TRAFFIC_CALLS_MAX];
	unsigned n_chunks;
	struct traffic_chunk chunks[TRAFFIC_CHUNKS_MAX];
};

static inline void traffic_body(struct traffic *t, unsigned call, enum direction direction)
{
	struct buf *body = &t->calls[call].body[direction];
	uint64_t words = random_below(t->random, 4) ? random_below(t->random, 200) : 0;

	*body = buf_with_max(1 << 20);
	while (words--)
		buf_printf(body, "%s%u:%" PRIx64 ";", direction ? "r" : "q", call,
			   random_below(t->random, 1 << 20));
}

/* What goes over the wire for the body; freed by the caller. */
static inline struct buf traffic_code(struct span text, bool gzip)
{
	struct buf coded = buf_with_max(1 << 20);
	unsigned char data[1 << 16];
	z_stream z = { 0 };

	if (!gzip) {
		buf_put(&coded, text);
		return coded;
	}
	assert(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, 0) == Z_OK);
	z.next_in = (unsigned char *)text.ptr;
	z.avail_in = (unsigned)text.len;
	z.next_out = data;
	z.avail_out = sizeof(data);
	assert(deflate(&z, Z_FINISH) == Z_STREAM_END);
	deflateEnd(&z);
	buf_put(&coded, (struct span){ (char *)data, sizeof(data) - z.avail_out });
	return coded;
}

static inline void traffic_put_chunked(struct traffic *t, struct buf *out, struct span body)
{
	while (body.len) {
		size_t n = 1 + random_below(t->random, random_below(t->random, 2) ? 20 : 2000);
		struct span data = span_head(body, n);

		buf_printf(out, random_below(t->random, 2) ? "%zx" : "%04zX", data.len);
		if (random_below(t->random, 4) == 0)
			buf_printf(out, ";a=\"%" PRIu64 "\"", random_below(t->random, 1000));
		buf_put(out, SPAN("\r\n"));
		buf_put(out, data);
		buf_put(out, SPAN("\r\n"));
		body = span_skip(body, data.len);
	}
	buf_put(out, SPAN("0\r\n"));
	if (random_below(t->random, 4) == 0)
		buf_put(out, SPAN("X-Checksum: 1\r\nExpires: never\r\n"));
	buf_put(out, SPAN("\r\n"));
}

/* Headers that do not matter, the ones that say how the body is sent, and the body. */
static inline void traffic_put_rest(struct traffic *t, struct buf *out, struct span body,
				    bool until_close)
{
	bool gzip = t->gzip && random_below(t->random, 3) == 0;
	struct buf coded = traffic_code(body, gzip);

	for (uint64_t i = random_below(t->random, 6); i > 0; i--)
		buf_printf(out, "X-%" PRIu64 ":%s%" PRIx64 "\r\n", i,
			   random_below(t->random, 2) ? " " : "\t ",
			   random_below(t->random, 1 << 30));
	if (gzip)
		buf_put(out, SPAN("Content-Encoding: gzip\r\n"));
	if (until_close) {
		buf_put(out, SPAN("\r\n"));
		buf_put(out, buf_span(&coded));
	} else if (random_below(t->random, 2)) {
		buf_put(out, SPAN("Transfer-Encoding: chunked\r\n\r\n"));
		traffic_put_chunked(t, out, buf_span(&coded));
	} else {
		buf_printf(out, "content-length: %zu\r\n\r\n", coded.len);
		buf_put(out, buf_span(&coded));
	}
	buf_done(&coded);
}

static inline void traffic_put_request(struct traffic *t, unsigned call)
{
	static const char *const methods[] = { "GET", "HEAD", "POST", "POST", "PUT" };
	struct truth *truth = &t->calls[call];
	struct buf *out = &t->bytes[DIRECTION_SENT];

	truth->method = methods[random_below(t->random, 5)];
	truth->start[DIRECTION_SENT] = out->len;
	buf_printf(out, "%s /%u HTTP/1.1\r\nHost: example.com\r\n", truth->method, call);
	if (truth->method[0] == 'P') {
		traffic_body(t, call, DIRECTION_SENT);
		traffic_put_rest(t, out, buf_span(&truth->body[DIRECTION_SENT]), false);
	} else {
		buf_put(out, SPAN("\r\n"));
	}
	truth->end[DIRECTION_SENT] = out->len;
}

static inline void traffic_put_response(struct traffic *t, unsigned call)
{
	static const unsigned statuses[] = { 200, 200, 200, 200, 204, 304, 404, 429 };
	struct truth *truth = &t->calls[call];
	struct buf *out = &t->bytes[DIRECTION_RECEIVED];
	bool last = call + 1 == t->n_calls;

	truth->status = statuses[random_below(t->random, 8)];
	truth->start[DIRECTION_RECEIVED] = out->len;
	if (random_below(t->random, 8) == 0)
		buf_put(out, SPAN("HTTP/1.1 100 Continue\r\n\r\n"));
	buf_printf(out, "HTTP/1.1 %u %s\r\n", truth->status,
		   random_below(t->random, 4) ? "Some Reason" : "");
	if (truth->status == 204 || truth->status == 304 || truth->method[0] == 'H') {
		if (truth->status != 204)
			buf_put(out, SPAN("Content-Length: 77\r\n"));
		buf_put(out, SPAN("\r\n"));
	} else {
		traffic_body(t, call, DIRECTION_RECEIVED);
		traffic_put_rest(t, out, buf_span(&truth->body[DIRECTION_RECEIVED]),
				 last && random_below(t->random, 2));
	}
	truth->end[DIRECTION_RECEIVED] = out->len;
}

/* The bytes of one direction up to `to`, in pieces of random sizes. */
static inline void traffic_cut(struct traffic *t, enum direction direction, size_t from, size_t to)
{
	size_t most = 1 + random_below(t->random, random_below(t->random, 3) ? 3000 : 30);

	while (from < to) {
		size_t n = 1 + random_below(t->random, most);
		size_t end = n < to - from ? from + n : to;

		assert(t->n_chunks < TRAFFIC_CHUNKS_MAX);
		t->chunks[t->n_chunks++] = (struct traffic_chunk){ direction, from, end };
		from = end;
	}
}

static inline void traffic_cut_message(struct traffic *t, enum direction direction, unsigned call)
{
	traffic_cut(t, direction, t->calls[call].start[direction], t->calls[call].end[direction]);
}

static inline struct traffic *traffic_new(struct random *random, bool pipelined, bool gzip)
{
	struct traffic *t = calloc(1, sizeof(*t));
	unsigned sent = 0, received = 0;

	assert(t);
	t->random = random;
	t->pipelined = pipelined;
	t->gzip = gzip;
	t->bytes[0] = t->bytes[1] = buf_with_max(1 << 24);
	t->n_calls = 1 + (unsigned)random_below(random, TRAFFIC_CALLS_MAX);
	for (unsigned i = 0; i < t->n_calls; i++)
		traffic_put_request(t, i);
	for (unsigned i = 0; i < t->n_calls; i++)
		traffic_put_response(t, i);
	while (received < t->n_calls) {
		bool ahead = pipelined && sent > received && sent < t->n_calls &&
			     (sent == 1 || random_below(random, 2));

		if (sent == received || ahead)
			traffic_cut_message(t, DIRECTION_SENT, sent++);
		else
			traffic_cut_message(t, DIRECTION_RECEIVED, received++);
	}
	return t;
}

static inline void traffic_free(struct traffic *t)
{
	for (unsigned i = 0; i < t->n_calls; i++) {
		buf_done(&t->calls[i].body[0]);
		buf_done(&t->calls[i].body[1]);
	}
	buf_done(&t->bytes[0]);
	buf_done(&t->bytes[1]);
	free(t);
}

static inline struct chunk traffic_chunk(const struct traffic *t, unsigned i)
{
	const struct traffic_chunk *c = &t->chunks[i];
	struct span all = buf_span(&t->bytes[c->direction]);

	return (struct chunk){ .data = span_head(span_skip(all, c->from), c->to - c->from),
			       .offset = c->from,
			       .length = c->to - c->from,
			       .time_utc_ns = 1000 + i,
			       .direction = c->direction };
}
