/* The door: which HTTP a connection speaks, by its first bytes however they are cut. */
#include "http/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "h2talk.h"

#define S DIRECTION_SENT
#define R DIRECTION_RECEIVED

static void say(struct ear *e, enum direction direction, struct span bytes, size_t piece)
{
	for (; bytes.len; bytes = span_skip(bytes, piece))
		ear_chunk(e, direction, span_head(bytes, piece), span_head(bytes, piece).len);
}

static void expect(struct ear *e, const char *lines, unsigned http2, unsigned opaque)
{
	ear_close(e);
	assert_string_equal(e->recorder.text.data, lines);
	assert_int_equal(counter_read(&e->counters.http2), http2);
	assert_int_equal(counter_read(&e->counters.opaque_other), opaque);
	ear_done(e);
}

static void test_http1(void **state)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "PROPFIND", "PR" };
	struct ear e;

	(void)state;
	for (size_t piece = 1; piece < 8; piece++)
		for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
			char request[64], lines[64];

			snprintf(request, sizeof(request), "%s /a HTTP/1.1\r\n\r\n", methods[i]);
			snprintf(lines, sizeof(lines), "%s /a [] -> 204 [] complete\n", methods[i]);
			ear_init(&e, 0);
			say(&e, S, span_of(request), piece);
			say(&e, R, SPAN("HTTP/1.1 204 No Content\r\n\r\n"), piece);
			expect(&e, lines, 0, 0);
		}
}

static void test_received_first(void **state)
{
	struct ear e;

	(void)state;
	ear_init(&e, 0);
	say(&e, S, SPAN("P"), 1);
	say(&e, R, SPAN("HTTP/1.1 204 No Content\r\n\r\n"), 100);
	say(&e, S, SPAN("UT /a HTTP/1.1\r\n\r\n"), 100);
	expect(&e, "PUT /a [] -> 204 [] complete\n", 0, 0);
	ear_init(&e, 0);
	say(&e, S, SPAN("P"), 1);
	say(&e, R, SPAN("\0\0\0\4\0\0\0\0\0"), 4);
	say(&e, S, SPAN("RI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"), 4);
	expect(&e, "", 1, 0);
}

/* What is no HTTP yields no call, whoever speaks first. */
static void test_neither(void **state)
{
	static const struct {
		enum direction direction;
		struct span bytes;
	} others[] = {
		{ S, { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", 24 } },
		{ S, { "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\4\1\4\0\0\0\1\x82\x86\x84\x87", 37 } },
		{ S, { "\0\0\0\x08\x04\xd2\x16\x2f", 8 } },                     /* PostgreSQL */
		{ S, { "\0\0\0\x15\0\x12\0\3\0\0\0\0\0\3rdk\0\0\0\0\0", 22 } }, /* Kafka */
		{ S, { "*1\r\n$4\r\nPING\r\n", 14 } },                          /* Redis */
		{ R, { "\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18 } },
		{ R, { "\0\0\1\0\0\0\0\0\1xxxx", 13 } },
	};
	struct ear e;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		for (size_t piece = 1; piece < 40; piece++) {
			ear_init(&e, 0);
			say(&e, others[i].direction, others[i].bytes, piece);
			ear_close(&e);
			assert_string_equal(e.recorder.text.data, "");
			assert_int_equal(e.recorder.ended, 0);
			ear_done(&e);
		}
}

static void test_from_the_middle(void **state)
{
	struct ear e;

	(void)state;
	ear_init(&e, CHUNK_LATE_OFFSET);
	say(&e, R, SPAN("rest of some body\0\0\1\0"), 100);
	say(&e, R, SPAN("\0\0\0\1\0\0\0\0\3\0\0\0"), 100);
	say(&e, S, SPAN("GET /a HTTP/1.1\r\n\r\n"), 100);
	say(&e, R, SPAN("HTTP/1.1 204 No Content\r\n\r\n"), 100);
	expect(&e, "GET /a [] -> 204 [] complete\n", 0, 0);
	ear_init(&e, CHUNK_LATE_OFFSET);
	say(&e, R, SPAN("neither"), 100);
	expect(&e, "", 0, 1);
}

/* What was held is heard whole, however it was cut and whatever confirms it. */
static void test_late_http2(void **state)
{
	static const struct {
		struct span received, sent; /* in this order */
		const char *lines;
	} cases[] = {
		{ SPAN("\0\0\5\0\0\0\0\0\3first\0\0\5\0\1\0\0\0\3tail!"),
		  { NULL, 0 },
		  "  [] -> 0 [firsttail!] pre-attach\n" },
		{ SPAN("\0\0\5\0\1\0\0\0\3tail!"), SPAN("\0\0\x08\6\0\0\0\0\0 a ping "),
		  "  [] -> 0 [tail!] pre-attach\n" },
	};
	struct ear e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t piece = FRAMES_HEADER_BYTES; piece < 40; piece++)
			for (int other = 0; other < 2; other++) {
				ear_init(&e, CHUNK_LATE_OFFSET);
				if (other)
					say(&e, R, SPAN("neither of them"), 100);
				say(&e, R, cases[i].received, piece);
				say(&e, S, cases[i].sent, piece);
				expect(&e, cases[i].lines, 1, 0);
			}
}

/* One frame alone is one when it ends where the connection does; else it may be anything. */
static void test_late_http2_of_one_frame(void **state)
{
	static const struct span others[] = {
		SPAN("\0\0\6\0\1\0\0\0\3tail!"),
		SPAN("\0\0\5\0\1\0\0\0\3tail!\0"),
		SPAN("\0\0\4\0\1\0\0\0\3tail!"),
		SPAN("\0\0\0\4\0\0\0\0\0" /* SETTINGS, of no use here */),
	};
	struct ear e;

	(void)state;
	for (size_t piece = FRAMES_HEADER_BYTES; piece < 20; piece++) {
		ear_init(&e, CHUNK_LATE_OFFSET);
		say(&e, R, SPAN("rest of some body"), 100);
		say(&e, R, SPAN("\0\0\5\0\1\0\0\0\3tail!"), piece);
		expect(&e, "  [] -> 0 [tail!] pre-attach\n", 1, 0);
		for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
			ear_init(&e, CHUNK_LATE_OFFSET);
			say(&e, R, others[i], piece);
			expect(&e, "", 0, 1);
		}
	}
}

/* A head of HTTP/1 decides against it. */
static void test_late_http1_after_a_frame(void **state)
{
	struct ear e;

	(void)state;
	ear_init(&e, CHUNK_LATE_OFFSET);
	say(&e, R, SPAN("\0\0\5\0\0\0\0\0\3a body"), 100);
	say(&e, S, SPAN("GET /a HTTP/1.1\r\n\r\n"), 100);
	say(&e, R, SPAN("HTTP/1.1 204 No Content\r\n\r\n"), 100);
	expect(&e, "GET /a [] -> 204 [] complete\n", 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http1),
		cmocka_unit_test(test_received_first),
		cmocka_unit_test(test_neither),
		cmocka_unit_test(test_from_the_middle),
		cmocka_unit_test(test_late_http2),
		cmocka_unit_test(test_late_http1_after_a_frame),
		cmocka_unit_test(test_late_http2_of_one_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
