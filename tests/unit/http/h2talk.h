/* HTTP/2 conversations for tests: frames by hand, header blocks by nghttp2's deflater, and a player
 * that cuts, drops and records. Include cmocka.h first. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "http/frames.h"
#include "http/h2.h"
#include "http/http.h"
#include "record.h"

struct part { /* of the conversation: one frame, or the preface */
	enum direction direction;
	size_t from, len;
};

struct talk2 {
	struct buf bytes;
	struct part parts[1024];
	unsigned n;
	nghttp2_hd_deflater *deflaters[2];
};

static inline void talk2_init(struct talk2 *t)
{
	*t = (struct talk2){ .bytes = buf_with_max(1 << 26) };
	for (int d = 0; d < 2; d++)
		assert_int_equal(nghttp2_hd_deflate_new(&t->deflaters[d], 4096), 0);
}

static inline void talk2_done(struct talk2 *t)
{
	for (int d = 0; d < 2; d++)
		nghttp2_hd_deflate_del(t->deflaters[d]);
	buf_done(&t->bytes);
}

static inline void talk2_bytes(struct talk2 *t, enum direction direction, struct span bytes)
{
	assert_true(t->n < sizeof(t->parts) / sizeof(*t->parts));
	t->parts[t->n++] = (struct part){ direction, t->bytes.len, bytes.len };
	buf_put(&t->bytes, bytes);
	assert_false(t->bytes.failed);
}

static inline void talk2_frame(struct talk2 *t, enum direction direction, int type, int flags,
			       uint32_t id, struct span payload)
{
	char head[9] = { (char)(payload.len >> 16),
			 (char)(payload.len >> 8),
			 (char)payload.len,
			 (char)type,
			 (char)flags,
			 (char)(id >> 24),
			 (char)(id >> 16),
			 (char)(id >> 8),
			 (char)id };
	struct buf frame = buf_with_max(1 << 24);

	buf_put(&frame, (struct span){ head, sizeof(head) });
	buf_put(&frame, payload);
	talk2_bytes(t, direction, buf_span(&frame));
	buf_done(&frame);
}

/* A header block of "name: value" lines, as nghttp2 writes it. Colons of pseudo headers count as
 * part of the name. */
static inline struct buf talk2_block(struct talk2 *t, enum direction direction, const char *lines)
{
	struct span rest = span_of(lines);
	struct buf block = buf_with_max(1 << 20);
	nghttp2_nv fields[128];
	uint8_t out[1 << 17];
	size_t n = 0;
	ssize_t len;

	while (rest.ptr && rest.len) {
		struct span line = span_cut(&rest, '\n'), name = line, value;
		const char *colon = memchr(line.ptr + 1, ':', line.len - 1);

		name.len = (size_t)(colon - line.ptr);
		value = span_trim(span_skip(line, name.len + 1));
		fields[n++] = (nghttp2_nv){ (uint8_t *)name.ptr, (uint8_t *)value.ptr, name.len,
					    value.len, 0 };
	}
	len = nghttp2_hd_deflate_hd(t->deflaters[direction], out, sizeof(out), fields, n);
	assert_true(len >= 0);
	buf_put(&block, (struct span){ (char *)out, (size_t)len });
	return block;
}

static inline void talk2_headers(struct talk2 *t, enum direction direction, int flags, uint32_t id,
				 const char *lines)
{
	struct buf block = talk2_block(t, direction, lines);

	talk2_frame(t, direction, FRAME_HEADERS, flags | FRAME_END_HEADERS, id, buf_span(&block));
	buf_done(&block);
}

static inline void talk2_data(struct talk2 *t, enum direction direction, int flags, uint32_t id,
			      const char *text)
{
	talk2_frame(t, direction, FRAME_DATA, flags, id, span_of(text));
}

static inline void talk2_hello(struct talk2 *t)
{
	talk2_bytes(t, DIRECTION_SENT, FRAMES_PREFACE);
	talk2_frame(t, DIRECTION_SENT, FRAME_SETTINGS, 0, 0, SPAN("\0\3\0\0\0\144"));
	talk2_frame(t, DIRECTION_RECEIVED, FRAME_SETTINGS, 0, 0, SPAN(""));
	talk2_frame(t, DIRECTION_SENT, FRAME_SETTINGS, FRAME_ACK, 0, SPAN(""));
	talk2_frame(t, DIRECTION_RECEIVED, FRAME_SETTINGS, FRAME_ACK, 0, SPAN(""));
}

#define REQUEST(method, path)                                                                      \
	":method: " method "\n:scheme: https\n:authority: api.test\n:path: " path                  \
	"\nauthorization: Bearer secret\nuser-agent: test\n"
#define RESPONSE(status) ":status: " status "\ncontent-type: text/plain\nserver: test\n"

/* --- playing */

struct ear {
	struct recorder recorder;
	struct http_counters counters;
	struct connection conn;
	struct http *http;
	uint64_t offset[2];
	int64_t now_ns;
};

static inline void ear_init(struct ear *e, uint64_t from)
{
	*e = (struct ear){ .recorder.text = buf_with_max(1 << 26),
			   .offset = { from, from },
			   .now_ns = 1000 };
	assert_int_equal(http_new(&e->conn, &record_handler, &e->recorder, &e->counters, &e->http),
			 0);
}

static inline void ear_chunk(struct ear *e, enum direction direction, struct span data,
			     uint64_t length)
{
	char *copy = malloc(data.len ? data.len : 1); /* so that ASan sees what is read too far */
	struct chunk chunk = { .data = { copy, data.len },
			       .offset = e->offset[direction],
			       .length = length,
			       .time_utc_ns = e->now_ns++,
			       .direction = direction };

	if (data.len)
		memcpy(copy, data.ptr, data.len);
	http_feed(e->http, &chunk);
	e->offset[direction] += length;
	memset(copy, '#', data.len);
	free(copy);
}

static inline void ear_lose(struct ear *e, enum direction direction, uint64_t n)
{
	e->offset[direction] += n;
}

static inline void ear_close(struct ear *e)
{
	http_close(e->http, e->now_ns++, (uint64_t[2]){ 0, 0 });
	http_free(e->http);
	assert_int_equal(e->recorder.live, 0);
	assert_int_equal(e->recorder.ended, counter_read(&e->counters.exchanges));
	assert_false(e->recorder.text.failed);
	buf_put(&e->recorder.text, SPAN("\0"));
}

static inline void ear_done(struct ear *e)
{
	buf_done(&e->recorder.text);
}

static inline struct span talk2_part(const struct talk2 *t, unsigned i)
{
	return (struct span){ t->bytes.data + t->parts[i].from, t->parts[i].len };
}

static inline void ear_hear(struct ear *e, const struct talk2 *t, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		ear_chunk(e, t->parts[i].direction, talk2_part(t, i), t->parts[i].len);
}
