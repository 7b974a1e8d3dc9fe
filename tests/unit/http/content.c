/* Coded bodies on their way through a connection: whole, cut off, with holes, in requests too. */
#include "http/content.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "encode.h"
#include "http/decoder.h"
#include "player.h"

/* printf '{"usage":{"total_tokens":7}}' | gzip -n9 */
static const char gzip[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\x2d\x4e\x4c\x4f\x55\xb2\xaa\x56\x2a"
    "\xc9\x2f\x49\xcc\x89\x2f\xc9\xcf\x4e\xcd\x2b\x56\xb2\x32\xaf\xad\x05\x00\x89\x67\xeb\xb9"
    "\x1c\x00\x00\x00";
#define GZIP      ((struct span){ gzip, sizeof(gzip) - 1 })
#define GZIP_TEXT "{\"usage\":{\"total_tokens\":7}}"

struct coded {
	const char *framing; /* of the response, with the coding */
	size_t bytes, hole;  /* of GZIP that come; of them, lost at the start of the last half */
	const char *line;
};

static const struct coded coded[] = {
	{ "Content-Length: 48\r\n", 48, 0, "[" GZIP_TEXT "] complete\n" },
	{ "", 48, 0, "[" GZIP_TEXT "] complete\n" },
	{ "", 40, 0, "[" GZIP_TEXT "] truncated\n" },
	{ "Content-Length: 48\r\n", 40, 0, "[" GZIP_TEXT "] truncated\n" },
	{ "Content-Length: 40\r\n", 40, 0, "[" GZIP_TEXT "] complete bad-coding\n" },
	{ "Content-Length: 48\r\nContent-Encoding: gzip\r\n", 48, 0, "[] complete bad-coding\n" },
	{ "Content-Length: 48\r\n", 48, 24, "[~] gap lost 24\n" },
	{ "", 48, 24, "[~] gap lost 24\n" },
};

static void put_piece(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	(void)ex;
	(void)direction;
	buf_put(ctx, piece);
}

/* What is heard of a body of a call that is so complete, whose head says no coding. */
static void expect_unsaid(enum completeness completeness, struct span body, struct span due)
{
	const struct exchange_handler handler = { .body = put_piece };
	struct exchange ex = { .completeness = completeness };
	struct http_counters counters = { 0 };
	struct buf out = buf_with_max(1000);
	struct content c = { &handler, &out, &counters, .direction = DIRECTION_RECEIVED };

	content_begin(&c, &ex);
	content_piece(&c, span_head(body, 1));
	content_piece(&c, span_skip(body, 1));
	assert_true(content_end(&c));
	assert_true(span_eq(buf_span(&out), due));
	buf_done(&out);
}

static void test_unsaid_codings(void **state)
{
	const struct span text = SPAN("{\"usage\":{\"total_tokens\":8}}");

	(void)state;
	expect_unsaid(COMPLETENESS_PRE_ATTACH, GZIP, SPAN(GZIP_TEXT));
	expect_unsaid(COMPLETENESS_GAP, GZIP, SPAN(GZIP_TEXT));
	expect_unsaid(COMPLETENESS_COMPLETE, GZIP, GZIP);
	expect_unsaid(COMPLETENESS_PRE_ATTACH, text, text);
}

/* A body in pieces of 1,000 bytes, which leaves nothing of its decoder. */
static void hear(const char *coding, struct span body, bool ends, struct http_counters *counters,
		 struct exchange *ex, struct buf *out)
{
	const struct exchange_handler handler = { .body = put_piece };
	struct http_header header = { SPAN("content-encoding"), span_of(coding) };
	struct content c = { &handler, out, counters, .direction = DIRECTION_RECEIVED };
	uint64_t before = counter_read(&counters->decoder_bytes);

	*ex = (struct exchange){ .response = { .headers = &header, .n_headers = 1 } };
	content_begin(&c, ex);
	for (; body.len; body = span_skip(body, 1000))
		content_piece(&c, span_head(body, 1000));
	if (ends)
		assert_true(content_end(&c));
	else
		content_drop(&c);
	assert_int_equal(counter_read(&counters->decoder_bytes), before);
}

/* Digits that leave some 0.6 of their bytes to a coding. */
static void put_digits(struct buf *text, size_t n)
{
	uint32_t state = 1;

	while (text->len < n) {
		state = state * 1664525u + 1013904223u;
		buf_printf(text, "%x", state >> 28);
	}
}

static const struct {
	const char *name;
	encode_fn *encode;
} coders[] = { { "gzip", encode_gzip },
	       { "deflate", encode_deflate },
	       { "br", encode_brotli },
	       { "zstd", encode_zstd } };

/* Shorter and longer than what is held, at their edge too, ended and cut off. */
static void test_lengths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(coders) / sizeof(*coders); i++) {
		for (size_t n = 1; n < 300000; n = n * 3 / 2 + 1) {
			struct buf text = buf_with_max(1 << 20), body = buf_with_max(1 << 20);
			struct buf out = buf_with_max(1 << 20), part = buf_with_max(1 << 20);
			struct http_counters counters = { 0 };
			struct exchange ex;

			put_digits(&text, n);
			coders[i].encode(&body, buf_span(&text), 3);
			hear(coders[i].name, buf_span(&body), true, &counters, &ex, &out);
			assert_true(span_eq(buf_span(&out), buf_span(&text)));
			hear(coders[i].name, span_head(buf_span(&body), body.len - 1), false,
			     &counters, &ex, &part);
			assert_true(span_starts(buf_span(&text), buf_span(&part)));
			assert_true(n < 200000 || part.len > n / 3); /* zstd: blocks of 128 KiB */
			assert_int_equal(ex.fault, EXCHANGE_OK);
			buf_done(&text);
			buf_done(&body);
			buf_done(&out);
			buf_done(&part);
		}
	}
}

/* Where the decoders of others leave no room a long body is not read, and that is said; a short one
 * needs none of it. */
static void test_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(coders) / sizeof(*coders); i++) {
		struct buf text = buf_with_max(1 << 20), body = buf_with_max(1 << 20);
		struct http_counters counters = { 0 };
		struct buf out = buf_with_max(1 << 20);
		struct exchange ex;

		put_digits(&text, 100000);
		coders[i].encode(&body, buf_span(&text), 3);
		counter_set(&counters.decoder_bytes, DECODERS_BYTES_MAX - 5000);
		hear(coders[i].name, buf_span(&body), true, &counters, &ex, &out);
		assert_int_equal(ex.fault, EXCHANGE_CODING_LIMIT);
		assert_int_equal(counter_read(&counters.decoders_refused), 1);
		assert_int_equal(counter_read(&counters.coding_limits), 0);
		assert_int_equal(out.len, 0);
		buf_reset(&body);
		coders[i].encode(&body, span_head(buf_span(&text), 1000), 3);
		hear(coders[i].name, buf_span(&body), true, &counters, &ex, &out);
		assert_true(span_eq(buf_span(&out), span_head(buf_span(&text), 1000)));
		buf_done(&text);
		buf_done(&body);
		buf_done(&out);
	}
}

static void test_codings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(coded) / sizeof(*coded); i++) {
		const struct coded *c = &coded[i];
		struct buf head = buf_with_max(1000);
		struct span body = span_head(GZIP, c->bytes), rest;
		struct player p;

		buf_printf(&head, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n%s\r\n",
			   c->framing);
		player_init(&p, (uint64_t[2]){ 0 });
		player_step(&p, &(struct step){ SENT, GET("/a") });
		player_chunk(&p, DIRECTION_RECEIVED, buf_span(&head), head.len);
		/* A gzip header says nothing yet, so that what is heard after a gap would show. */
		player_chunk(&p, DIRECTION_RECEIVED, span_head(body, 10), 10 + c->hole);
		rest = span_skip(body, 10 + c->hole);
		player_chunk(&p, DIRECTION_RECEIVED, rest, rest.len);
		player_close(&p, (uint64_t[2]){ 0 });
		assert_string_equal(strstr(p.recorder.text.data, "200 ") + 4, c->line);
		player_done(&p);
		buf_done(&head);
	}
}

static void test_coded_request(void **state)
{
	struct player p;

	(void)state;
	player_init(&p, (uint64_t[2]){ 0 });
	player_step(&p, &(struct step){ SENT, "POST /a HTTP/1.1\r\nContent-Encoding: gzip\r\n"
					      "Content-Length: 48\r\n\r\n" });
	player_chunk(&p, DIRECTION_SENT, GZIP, GZIP.len);
	player_step(&p, &(struct step){ RECEIVED, OK(1) "y" });
	player_close(&p, (uint64_t[2]){ 0 });
	assert_string_equal(p.recorder.text.data, "POST /a [" GZIP_TEXT "] -> 200 [y] complete\n");
	player_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codings),       cmocka_unit_test(test_unsaid_codings),
		cmocka_unit_test(test_coded_request), cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
