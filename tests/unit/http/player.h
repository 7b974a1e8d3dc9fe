/* Plays a conversation into a parser, step by step, and records what it came to. Include cmocka.h
 * first. */
#pragma once

#include "http/h1.h"
#include "record.h"

enum { SENT = 1, RECEIVED, LOST_SENT, LOST_RECEIVED, SHORT_SENT, SHORT_RECEIVED, CUT_SENT };

/* LOST_x: as many bytes as `bytes` has were lost. SHORT_x: the chunk stands for more than it has,
 * and the bytes after the bar were not captured. CUT_SENT: the same, and on purpose. */
struct step {
	int what;
	const char *bytes;
};

struct player {
	struct recorder recorder;
	struct http_counters counters;
	struct connection conn;
	struct h1 *h1;
	uint64_t offset[2];
	int64_t now_ns;
	bool cut;
};

static inline void player_init(struct player *p, const uint64_t from[2])
{
	*p = (struct player){ .recorder.text = buf_with_max(1 << 26) };
	p->offset[0] = from[0];
	p->offset[1] = from[1];
	p->now_ns = 1000;
	assert_int_equal(h1_new(&p->conn, &record_handler, &p->recorder, &p->counters, &p->h1), 0);
}

static inline void player_chunk(struct player *p, int direction, struct span data, uint64_t length)
{
	char *copy = malloc(data.len ? data.len : 1); /* so that ASan sees what is read too far */
	struct chunk chunk = { .data = { copy, data.len },
			       .offset = p->offset[direction],
			       .length = length,
			       .cut = p->cut,
			       .time_utc_ns = p->now_ns++,
			       .direction = (enum direction)direction };

	memcpy(copy, data.ptr, data.len);
	h1_feed(p->h1, &chunk);
	p->offset[direction] += length;
	memset(copy, '#', data.len);
	free(copy);
}

static inline void player_step(struct player *p, const struct step *step)
{
	struct span bytes = span_of(step->bytes), part = bytes;

	switch (step->what) {
	case SENT:
	case RECEIVED:
		player_chunk(p, step->what - SENT, bytes, bytes.len);
		break;
	case LOST_SENT:
	case LOST_RECEIVED:
		p->offset[step->what - LOST_SENT] += bytes.len;
		break;
	case CUT_SENT:
		bytes = span_cut(&part, '|');
		p->cut = true;
		player_chunk(p, DIRECTION_SENT, bytes, bytes.len + part.len);
		p->cut = false;
		break;
	default:
		bytes = span_cut(&part, '|');
		player_chunk(p, step->what - SHORT_SENT, bytes, bytes.len + part.len);
	}
}

static inline void player_close(struct player *p, const uint64_t lost[2])
{
	h1_close(p->h1, p->now_ns++, lost);
	h1_free(p->h1);
	assert_int_equal(p->recorder.live, 0);
	assert_int_equal(p->recorder.ended, counter_read(&p->counters.exchanges));
	assert_false(p->recorder.text.failed);
	buf_put(&p->recorder.text, SPAN("\0"));
}

static inline void player_done(struct player *p)
{
	buf_done(&p->recorder.text);
}

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
#define OK(n)      "HTTP/1.1 200 OK\r\nContent-Length: " #n "\r\n\r\n"
#define CHUNKED    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
