/* Framing of one direction: chunked bodies by RFC 9112, 7.1, each cut at every place and byte by
 * byte, each piece at the very end of readable memory; limits; what a hole may skip. */
#include "http/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "guard.h"

/* Takes all of `in`; true while nothing is bad. */
static bool take(struct message *m, struct span in, struct buf *body, unsigned *ends)
{
	enum message_event event;
	struct span piece;

	for (;;) {
		event = message_next(m, &in, &piece);
		switch (event) {
		case MESSAGE_MORE:
			assert_int_equal(in.len, 0);
			return true;
		case MESSAGE_BAD:
			return false;
		case MESSAGE_PIECE:
			assert_true(piece.len > 0);
			buf_put(body, piece);
			break;
		case MESSAGE_END:
			(*ends)++;
			message_body(m, BODY_CHUNKED, 0);
			break;
		case MESSAGE_HEAD:
			fail();
		}
	}
}

struct chunked {
	struct span bytes;
	const char *body;
	unsigned ends;
	bool bad;
};

static const struct chunked chunked[] = {
	{ SPAN("4\r\nWiki\r\n5\r\npedia\r\ne\r\n in\r\n\r\nchunks.\r\n0\r\n\r\n"),
	  "Wikipedia in\r\n\r\nchunks.", 1, false },
	{ SPAN("0\r\n\r\n"), "", 1, false },
	{ SPAN("0\r\n\r\n1\r\nx\r\n0\r\n\r\n"), "x", 2, false },
	{ SPAN("00000001\r\nx\r\n0000\r\n\r\n"), "x", 1, false },
	{ SPAN("A;a;b=c;d=\"e\\\"f\"\r\n0123456789\r\n0;x\r\n\r\n"), "0123456789", 1, false },
	{ SPAN("1 \t; a = b\r\nx\r\n0 \r\n\r\n"), "x", 1, false },
	{ SPAN("1\nx\n0\n\n"), "x", 1, false },
	{ SPAN("0\r\nA: b\r\nC: d\r\n\r\n"), "", 1, false },
	{ SPAN("0\r\nA: b\nC: d\n\n"), "", 1, false },
	{ SPAN("7fffffffffffffff\r\nab"), "ab", 0, false },
	{ SPAN("ffffffffffffffff\r\nab"), "ab", 0, false },
	{ SPAN("0ffffffffffffffff\r\nab"), "ab", 0, false },
	{ SPAN("2\r\na\r\nx"), "a\r", 0, true }, /* the size counts, whatever the bytes */
	{ SPAN("10000000000000000"), "", 0, true },
	{ SPAN("\r"), "", 0, true },
	{ SPAN("\n"), "", 0, true },
	{ SPAN(" "), "", 0, true },
	{ SPAN("-"), "", 0, true },
	{ SPAN("g"), "", 0, true },
	{ SPAN(";"), "", 0, true },
	{ SPAN("1x"), "", 0, true },
	{ SPAN("0x"), "", 0, true },
	{ SPAN("1\r\r"), "", 0, true },
	{ SPAN("1;a\r "), "", 0, true },
	{ SPAN("1\r\nab"), "a", 0, true },
	{ SPAN("1\r\na\ra"), "a", 0, true },
	{ SPAN("0\r\n\r\r"), "", 0, true },
};

/* Cut before `cut`, and everywhere when that is 0. */
static void check_chunked(struct guard *guard, const struct chunked *c, size_t cut)
{
	struct message m = message_of(false);
	struct buf body = buf_with_max(1000);
	unsigned ends = 0;
	bool fine = true;
	size_t at = 0;

	message_body(&m, BODY_CHUNKED, 0);
	while (fine && at < c->bytes.len) {
		size_t n = !cut ? 1 : at < cut ? cut - at : c->bytes.len - at;

		fine =
		    take(&m, guard_put(guard, span_head(span_skip(c->bytes, at), n)), &body, &ends);
		at += n;
		/* What is bad is bad at the last byte of these, and not before. */
		assert_true(fine || at == c->bytes.len);
	}
	assert_int_equal(fine, !c->bad);
	assert_int_equal(ends, c->ends);
	assert_true(span_eq(buf_span(&body), span_of(c->body)));
	buf_done(&body);
}

static void test_chunked(void **state)
{
	struct guard guard = guard_new();

	(void)state;
	for (size_t i = 0; i < sizeof(chunked) / sizeof(*chunked); i++)
		for (size_t cut = 0; cut <= chunked[i].bytes.len; cut++)
			check_chunked(&guard, &chunked[i], cut);
	guard_done(&guard);
}

/* Of `text`, over and over, how many bytes are taken before they are refused. */
static size_t taken_of(const char *start, const char *text)
{
	struct message m = message_of(false);
	struct buf body = buf_with_max(0);
	unsigned ends = 0;
	size_t taken = 0;

	message_body(&m, BODY_CHUNKED, 0);
	assert_true(take(&m, span_of(start), &body, &ends));
	while (taken < 1 << 20) {
		if (!take(&m, (struct span){ text + taken % strlen(text), 1 }, &body, &ends))
			return taken;
		taken++;
	}
	return SIZE_MAX;
}

static void test_endless_lines(void **state)
{
	(void)state;
	assert_int_equal(taken_of("1;a=", "x"), MESSAGE_CHUNK_LINE_MAX - strlen("1;a="));
	assert_int_equal(taken_of("", "0"), MESSAGE_CHUNK_LINE_MAX);
	assert_int_equal(taken_of("0\r\n", "a"), MESSAGE_TRAILER_MAX);
	assert_int_equal(taken_of("0\r\n", "a: b\r\n"), MESSAGE_TRAILER_MAX);
}

static void test_heads(void **state)
{
	struct span text = SPAN("\r\nGET / HTTP/1.1\r\nA: b\r\n\r\nHTTP"), in, piece;

	(void)state;
	for (size_t cut = 0; cut <= text.len; cut++) {
		struct message m = message_of(true);
		enum message_event event;

		in = span_head(text, cut);
		event = message_next(&m, &in, &piece);
		if (event == MESSAGE_MORE) {
			assert_true(message_is_idle(&m) == (cut == 0));
			in = span_skip(text, cut);
			event = message_next(&m, &in, &piece);
			assert_int_equal(in.len, 4);
		}
		assert_int_equal(event, MESSAGE_HEAD);
		assert_true(span_eq(piece, span_head(text, text.len - 4)));
		message_next_head(&m);
		assert_true(message_is_idle(&m));
	}
}

/* A head that has no end is given up at the limit, what is no head at once. */
static void test_bad_heads(void **state)
{
	struct message m = message_of(true);
	struct span in, piece;

	(void)state;
	in = SPAN("GET / HTTP/1.1\r\nA: ");
	while (message_next(&m, &in, &piece) == MESSAGE_MORE)
		in = SPAN("xxxxxxx");
	assert_int_equal(piece.len, HEAD_BYTES_MAX);
	message_lose(&m);
	assert_false(message_is_idle(&m));

	m = message_of(true);
	in = SPAN("\x16\x03");
	assert_int_equal(message_next(&m, &in, &piece), MESSAGE_BAD);
	message_lose(&m);
}

static void test_skips(void **state)
{
	struct message m = message_of(false);
	struct buf body = buf_with_max(100);
	struct span in = SPAN("ab"), piece;
	unsigned ends = 0;

	(void)state;
	assert_int_equal(message_skip(&m, 5), 0);
	message_body(&m, BODY_LENGTH, 10);
	assert_int_equal(message_skip(&m, 3), 3);
	assert_int_equal(message_next(&m, &in, &piece), MESSAGE_PIECE);
	assert_int_equal(message_skip(&m, 9), 5);
	assert_int_equal(message_next(&m, &in, &piece), MESSAGE_END);
	message_body(&m, BODY_UNTIL_CLOSE, 0);
	assert_int_equal(message_skip(&m, UINT64_MAX), UINT64_MAX);
	message_body(&m, BODY_CHUNKED, 0);
	assert_int_equal(message_skip(&m, 1), 0);
	assert_true(take(&m, SPAN("5\r\na"), &body, &ends));
	assert_int_equal(message_skip(&m, 3), 3);
	assert_int_equal(message_skip(&m, 1), 1);
	assert_int_equal(message_skip(&m, 1), 0);
	assert_true(take(&m, SPAN("\r\n1\r\nb\r\n0\r\n\r\n"), &body, &ends));
	assert_true(span_eq(buf_span(&body), SPAN("ab")));
	assert_int_equal(ends, 1);
	message_lose(&m);
	assert_int_equal(message_skip(&m, 1), 0);
	buf_done(&body);
}

static void test_resync(void **state)
{
	static const struct {
		const char *text;
		bool request, response;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n", true, false },
		{ "GET / HTTP/1.1\nA: b", true, false },
		{ "GET / HTTP/1.1\r\nA: b\r\n\r\nbody", true, false },
		{ "DELETE /a HTTP/1.1\r\n", true, false },
		{ "ST / HTTP/1.1\r\n", false, false },
		{ "MKCOL / HTTP/1.1\r\n", false, false },
		{ "GET / HTTP/1.1", false, false },
		{ "GET / HTTP/1.1\r\nA b\r\n", false, false },
		{ "\r\nGET / HTTP/1.1\r\n", false, false },
		{ "\r\n", false, false },
		{ "", false, false },
		{ "{\"a\": 1}\r\n", false, false },
		{ "data: x\n\n", false, false },
		{ "HTTP/1.1 200 OK\r\n", false, true },
		{ "HTTP/1.1 200 OK", false, false },
		{ "HTTP/1.1 is a protocol\n", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (int request = 0; request < 2; request++) {
			struct message m = message_of(request);
			bool expected = request ? rows[i].request : rows[i].response;

			message_lose(&m);
			assert_int_equal(message_resync(&m, span_of(rows[i].text)), expected);
			assert_int_equal(message_is_idle(&m), expected);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunked), cmocka_unit_test(test_endless_lines),
		cmocka_unit_test(test_heads),   cmocka_unit_test(test_bad_heads),
		cmocka_unit_test(test_skips),   cmocka_unit_test(test_resync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
