/* HTTP/2 conversations seen from the side: frames by hand, header blocks by nghttp2's deflater;
 * each is played whole, cut in two at every place and byte by byte. Expected lines are by hand from
 * RFC 9113. */
#include "http/h2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "h2talk.h"

#define S DIRECTION_SENT
#define R DIRECTION_RECEIVED

static void expect(const struct ear *e, const char *lines, const char *how, size_t at)
{
	if (strcmp(e->recorder.text.data, lines) != 0) {
		print_error("%s %zu:\n%s---- expected:\n%s", how, at, e->recorder.text.data, lines);
		fail();
	}
}

static void play_cut(const struct talk2 *t, size_t cut, const char *lines)
{
	struct ear e;

	ear_init(&e, 0);
	for (unsigned i = 0; i < t->n; i++) {
		struct span bytes = talk2_part(t, i);
		size_t from = t->parts[i].from;

		if (cut > from && cut < from + bytes.len) {
			ear_chunk(&e, t->parts[i].direction, span_head(bytes, cut - from),
				  cut - from);
			bytes = span_skip(bytes, cut - from);
		}
		ear_chunk(&e, t->parts[i].direction, bytes, bytes.len);
	}
	ear_close(&e);
	expect(&e, lines, "cut at", cut);
	assert_int_equal(counter_read(&e.counters.http2), 1);
	assert_int_equal(counter_read(&e.counters.resyncs), 0);
	assert_int_equal(counter_read(&e.counters.hpack_lost), 0);
	ear_done(&e);
}

static void play_byte_by_byte(const struct talk2 *t, const char *lines)
{
	struct ear e;

	ear_init(&e, 0);
	for (unsigned i = 0; i < t->n; i++)
		for (size_t at = 0; at < t->parts[i].len; at++)
			ear_chunk(&e, t->parts[i].direction,
				  span_head(span_skip(talk2_part(t, i), at), 1), 1);
	ear_close(&e);
	expect(&e, lines, "byte by byte", 0);
	ear_done(&e);
}

/* Ends the conversation. */
static void play_all_ways(struct talk2 *t, const char *lines)
{
	for (size_t cut = 0; cut < t->bytes.len; cut++)
		play_cut(t, cut, lines);
	play_byte_by_byte(t, lines);
	talk2_done(t);
}

static void test_one_call(void **state)
{
	struct talk2 t;

	(void)state;
	talk2_init(&t);
	talk2_hello(&t);
	talk2_headers(&t, S, 0, 1, REQUEST("POST", "/v1/x?y=z"));
	talk2_data(&t, S, FRAME_END_STREAM, 1, "hello");
	talk2_headers(&t, R, 0, 1, RESPONSE("200"));
	talk2_data(&t, R, 0, 1, "wor");
	talk2_data(&t, R, FRAME_END_STREAM, 1, "ld");
	play_all_ways(&t, "POST /v1/x?y=z [hello] -> 200 [world] complete\n");
}

/* Capture case 38. */
static void test_everything_a_peer_may_send(void **state)
{
	struct talk2 t;
	struct buf block;

	(void)state;
	talk2_init(&t);
	talk2_hello(&t);
	talk2_frame(&t, R, FRAME_WINDOW_UPDATE, 0, 0, SPAN("\0\1\0\0"));
	talk2_frame(&t, S, FRAME_PRIORITY, 0, 7, SPAN("\0\0\0\0\20"));
	talk2_frame(&t, S, FRAME_PING, 0, 0, SPAN("12345678"));
	talk2_frame(&t, R, FRAME_PING, FRAME_ACK, 0, SPAN("12345678"));
	talk2_frame(&t, R, 0xa, 0, 0, SPAN("\0\1xh3=\":443\"")); /* ALTSVC, RFC 7838 */
	/* Padded, with a priority, in three frames. */
	block = talk2_block(&t, S, REQUEST("POST", "/a"));
	{
		struct buf first = buf_with_max(1000);

		buf_put(&first, SPAN("\3\200\0\0\0\377"));
		buf_put(&first, span_head(buf_span(&block), 5));
		buf_put(&first, SPAN("\0\0\0"));
		talk2_frame(&t, S, FRAME_HEADERS, FRAME_PADDED | FRAME_HAS_PRIORITY, 1,
			    buf_span(&first));
		buf_done(&first);
	}
	talk2_frame(&t, S, FRAME_CONTINUATION, 0, 1, span_head(span_skip(buf_span(&block), 5), 1));
	talk2_frame(&t, S, FRAME_CONTINUATION, FRAME_END_HEADERS, 1,
		    span_skip(buf_span(&block), 6));
	buf_done(&block);
	talk2_frame(&t, S, FRAME_DATA, FRAME_PADDED, 1, SPAN("\4hel\0\0\0\0"));
	talk2_frame(&t, S, FRAME_DATA, FRAME_PADDED, 1, SPAN("\0lo"));
	talk2_frame(&t, S, FRAME_DATA, FRAME_PADDED, 1, SPAN("\2\0\0"));
	talk2_data(&t, S, 0, 1, "");
	talk2_headers(&t, S, FRAME_END_STREAM, 1, "x-sum: 5\n");
	talk2_headers(&t, R, 0, 1, ":status: 103\nlink: x\n");
	talk2_headers(&t, R, 0, 1, ":status: 100\n");
	block = talk2_block(&t, R, REQUEST("GET", "/pushed"));
	{
		struct buf push = buf_with_max(1000);

		buf_put(&push, SPAN("\0\0\0\2"));
		buf_put(&push, buf_span(&block));
		talk2_frame(&t, R, FRAME_PUSH_PROMISE, FRAME_END_HEADERS, 1, buf_span(&push));
		buf_done(&push);
	}
	buf_done(&block);
	talk2_headers(&t, R, 0, 2, RESPONSE("203"));
	talk2_data(&t, R, FRAME_END_STREAM, 2, "nobody's");
	talk2_headers(&t, R, 0, 1, RESPONSE("201"));
	talk2_data(&t, R, 0, 1, "answer");
	talk2_headers(&t, R, FRAME_END_STREAM, 1, "grpc-status: 0\n");
	talk2_frame(&t, S, FRAME_WINDOW_UPDATE, 0, 1, SPAN("\0\1\0\0"));
	play_all_ways(&t, "POST /a [hello] -> 201 [answer] complete\n");
}

static void test_interleaved(void **state)
{
	struct talk2 t;

	(void)state;
	talk2_init(&t);
	talk2_hello(&t);
	talk2_headers(&t, S, FRAME_END_STREAM, 1, REQUEST("GET", "/1"));
	talk2_headers(&t, S, 0, 3, REQUEST("POST", "/3"));
	talk2_headers(&t, S, FRAME_END_STREAM, 5, REQUEST("GET", "/5"));
	talk2_headers(&t, R, 0, 5, RESPONSE("200"));
	talk2_data(&t, S, 0, 3, "o");
	talk2_data(&t, R, 0, 5, "fi");
	talk2_headers(&t, R, 0, 1, RESPONSE("404"));
	talk2_data(&t, R, 0, 1, "o");
	talk2_data(&t, S, 0, 3, "n");
	talk2_data(&t, R, 0, 5, "ve");
	talk2_data(&t, R, 0, 1, "ne");
	talk2_headers(&t, R, FRAME_END_STREAM, 3, RESPONSE("204"));
	talk2_data(&t, R, FRAME_END_STREAM, 5, "");
	talk2_data(&t, S, FRAME_END_STREAM, 3, "e");
	talk2_data(&t, R, FRAME_END_STREAM, 1, "");
	play_all_ways(&t, "GET /5 [] -> 200 [five] complete\n"
			  "POST /3 [one] -> 204 [] complete\n"
			  "GET /1 [] -> 404 [one] complete\n");
}

/* Clients leave a stream at its end marker; what is still on its way is no call. */
static void test_ends_of_all_kinds(void **state)
{
	struct talk2 t;

	(void)state;
	talk2_init(&t);
	talk2_hello(&t);
	talk2_headers(&t, S, FRAME_END_STREAM, 1, REQUEST("GET", "/cancelled"));
	talk2_headers(&t, R, 0, 1, RESPONSE("200"));
	talk2_data(&t, R, 0, 1, "data: [DONE]");
	talk2_frame(&t, S, FRAME_RST_STREAM, 0, 1, SPAN("\0\0\0\10"));
	talk2_data(&t, R, 0, 1, "late");
	talk2_headers(&t, R, FRAME_END_STREAM, 1, "x-trailer: late\n");
	talk2_headers(&t, S, FRAME_END_STREAM, 3, REQUEST("GET", "/refused"));
	talk2_frame(&t, R, FRAME_RST_STREAM, 0, 3, SPAN("\0\0\0\7"));
	talk2_headers(&t, S, 0, 5, REQUEST("POST", "/enough"));
	talk2_data(&t, S, 0, 5, "half");
	talk2_headers(&t, R, 0, 5, RESPONSE("413"));
	talk2_data(&t, R, FRAME_END_STREAM, 5, "no");
	talk2_frame(&t, R, FRAME_RST_STREAM, 0, 5, SPAN("\0\0\0\0"));
	talk2_headers(&t, S, FRAME_END_STREAM, 7, REQUEST("GET", "/open"));
	talk2_headers(&t, S, FRAME_END_STREAM, 9, REQUEST("GET", "/not-looked-at"));
	talk2_headers(&t, R, 0, 7, RESPONSE("200"));
	talk2_frame(&t, R, FRAME_GOAWAY, 0, 0, SPAN("\0\0\0\7\0\0\0\0bye"));
	talk2_data(&t, R, 0, 7, "cut");
	play_all_ways(&t, "GET /cancelled [] -> 200 [data: [DONE]] truncated\n"
			  "GET /refused [] -> 0 [] truncated\n"
			  "POST /enough [half] -> 413 [no] complete\n"
			  "GET /not-looked-at [] -> 0 [] truncated\n"
			  "GET /open [] -> 200 [cut] truncated\n");
}

static void test_response_before_its_request(void **state)
{
	struct talk2 t;

	(void)state;
	talk2_init(&t);
	talk2_hello(&t);
	talk2_headers(&t, R, 0, 1, RESPONSE("200"));
	talk2_data(&t, R, FRAME_END_STREAM, 1, "one");
	talk2_headers(&t, R, 0, 3, RESPONSE("200"));
	talk2_headers(&t, S, FRAME_END_STREAM, 1, REQUEST("GET", "/1"));
	talk2_data(&t, R, FRAME_END_STREAM, 3, "three");
	talk2_headers(&t, S, FRAME_END_STREAM, 3, REQUEST("GET", "/3"));
	play_all_ways(&t, "GET /1 [] -> 200 [one] complete\n"
			  "GET /3 [] -> 200 [three] complete\n");
}

static void test_tunnel_is_no_body(void **state)
{
	struct talk2 t;

	(void)state;
	talk2_init(&t);
	talk2_hello(&t);
	talk2_headers(&t, S, 0, 1, ":method: CONNECT\n:authority: db.test:5432\n");
	talk2_headers(&t, R, 0, 1, ":status: 200\n");
	talk2_data(&t, S, FRAME_END_STREAM, 1, "select 1");
	talk2_data(&t, R, FRAME_END_STREAM, 1, "1");
	play_all_ways(&t, "CONNECT db.test:5432 [] -> 200 [] complete\n");
}

/* "Hello" of RFC 6455, 5.7, from the client, from the server, and compressed (RFC 7692, 7.2.3.1);
 * Close of either. */
#define SENT_HELLO     "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
#define SENT_CLOSE     "\x88\x82\x01\x01\x01\x01\x02\xe9"
#define HELLO          "\x81\x05Hello"
#define PACKED         "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\0"
#define RECEIVED_CLOSE "\x88\x02\x03\xe8"

struct socket { /* what both send after the request of RFC 8441, 5.1, in this order */
	const char *name, *response;
	struct span received, sent;
	const char *lines;
	unsigned websockets;
	bool ends; /* the server's last frame ends the stream */
};

static const struct socket sockets[] = {
	{ "closed by both", ":status: 200\n", SPAN(HELLO "\x01\x02yo\x80\x01u" RECEIVED_CLOSE),
	  SPAN(SENT_HELLO SENT_CLOSE), "GET /chat [Hello|] -> 101 [Hello|you|] complete\n", 1, 0 },
	{ "closed by the stream", ":status: 200\n", SPAN(HELLO), SPAN(SENT_HELLO),
	  "GET /chat [Hello|] -> 101 [Hello|] complete\n", 1, 1 },
	{ "the connection is lost between messages", ":status: 204\n", SPAN(HELLO),
	  SPAN(SENT_HELLO), "GET /chat [Hello|] -> 101 [Hello|] complete\n", 1, 0 },
	{ "and in a message", ":status: 200\n", SPAN("\x81\x06Hello"), SPAN(SENT_HELLO),
	  "GET /chat [Hello|] -> 101 [Hello] truncated\n", 1, 0 },
	{ "the stream ends in a message", ":status: 200\n", SPAN("\x81\x06Hello"), SPAN(SENT_HELLO),
	  "GET /chat [Hello|] -> 101 [Hello] truncated\n", 1, 1 },
	{ "a broken frame", ":status: 200\n", SPAN(HELLO "\xb1\x02hi"), SPAN(SENT_HELLO),
	  "GET /chat [Hello|] -> 101 [Hello|~] complete bad-frame\n", 1, 0 },
	{ "refused", ":status: 403\n", SPAN("no"), SPAN(""), "GET /chat [] -> 403 [no] truncated\n",
	  0, 1 },
};

static void ask(struct talk2 *t)
{
	talk2_init(t);
	talk2_hello(t);
	talk2_headers(t, S, 0, 1,
		      ":method: CONNECT\n:protocol: websocket\n:scheme: https\n:path: /chat\n"
		      ":authority: server.example.com\nsec-websocket-protocol: chat, superchat\n"
		      "sec-websocket-extensions: permessage-deflate\n"
		      "sec-websocket-version: 13\norigin: http://www.example.com\n");
}

static void test_websocket_on_a_stream(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sockets) / sizeof(*sockets); i++) {
		const struct socket *socket = &sockets[i];
		struct talk2 t;

		ask(&t);
		talk2_headers(&t, R, 0, 1, socket->response);
		talk2_frame(&t, S, FRAME_DATA, 0, 1, socket->sent);
		talk2_frame(&t, R, FRAME_DATA, socket->ends ? FRAME_END_STREAM : 0, 1,
			    socket->received);
		play_all_ways(&t, socket->lines);
	}
}

static void test_websocket_with_holes(void **state)
{
	struct talk2 t;
	struct ear e;

	(void)state;
	ask(&t);
	talk2_headers(&t, R, 0, 1, ":status: 200\nsec-websocket-extensions: permessage-deflate\n");
	talk2_frame(&t, R, FRAME_DATA, 0, 1, SPAN(PACKED));
	ear_init(&e, 0);
	ear_hear(&e, &t, 0, t.n);
	ear_chunk(&e, R, SPAN("\0\0\x0e\0\0\0\0\0\1\x81\x05He"), 13);
	ear_lose(&e, R, 3);
	ear_chunk(&e, R, SPAN(HELLO), 7); /* the rest of the frame of HTTP/2 */
	ear_close(&e);
	expect(&e, "GET /chat [] -> 101 [Hello|He~Hello|] gap lost 3\n", "hole", 0);
	assert_int_equal(counter_read(&e.counters.websockets), 1);
	assert_int_equal(counter_read(&e.counters.tunnels), 0);
	assert_int_equal(counter_read(&e.counters.bad_heads), 0);
	ear_done(&e);
	talk2_done(&t);
}

/* Threads: what the client sent was seen before the response that agreed to it. */
static void test_websocket_out_of_order(void **state)
{
	struct talk2 t;
	struct ear e;

	(void)state;
	ask(&t);
	talk2_frame(&t, S, FRAME_DATA, 0, 1, SPAN(SENT_HELLO));
	talk2_headers(&t, R, 0, 1, ":status: 200\n");
	talk2_frame(&t, R, FRAME_DATA, 0, 1, SPAN(HELLO));
	ear_init(&e, 0);
	ear_hear(&e, &t, 0, t.n);
	ear_close(&e);
	expect(&e, "GET /chat [~] -> 101 [Hello|] gap\n", "early", 0);
	ear_done(&e);
	talk2_done(&t);
}

/* Heard from that part on; ends the conversation. */
static void play_late(struct talk2 *t, unsigned from, const char *lines)
{
	struct ear e;

	ear_init(&e, CHUNK_LATE_OFFSET);
	ear_hear(&e, t, from, t->n);
	ear_close(&e);
	expect(&e, lines, "late from", from);
	assert_int_equal(counter_read(&e.counters.http2), 1);
	ear_done(&e);
	talk2_done(t);
}

static void test_late(void **state)
{
	struct talk2 t;
	unsigned late_from;

	(void)state;
	talk2_init(&t);
	talk2_hello(&t);
	talk2_headers(&t, S, FRAME_END_STREAM, 1, REQUEST("GET", "/1"));
	talk2_headers(&t, R, 0, 1, RESPONSE("200"));
	talk2_data(&t, R, 0, 1, "unseen ");
	late_from = t.n;
	talk2_data(&t, R, 0, 1, "seen");
	talk2_headers(&t, S, FRAME_END_STREAM, 3, REQUEST("GET", "/3"));
	talk2_headers(&t, R, 0, 3, RESPONSE("200"));
	talk2_data(&t, R, FRAME_END_STREAM, 1, "!");
	talk2_data(&t, R, FRAME_END_STREAM, 3, "three");
	/* nghttp2 does not index :path, so that of /3 is known; its authorization is not. */
	play_late(&t, late_from,
		  "  [] -> 0 [seen!] pre-attach\n"
		  "GET /3 [] -> 200 [three] pre-attach\n");
}

/* Where nothing is held back any more, an answer comes before the head that it answers is whole:
 * what still comes of that is not told behind the answer. */
static void test_answer_within_the_head(void **state)
{
	struct talk2 t;
	unsigned late_from;
	struct buf block;

	(void)state;
	talk2_init(&t);
	talk2_hello(&t);
	late_from = t.n;
	talk2_headers(&t, S, FRAME_END_STREAM, 1, REQUEST("GET", "/1"));
	talk2_headers(&t, R, 0, 1, RESPONSE("200"));
	block = talk2_block(&t, S, REQUEST("GET", "/3"));
	talk2_frame(&t, S, FRAME_HEADERS, FRAME_END_STREAM, 3, span_head(buf_span(&block), 5));
	talk2_headers(&t, R, 0, 3, RESPONSE("200"));
	talk2_data(&t, R, FRAME_END_STREAM, 1, "one");
	talk2_frame(&t, S, FRAME_CONTINUATION, FRAME_END_HEADERS, 3,
		    span_skip(buf_span(&block), 5));
	talk2_data(&t, R, FRAME_END_STREAM, 3, "three");
	buf_done(&block);
	play_late(&t, late_from,
		  "GET /1 [] -> 200 [one] complete\n"
		  "  [] -> 200 [three] pre-attach\n");
}

static void test_flood_of_continuations(void **state)
{
	struct talk2 t;
	struct ear e;

	(void)state;
	talk2_init(&t);
	talk2_hello(&t);
	talk2_headers(&t, S, FRAME_END_STREAM, 1, REQUEST("GET", "/1"));
	talk2_frame(&t, R, FRAME_HEADERS, 0, 1, SPAN("\210"));
	for (int i = 0; i < H2_BLOCK_FRAMES_MAX; i++)
		talk2_frame(&t, R, FRAME_CONTINUATION, 0, 1, SPAN(""));
	talk2_data(&t, R, FRAME_END_STREAM, 1, "x");
	ear_init(&e, 0);
	ear_hear(&e, &t, 0, t.n);
	ear_close(&e);
	expect(&e, "GET /1 [] -> 0 [] gap\n", "flood", 0);
	assert_int_equal(counter_read(&e.counters.floods), 1);
	ear_done(&e);
	talk2_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_call),
		cmocka_unit_test(test_everything_a_peer_may_send),
		cmocka_unit_test(test_interleaved),
		cmocka_unit_test(test_ends_of_all_kinds),
		cmocka_unit_test(test_response_before_its_request),
		cmocka_unit_test(test_tunnel_is_no_body),
		cmocka_unit_test(test_websocket_on_a_stream),
		cmocka_unit_test(test_websocket_with_holes),
		cmocka_unit_test(test_websocket_out_of_order),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_answer_within_the_head),
		cmocka_unit_test(test_flood_of_continuations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
