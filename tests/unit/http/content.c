/* Coded bodies on their way through a connection: whole, cut off, with holes, in requests too. */
#include "http/content.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
		cmocka_unit_test(test_codings),
		cmocka_unit_test(test_unsaid_codings),
		cmocka_unit_test(test_coded_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
