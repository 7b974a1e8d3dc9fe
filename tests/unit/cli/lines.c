/* Lines put together from pieces cut anywhere. */
#include "cli/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static bool log_line(void *ctx, struct span line)
{
	struct buf *log = ctx;

	buf_printf(log, "[");
	buf_put(log, line);
	buf_printf(log, "]");
	return true;
}

static void test_every_cut(void **state)
{
	struct span text = SPAN("one\n\ntwo three\nfour\nrest");
	struct buf log = buf_with_max(256);

	(void)state;
	for (size_t a = 0; a <= text.len; a++) {
		for (size_t b = a; b <= text.len; b++) {
			struct lines lines = { .is_skipping = false };

			buf_reset(&log);
			assert_true(lines_feed(&lines, span_head(text, a), log_line, &log));
			assert_true(lines_feed(&lines, span_head(span_skip(text, a), b - a),
					       log_line, &log));
			assert_true(lines_feed(&lines, span_skip(text, b), log_line, &log));
			if (!span_eq(buf_span(&log), SPAN("[one][][two three][four]")))
				fail_msg("%zu %zu: %.*s", a, b, (int)log.len, log.data);
			lines_done(&lines);
		}
	}
	buf_done(&log);
}

/* A line over the limit is left out, whole; the next one is a line again. */
static void test_too_long(void **state)
{
	struct buf log = buf_with_max(256);
	struct lines lines = { .is_skipping = false };
	char *piece = malloc(LINES_BYTES_MAX);

	(void)state;
	memset(piece, 'x', LINES_BYTES_MAX);
	for (int i = 0; i < 3; i++)
		lines_feed(&lines, (struct span){ piece, LINES_BYTES_MAX / 2 + 1 }, log_line, &log);
	lines_feed(&lines, SPAN("end\nnext\n"), log_line, &log);
	assert_true(span_eq(buf_span(&log), SPAN("[next]")));
	assert_true(lines.rest.cap <= LINES_BYTES_MAX);
	lines_done(&lines);
	buf_done(&log);
	free(piece);
}

static bool stop(void *ctx, struct span line)
{
	(void)line;
	++*(int *)ctx;
	return false;
}

static void test_stop(void **state)
{
	struct lines lines = { .is_skipping = false };
	int called = 0;

	(void)state;
	assert_false(lines_feed(&lines, SPAN("a\nb\nc\n"), stop, &called));
	assert_int_equal(called, 1);
	lines_done(&lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
