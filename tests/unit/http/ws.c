/* One direction of a WebSocket against the examples of RFC 6455 and RFC 7692: every cut, holes
 * everywhere, broken frames, bombs; and random messages as zlib compresses them. */
#include "http/ws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>

#include "base/buf.h"
#include "guard.h"
#include "http/body.h"
#include "http/decoder.h"

struct listener {
	struct http_counters counters;
	struct exchange exchange;
	struct http_header header;
	struct buf text; /* pieces, ";" for an end, "~" for a gap */
	struct ws *ws;
};

static void hear_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	struct listener *l = ctx;

	assert_ptr_equal(ex, &l->exchange);
	(void)direction;
	assert_true(piece.len > 0);
	buf_put(&l->text, piece);
}

static void hear_message(void *ctx, struct exchange *ex, enum direction direction)
{
	(void)ex;
	(void)direction;
	buf_put(&((struct listener *)ctx)->text, SPAN(";"));
}

static void hear_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	(void)ex;
	(void)direction;
	buf_put(&((struct listener *)ctx)->text, SPAN("~"));
}

static const struct exchange_handler handler = { .body = hear_body,
						 .gap = hear_gap,
						 .message = hear_message };

#define TAKEOVER    "permessage-deflate"
#define NO_TAKEOVER "permessage-deflate; server_no_context_takeover ;client_no_context_takeover"

static void listener_init(struct listener *l, enum direction direction, const char *extensions)
{
	struct ws_options options = { &handler, l, &l->counters, &l->exchange, direction };

	*l = (struct listener){ .text = buf_with_max(1 << 26) };
	l->header = (struct http_header){ SPAN("Sec-WebSocket-Extensions"), span_of(extensions) };
	l->exchange.response.headers = &l->header;
	l->exchange.response.n_headers = extensions ? 1 : 0;
	assert_int_equal(ws_new(&options, &l->ws), 0);
}

static void listener_done(struct listener *l)
{
	ws_free(l->ws);
	buf_done(&l->text);
}

struct talk {
	enum direction direction;
	const char *extensions;
	struct span bytes;
	const char *heard;
	bool closed, in_message, bad;
};

#define RX DIRECTION_RECEIVED
#define TX DIRECTION_SENT

static const struct talk talks[] = {
	/* RFC 6455, 5.7 */
	{ RX, NULL, SPAN("\x81\x05Hello"), "Hello;", 0, 0, 0 },
	{ TX, NULL, SPAN("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "Hello;", 0, 0, 0 },
	{ RX, NULL, SPAN("\x01\x03Hel\x80\x02lo"), "Hello;", 0, 0, 0 },
	{ RX, NULL, SPAN("\x89\x05Hello\x81\x05Hello"), "Hello;", 0, 0, 0 },
	{ TX, NULL, SPAN("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "", 0, 0, 0 },
	{ RX, NULL, SPAN("\x82\x03\x01\x02\x03"), "\x01\x02\x03;", 0, 0, 0 },
	/* 5.4: control frames between fragments; 5.5.1: nothing counts after a Close */
	{ RX, NULL, SPAN("\x01\x03Hel\x89\x01p\x8a\x00\x00\x01l\x80\x01o"), "Hello;", 0, 0, 0 },
	{ RX, NULL,
	  SPAN("\x81\x01"
	       "a\x88\x02\x03\xe8\x81\x01"
	       "b"),
	  "a;", 1, 0, 0 },
	{ RX, NULL, SPAN("\x88\x00\xff\xff"), "", 1, 0, 0 },
	{ RX, NULL,
	  SPAN("\x01\x01"
	       "a\x88\x00"),
	  "a", 1, 0, 0 },
	/* empty ones, and one that ends in an empty fragment */
	{ RX, NULL, SPAN("\x81\x00\x81\x00"), ";;", 0, 0, 0 },
	{ RX, NULL,
	  SPAN("\x01\x01"
	       "a\x80\x00"),
	  "a;", 0, 0, 0 },
	/* lengths in more bytes than they need */
	{ RX, NULL, SPAN("\x81\x7e\x00\x02hi\x81\x7f\0\0\0\0\0\0\0\x02yo"), "hi;yo;", 0, 0, 0 },
	/* the middle of things */
	{ RX, NULL, SPAN("\x81\x05Hel"), "Hel", 0, 1, 0 },
	{ RX, NULL, SPAN("\x01\x03Hel"), "Hel", 0, 1, 0 },
	{ RX, NULL, SPAN("\x81"), "", 0, 1, 0 },
	/* RFC 7692, 7.2.3.1 to 7.2.3.5 */
	{ RX, TAKEOVER, SPAN("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello;", 0, 0, 0 },
	{ RX, TAKEOVER, SPAN("\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"), "Hello;", 0, 0, 0 },
	{ RX, TAKEOVER, SPAN("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00"),
	  "Hello;Hello;", 0, 0, 0 },
	{ RX, TAKEOVER,
	  SPAN("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"),
	  "Hello;Hello;", 0, 0, 0 },
	{ RX, NO_TAKEOVER,
	  SPAN("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"),
	  "Hello;Hello;", 0, 0, 0 },
	{ RX, TAKEOVER, SPAN("\xc1\x0b\x00\x05\x00\xfa\xffHello\x00"), "Hello;", 0, 0, 0 },
	{ RX, TAKEOVER, SPAN("\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), "Hello;", 0, 0, 0 },
	{ RX, TAKEOVER, SPAN("\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
	  "Hello;", 0, 0, 0 },
	/* plain ones, pings and empty ones among the compressed; masked; other extensions listed */
	{ RX, "x-a;b=\"c\", " TAKEOVER ";client_max_window_bits=15",
	  SPAN("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x81\x02hi\x89\x00\xc1\x01\x00"
	       "\xc1\x05\xf2\x00\x11\x00\x00"),
	  "Hello;hi;;Hello;", 0, 0, 0 },
	{ TX, TAKEOVER, SPAN("\xc1\x87\x01\x02\x03\x04\xf3\x4a\xce\xcd\xc8\x05\x03"), "Hello;", 0,
	  0, 0 },
	/* RFC 7692, 7.1.1.1: without takeover a reference to the message before is broken data, and
	 * the next message is by itself */
	{ RX, NO_TAKEOVER,
	  SPAN("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00"
	       "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"),
	  "Hello;H~Hello;", 0, 0, 0 },
	/* with it, only plain ones can be read after that */
	{ RX, TAKEOVER,
	  SPAN("\xc1\x04\xff\xff\xff\xff\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x81\x02hi"), "~hi;", 0,
	  0, 0 },
	/* the parameter of the other direction is not ours */
	{ RX, "permessage-deflate; client_no_context_takeover",
	  SPAN("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00"), "Hello;Hello;",
	  0, 0, 0 },
	/* broken framing: the rest is not looked at */
	{ RX, TAKEOVER,
	  SPAN("\x81\x01"
	       "a\x91\x01"
	       "b\x81\x01"
	       "c"),
	  "a;~", 0, 0, 1 },
	{ RX, TAKEOVER,
	  SPAN("\xa1\x01"
	       "a"),
	  "~", 0, 0, 1 },
	{ RX, NULL, SPAN("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"), "~", 0, 0, 1 },
	{ RX, TAKEOVER,
	  SPAN("\x01\x01"
	       "a\xc0\x01"
	       "b"),
	  "a~", 0, 0, 1 },
	{ RX, TAKEOVER, SPAN("\xc9\x00"), "~", 0, 0, 1 },
	{ RX, NULL,
	  SPAN("\x81\x81\x01\x02\x03\x04"
	       "a"),
	  "~", 0, 0, 1 },
	{ TX, NULL,
	  SPAN("\x81\x01"
	       "a"),
	  "~", 0, 0, 1 },
	{ RX, NULL,
	  SPAN("\x83\x01"
	       "a"),
	  "~", 0, 0, 1 },
	{ RX, NULL,
	  SPAN("\x8b\x01"
	       "a"),
	  "~", 0, 0, 1 },
	{ RX, NULL,
	  SPAN("\x80\x01"
	       "a"),
	  "~", 0, 0, 1 },
	{ RX, NULL,
	  SPAN("\x01\x01"
	       "a\x81\x01"
	       "b"),
	  "a~", 0, 0, 1 },
	{ RX, NULL, SPAN("\x09\x00"), "~", 0, 0, 1 },
	{ RX, NULL, SPAN("\x89\x7e\x00\x7e"), "~", 0, 0, 1 },
	{ RX, NULL, SPAN("\x81\x7f\x80\0\0\0\0\0\0\0"), "~", 0, 0, 1 },
	{ RX, NULL, SPAN("GET / HTTP/1.1\r\n"), "~", 0, 0, 1 },
};

static void assert_talk(struct listener *l, const struct talk *talk, size_t i, size_t cut)
{
	if (!span_eq(buf_span(&l->text), span_of(talk->heard)))
		fail_msg("talk %zu, cut at %zu: %.*s", i, cut, (int)l->text.len, l->text.data);
	assert_int_equal(ws_is_closed(l->ws), talk->closed);
	assert_int_equal(ws_in_message(l->ws), talk->in_message);
	assert_int_equal(counter_read(&l->counters.bad_frames), talk->bad);
	assert_int_equal(l->exchange.fault == EXCHANGE_BAD_FRAME, talk->bad);
}

static void test_talks(void **state)
{
	struct guard guard = guard_new();

	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		const struct talk *t = &talks[i];

		for (size_t cut = 0; cut <= t->bytes.len; cut++) {
			struct listener l;

			listener_init(&l, t->direction, t->extensions);
			ws_feed(l.ws, guard_put(&guard, span_head(t->bytes, cut)));
			for (size_t at = cut; at < t->bytes.len; at += cut ? t->bytes.len : 1)
				ws_feed(l.ws, guard_put(&guard, span_head(span_skip(t->bytes, at),
									  cut ? t->bytes.len : 1)));
			assert_talk(&l, t, i, cut);
			listener_done(&l);
		}
	}
	guard_done(&guard);
}

struct frame {
	struct span bytes;
	const char *heard; /* of the message that begins with it */
	size_t payload;    /* where it begins, of the frame */
	bool compressed;
};

/* Messages by one frame, and what a hole [from, to) leaves of them: what is before it, what is
 * after it when it stays inside one frame, and never a message that is not whole. */
static const struct frame frames[] = {
	{ SPAN("\x81\x03one"), "one;", 2, false },
	{ SPAN("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello;", 2, true },
	{ SPAN("\x82\x7e\x00\x05three"), "three;", 4, false },
	{ SPAN("\x89\x02pp"), "", 2, false },
	{ SPAN("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"), "Hello;", 2, true },
	{ SPAN("\x81\x04"
	       "four"),
	  "four;", 2, false },
};

#define N_FRAMES (sizeof(frames) / sizeof(*frames))

/* What of a payload came before the hole is given; "?": how much of "Hello" is out when its deflate
 * block breaks off is zlib's business. */
static void expect_cut(const struct frame *frame, size_t n, struct buf *out)
{
	if (frame->compressed)
		buf_put(out, SPAN("?"));
	else if (*frame->heard)
		buf_put(out, span_head(span_of(frame->heard), n));
}

static void expect(size_t from, size_t to, bool takeover, struct buf *out)
{
	bool lost = false, deaf = false;
	size_t at = 0;

	for (size_t i = 0; i < N_FRAMES && !lost; i++) {
		const struct frame *f = &frames[i];
		size_t end = at + f->bytes.len, payload = at + f->payload;
		bool hit = from < to && from < end && to > at;

		if (!hit) {
			if (!f->compressed || !deaf)
				buf_put(out, span_of(f->heard));
		} else {
			lost = from < payload || to > end;
			if (from >= payload)
				expect_cut(f, from - payload, out);
			if (lost || *f->heard)
				buf_put(out, SPAN("~"));
			deaf = f->compressed && takeover;
		}
		at = end;
	}
}

static bool is_as_expected(struct span got, struct span want)
{
	for (; want.len; want = span_skip(want, 1)) {
		struct span hello = SPAN("Hello");

		if (*want.ptr == '?') {
			for (; got.len && hello.len && *got.ptr == *hello.ptr;
			     got = span_skip(got, 1))
				hello = span_skip(hello, 1);
		} else {
			if (!got.len || *got.ptr != *want.ptr)
				return false;
			got = span_skip(got, 1);
		}
	}
	return !got.len;
}

static void play_hole(struct span all, size_t from, size_t to, bool takeover)
{
	struct buf want = buf_with_max(1000);
	struct listener l;

	expect(from, to, takeover, &want);
	listener_init(&l, DIRECTION_RECEIVED, takeover ? TAKEOVER : NO_TAKEOVER);
	ws_feed(l.ws, span_head(all, from));
	ws_skip(l.ws, to - from);
	ws_feed(l.ws, span_skip(all, to));
	if (!is_as_expected(buf_span(&l.text), buf_span(&want)))
		fail_msg("hole from %zu to %zu: %.*s, not %.*s", from, to, (int)l.text.len,
			 l.text.data, (int)want.len, want.data);
	listener_done(&l);
	buf_done(&want);
}

static void test_holes(void **state)
{
	struct buf all = buf_with_max(1000);

	(void)state;
	for (size_t i = 0; i < N_FRAMES; i++)
		buf_put(&all, frames[i].bytes);
	for (size_t from = 0; from <= all.len; from++) {
		for (size_t to = from; to <= all.len; to++) {
			play_hole(buf_span(&all), from, to, true);
			play_hole(buf_span(&all), from, to, false);
		}
	}
	buf_done(&all);
}

/* It costs nothing but the ping. */
static void test_hole_in_a_masked_ping(void **state)
{
	struct listener l;

	(void)state;
	listener_init(&l, DIRECTION_SENT, NULL);
	ws_feed(l.ws, SPAN("\x01\x85\x01\x02\x03\x04"
			   "ikoHn\x89\x83\x01\x02\x03\x04p"));
	ws_skip(l.ws, 2);
	ws_feed(l.ws, SPAN("\x80\x81\x01\x02\x03\x04 "));
	assert_true(span_eq(buf_span(&l.text), SPAN("hilLo!;")));
	ws_lose(l.ws);
	ws_lose(l.ws);
	ws_skip(l.ws, 5);
	assert_true(span_eq(buf_span(&l.text), SPAN("hilLo!;~")));
	listener_done(&l);
}

static void put_length(struct buf *out, unsigned mask_bit, uint64_t n)
{
	unsigned char bytes[9] = { (unsigned char)(mask_bit | (n < 126     ? n
							       : n < 65536 ? 126
									   : 127)) };
	unsigned width = n < 126 ? 0 : n < 65536 ? 2 : 8;

	for (unsigned i = 0; i < width; i++)
		bytes[1 + i] = (unsigned char)(n >> 8 * (width - 1 - i));
	buf_put(out, (struct span){ (char *)bytes, 1 + width });
}

static void put_frame(struct buf *out, unsigned first, struct span payload, bool masked)
{
	unsigned char mask[4];

	buf_put(out, (struct span){ (char[]){ (char)first }, 1 });
	put_length(out, masked ? 0x80 : 0, payload.len);
	for (unsigned i = 0; i < 4; i++)
		mask[i] = (unsigned char)random();
	if (masked)
		buf_put(out, (struct span){ (char *)mask, 4 });
	for (size_t i = 0; i < payload.len; i++) {
		char c = (char)(payload.ptr[i] ^ (masked ? mask[i % 4] : 0));

		buf_put(out, (struct span){ &c, 1 });
	}
}

/* As RFC 7692, 7.2.1 says: a flush, without its last four bytes. */
static void compress_message(z_stream *z, struct span text, struct buf *out)
{
	uLong bound = compressBound(text.len) + 64;
	unsigned char *data = malloc(bound);

	if (!text.len) { /* 7.2.3.6 */
		buf_put(out, SPAN("\0"));
		free(data);
		return;
	}
	z->next_in = (unsigned char *)text.ptr;
	z->avail_in = (unsigned)text.len;
	z->next_out = data;
	z->avail_out = (unsigned)bound;
	assert_int_equal(deflate(z, Z_SYNC_FLUSH), Z_OK);
	buf_put(out, (struct span){ (char *)data, bound - z->avail_out - 4 });
	free(data);
}

static void put_fragments(struct buf *out, bool compressed, struct span payload, bool masked)
{
	unsigned first = (unsigned)(1 + random() % 2) | (compressed ? 0x40 : 0);

	while (random() % 3 == 0) {
		struct span part = span_head(payload, (size_t)random() % (payload.len + 1));

		put_frame(out, first, part, masked);
		if (random() % 3 == 0)
			put_frame(out, 0x89, SPAN("ping"), masked);
		payload = span_skip(payload, part.len);
		first = 0;
	}
	put_frame(out, first | 0x80, payload, masked);
}

/* Of a window from 512 bytes to 32 KiB, which the inflater need not be told (RFC 7692, 7.1.2). */
static void random_talk(bool masked, bool takeover, int window_bits, bool told)
{
	char extensions[200];
	struct buf bytes = buf_with_max(1 << 24), want = buf_with_max(1 << 24);
	z_stream z = { 0 };
	struct listener l;

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -window_bits, 8, 0), Z_OK);
	for (int i = 0; i < 20; i++) {
		static const size_t sizes[] = { 0, 1, 125, 126, 4096, 65535, 65536, 100000 };
		size_t n = random() % 2 ? sizes[random() % 8] : (size_t)random() % 300;
		struct buf text = buf_with_max(1 << 20), coded = buf_with_max(1 << 20);

		while (text.len < n)
			buf_put(&text, span_head(SPAN("{\"usage\":"), (size_t)random() % 10 + 1));
		if (random() % 4) {
			compress_message(&z, buf_span(&text), &coded);
			if (!takeover)
				deflateReset(&z);
			put_fragments(&bytes, true, buf_span(&coded), masked);
		} else {
			put_fragments(&bytes, false, buf_span(&text), masked);
		}
		buf_put(&want, buf_span(&text));
		buf_put(&want, SPAN(";"));
		buf_done(&text);
		buf_done(&coded);
	}
	snprintf(extensions, sizeof(extensions),
		 told ? "%s;client_max_window_bits=%d; server_max_window_bits = \"%d\"" : "%s",
		 takeover ? TAKEOVER : NO_TAKEOVER, window_bits, window_bits);
	listener_init(&l, masked ? DIRECTION_SENT : DIRECTION_RECEIVED, extensions);
	for (size_t at = 0, n; at < bytes.len; at += n) {
		n = (size_t)random() % 5000;
		ws_feed(l.ws, span_head(span_skip(buf_span(&bytes), at), n));
	}
	assert_true(span_eq(buf_span(&l.text), buf_span(&want)));
	assert_false(ws_in_message(l.ws));
	listener_done(&l);
	deflateEnd(&z);
	buf_done(&bytes);
	buf_done(&want);
}

static void test_random(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

	(void)state;
	print_message("SEED=%u\n", seed);
	srandom(seed);
	for (int i = 0; i < 28 * 2; i++)
		random_talk(i & 1, i & 2, 9 + i / 8, i & 4);
}

static void test_bomb(void **state)
{
	struct buf coded = buf_with_max(1 << 22), bytes = buf_with_max(1 << 22);
	struct span zeros = { calloc(1, 1 << 24), 1 << 24 };
	struct listener l;
	z_stream z = { 0 };

	(void)state;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, 0), Z_OK);
	compress_message(&z, zeros, &coded);
	put_frame(&bytes, 0xc1, buf_span(&coded), false);
	put_frame(&bytes, 0x81, SPAN("hi"), false);
	listener_init(&l, DIRECTION_RECEIVED, TAKEOVER);
	ws_feed(l.ws, buf_span(&bytes));
	assert_int_equal(l.exchange.fault, EXCHANGE_CODING_LIMIT);
	assert_int_equal(counter_read(&l.counters.coding_limits), 1);
	assert_in_range(l.text.len, (1 << 20) - 16384, (1 << 20) + 16384);
	assert_memory_equal(l.text.data + l.text.len - 4, "~hi;", 4);
	listener_done(&l);
	deflateEnd(&z);
	buf_done(&coded);
	buf_done(&bytes);
	free((char *)zeros.ptr);
}

/* zconf.h: inflate takes the window and about seven kilobytes. What is not said, or is none, is the
 * largest; zlib makes 9 bits of 8. */
static void test_memory_of_the_window(void **state)
{
	static const struct {
		const char *more;
		unsigned window;
	} cases[] = {
		{ "", 32768 },
		{ ";client_max_window_bits=9", 32768 },
		{ ";server_max_window_bits", 32768 },
		{ ";server_max_window_bits=7", 32768 },
		{ ";server_max_window_bits=16", 32768 },
		{ ";server_max_window_bits=\"", 32768 },
		{ ";server_max_window_bits=\"12\"", 4096 },
		{ ";server_max_window_bits=12", 4096 },
		{ ";server_max_window_bits=8", 512 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf coded = buf_with_max(1 << 17), bytes = buf_with_max(1 << 17);
		char extensions[100], text[20000];
		struct listener l;
		z_stream z = { 0 };
		uint64_t taken;

		for (size_t n = 0; n < sizeof(text); n++)
			text[n] = (char)('a' + random() % 8);
		snprintf(extensions, sizeof(extensions), "permessage-deflate%s", cases[i].more);
		assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -9, 8, 0), Z_OK);
		compress_message(&z, (struct span){ text, sizeof(text) }, &coded);
		put_frame(&bytes, 0xc1, buf_span(&coded), false);
		listener_init(&l, DIRECTION_RECEIVED, extensions);
		ws_feed(l.ws, buf_span(&bytes));
		assert_int_equal(l.text.len, sizeof(text) + 1);
		taken = counter_read(&l.counters.decoder_bytes);
		assert_in_range(taken, cases[i].window + 6000, cases[i].window + 8000);
		listener_done(&l);
		deflateEnd(&z);
		buf_done(&coded);
		buf_done(&bytes);
	}
}

/* An inflater is one of those that share their room: see http/decoder.h. */
static void test_no_room(void **state)
{
	struct buf coded = buf_with_max(1 << 10), bytes = buf_with_max(1 << 10);
	struct listener l;
	z_stream z = { 0 };

	(void)state;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, 0), Z_OK);
	compress_message(&z, SPAN("ho"), &coded);
	put_frame(&bytes, 0xc1, buf_span(&coded), false);
	put_frame(&bytes, 0x81, SPAN("hi"), false);
	listener_init(&l, DIRECTION_RECEIVED, TAKEOVER);
	counter_set(&l.counters.decoder_bytes, DECODERS_BYTES_MAX);
	ws_feed(l.ws, buf_span(&bytes));
	assert_int_equal(l.exchange.fault, EXCHANGE_CODING_LIMIT);
	assert_int_equal(counter_read(&l.counters.decoders_refused), 1);
	assert_int_equal(counter_read(&l.counters.decoder_bytes), DECODERS_BYTES_MAX);
	assert_true(span_eq(buf_span(&l.text), SPAN("~hi;")));
	listener_done(&l);
	deflateEnd(&z);
	buf_done(&coded);
	buf_done(&bytes);
}

static void test_free_of_nothing(void **state)
{
	(void)state;
	ws_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_hole_in_a_masked_ping),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_memory_of_the_window),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_free_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
