/* Cells: nothing that a terminal obeys comes through, and columns stay columns. */
#include "base/cell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

static const struct {
	const char *text;
	int columns;
	const char *expected;
} cases[] = {
	{ "abc", 0, "abc" },
	{ "abc", 5, "abc  " },
	{ "abc", -5, "  abc" },
	{ "abc", 3, "abc" },
	{ "abcd", 3, "ab~" },
	{ "abcd", -3, "ab~" },
	{ "abcd", 1, "~" },
	{ "", 2, "  " },
	{ "", 0, "" },
	{ "a\tb\r\n\x7f\x1b[2J", 0, "a?b????[2J" },
	{ "\xc3\xa4\xc3\xb6", 4, "\xc3\xa4\xc3\xb6  " },
	/* Two columns each. */
	{ "\xe4\xb8\xad\xe6\x96\x87", 5, "\xe4\xb8\xad\xe6\x96\x87 " },
	{ "\xe4\xb8\xad\xe6\x96\x87", 3, "\xe4\xb8\xad~" },
	{ "\xe4\xb8\xad\xe6\x96\x87x", 4, "\xe4\xb8\xad~ " },
	/* CSI (C1); right-to-left override, isolate; zero-width space; BOM; line separator */
	{ "a\xc2\x9b"
	  "31m",
	  0, "a?31m" },
	{ "a\xe2\x80\xae"
	  "b",
	  0, "a?b" },
	{ "a\xe2\x81\xa7"
	  "b",
	  0, "a?b" },
	{ "a\xe2\x80\x8b"
	  "b",
	  0, "a?b" },
	{ "\xef\xbb\xbf"
	  "b",
	  0, "?b" },
	{ "a\xe2\x80\xa8"
	  "b",
	  0, "a?b" },
	/* A combining accent would join what is beside it. */
	{ "e\xcc\x81", 0, "e?" },
	/* No UTF-8: cut, overlong, surrogate, too high, a lone continuation byte. */
	{ "\xc3", 0, "?" },
	{ "\xe4\xb8", 0, "??" },
	{ "\xc0\x80", 0, "??" },
	{ "\xe0\x80\x80", 0, "???" },
	{ "\xed\xa0\x80", 0, "???" },
	{ "\xf4\x90\x80\x80", 0, "????" },
	{ "\xff\xfe", 0, "??" },
	{ "\x80", 0, "?" },
};

static void test_cells(void **state)
{
	struct buf out = buf_with_max(256);

	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	for (size_t i = 0; i < LENGTH(cases); i++) {
		buf_reset(&out);
		cell_put(&out, span_of(cases[i].text), cases[i].columns);
		if (!span_eq(buf_span(&out), span_of(cases[i].expected)))
			fail_msg("case %zu: '%.*s'", i, (int)out.len, out.data);
		if (cases[i].columns)
			assert_int_equal(cell_width(buf_span(&out)), abs(cases[i].columns));
	}
	buf_done(&out);
}

static void test_c_locale_is_ascii(void **state)
{
	struct buf out = buf_with_max(256);

	(void)state;
	setlocale(LC_CTYPE, "C");
	cell_put(&out, SPAN("a\xc3\xa4\xe4\xb8\xad\xff"), 6);
	assert_true(span_eq(buf_span(&out), SPAN("a???  ")));
	buf_done(&out);
}

static void test_random_bytes(void **state)
{
	const char *text = getenv("SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 10) : (unsigned)time(NULL);
	struct buf out = buf_with_max(4096);

	(void)state;
	print_message("SEED=%u\n", seed);
	setlocale(LC_CTYPE, "C.UTF-8");
	for (int i = 0; i < 20000; i++) {
		char bytes[24];
		size_t n = (size_t)rand_r(&seed) % sizeof(bytes);
		int columns = rand_r(&seed) % 41 - 20;

		for (size_t j = 0; j < n; j++)
			bytes[j] = (char)(rand_r(&seed) % 3 ? 0x80 | rand_r(&seed) : rand_r(&seed));
		buf_reset(&out);
		cell_put(&out, (struct span){ bytes, n }, columns);
		assert_false(out.failed);
		if (columns)
			assert_int_equal(cell_width(buf_span(&out)), abs(columns));
		for (size_t j = 0; j < out.len; j++)
			assert_true((unsigned char)out.data[j] >= 0x20 && out.data[j] != 0x7f);
	}
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_c_locale_is_ascii),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
