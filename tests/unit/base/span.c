/* Spans: their edges are empty, NULL and one byte too many. */
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

static const struct span none;

static void assert_span(struct span got, struct span expected)
{
	if (!span_eq(got, expected))
		fail_msg("got '%.*s', expected '%.*s'", (int)got.len, got.ptr, (int)expected.len,
			 expected.ptr);
}

static void test_equal(void **state)
{
	(void)state;
	assert_true(span_eq(none, none));
	assert_true(span_eq(none, SPAN("")));
	assert_true(span_eq(SPAN("a\0b"), SPAN("a\0b")));
	assert_false(span_eq(SPAN("a\0b"), SPAN("a\0c")));
	assert_false(span_eq(SPAN("a"), SPAN("ab")));
	assert_int_equal(span_of(NULL).len, 0);
	assert_span(span_of("abc"), SPAN("abc"));
}

static void test_equal_without_case(void **state)
{
	(void)state;
	assert_true(span_ieq(none, SPAN("")));
	assert_true(span_ieq(SPAN("Content-Type"), SPAN("cONTENT-tYPE")));
	assert_false(span_ieq(SPAN("ab"), SPAN("abc")));
	/* Behind a NUL it still counts, and only letters fold: these differ in the same bit. */
	assert_false(span_ieq(SPAN("a\0b"), SPAN("a\0c")));
	assert_false(span_ieq(SPAN("@[\\]^"), SPAN("`{|}~")));
	assert_false(span_ieq(SPAN("\xc3\x89"), SPAN("\xc3\xa9")));
}

static void test_starts(void **state)
{
	(void)state;
	assert_true(span_starts(none, none));
	assert_true(span_starts(SPAN("abc"), none));
	assert_true(span_starts(SPAN("abc"), SPAN("ab")));
	assert_true(span_starts(SPAN("abc"), SPAN("abc")));
	assert_false(span_starts(SPAN("abc"), SPAN("abcd")));
	assert_false(span_starts(none, SPAN("a")));
}

static void test_skip_and_head(void **state)
{
	(void)state;
	assert_span(span_skip(SPAN("abc"), 0), SPAN("abc"));
	assert_span(span_skip(SPAN("abc"), 2), SPAN("c"));
	assert_span(span_skip(SPAN("abc"), SIZE_MAX), SPAN(""));
	assert_null(span_skip(none, 5).ptr);
	assert_span(span_head(SPAN("abc"), 0), SPAN(""));
	assert_span(span_head(SPAN("abc"), 2), SPAN("ab"));
	assert_span(span_head(SPAN("abc"), 9), SPAN("abc"));
}

static void test_trim(void **state)
{
	(void)state;
	assert_span(span_trim(none), none);
	assert_span(span_trim(SPAN(" \t ")), SPAN(""));
	assert_span(span_trim(SPAN("\t a b \t")), SPAN("a b"));
	assert_span(span_trim(SPAN("\n a\r")), SPAN("\n a\r"));
}

static void test_cut_visits_every_field(void **state)
{
	static const struct {
		struct span text;
		struct span fields[4];
		size_t n;
	} cases[] = {
		{ SPAN("a,b"), { SPAN("a"), SPAN("b") }, 2 },
		{ SPAN("abc"), { SPAN("abc") }, 1 },
		{ SPAN(""), { SPAN("") }, 1 },
		{ SPAN(","), { SPAN(""), SPAN("") }, 2 },
		{ SPAN(",,x,"), { SPAN(""), SPAN(""), SPAN("x"), SPAN("") }, 4 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct span text = cases[i].text;
		size_t n = 0;

		while (text.ptr) {
			assert_true(n < cases[i].n);
			assert_span(span_cut(&text, ','), cases[i].fields[n]);
			n++;
		}
		assert_int_equal(n, cases[i].n);
	}
}

static void test_u64(void **state)
{
	static const struct {
		struct span text;
		int err;
		uint64_t value;
	} cases[] = {
		{ SPAN("0"), 0, 0 },
		{ SPAN("007"), 0, 7 },
		{ SPAN("18446744073709551615"), 0, UINT64_MAX },
		{ SPAN("18446744073709551616"), -ERANGE, 1 },
		{ SPAN("99999999999999999999"), -ERANGE, 1 },
		{ SPAN(""), -EINVAL, 1 },
		{ SPAN("-1"), -EINVAL, 1 },
		{ SPAN("+1"), -EINVAL, 1 },
		{ SPAN(" 1"), -EINVAL, 1 },
		{ SPAN("1 "), -EINVAL, 1 },
		{ SPAN("1\0"), -EINVAL, 1 },
		{ SPAN("0x1"), -EINVAL, 1 },
		{ SPAN("1/"), -EINVAL, 1 },
		{ SPAN("1:"), -EINVAL, 1 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		uint64_t value = 1;

		assert_int_equal(span_u64(cases[i].text, &value), cases[i].err);
		assert_int_equal(value, cases[i].value);
	}
}

/* The table of well-formed sequences: Unicode 15, table 3-7. */
static void test_utf8(void **state)
{
	static const struct {
		struct span text;
		size_t n;
	} cases[] = {
		{ SPAN(""), 0 },
		{ SPAN("\0"), 1 },
		{ SPAN("\x7f"), 1 },
		{ SPAN("\x80"), 0 },
		{ SPAN("\xbf"), 0 },
		{ SPAN("\xc0\x80"), 0 },
		{ SPAN("\xc1\xbf"), 0 },
		{ SPAN("\xc2\x80"), 2 },
		{ SPAN("\xdf\xbf"), 2 },
		{ SPAN("\xdf"), 0 },
		{ SPAN("\xdf\x41"), 0 },
		{ SPAN("\xe0\x9f\xbf"), 0 },
		{ SPAN("\xe0\xa0\x80"), 3 },
		{ SPAN("\xe2\x82"), 0 },
		{ SPAN("\xed\x9f\xbf"), 3 },
		{ SPAN("\xed\xa0\x80"), 0 },
		{ SPAN("\xef\xbf\xbf"), 3 },
		{ SPAN("\xf0\x8f\xbf\xbf"), 0 },
		{ SPAN("\xf0\x90\x80\x80"), 4 },
		{ SPAN("\xf0\x9f\x98"), 0 },
		{ SPAN("\xf4\x8f\xbf\xbf"), 4 },
		{ SPAN("\xf4\x90\x80\x80"), 0 },
		{ SPAN("\xf5\x80\x80\x80"), 0 },
		{ SPAN("\xff"), 0 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		/* Exactly sized, so that ASan sees a look behind the end. */
		size_t len = cases[i].text.len;
		char *copy = malloc(len ? len : 1);

		memcpy(copy, cases[i].text.ptr, len);
		assert_int_equal(span_utf8((struct span){ copy, len }), cases[i].n);
		free(copy);
	}
}

static void test_copy(void **state)
{
	static const struct {
		struct span text;
		size_t size;
		const char *expected;
		bool all;
	} cases[] = {
		{ SPAN("abc"), 4, "abc", true },
		{ SPAN("abc"), 3, "ab", false },
		{ SPAN("abc"), 1, "", false },
		{ SPAN(""), 1, "", true },
		{ SPAN("a\nb\0c\x7f\x1b[m"), 16, "a?b?c??[m", true },
		/* U+009B starts a control sequence, as the byte 9B does on older terminals. */
		{ SPAN("\xc2\x9b\xc2\xa0\x9b"), 16, "?\xc2\xa0?", true },
		{ SPAN("h\xc3\xa9"), 4, "h\xc3\xa9", true },
		{ SPAN("h\xc3\xa9"), 3, "h", false },
		{ SPAN("\xf0\x9f\x98\x80!"), 5, "\xf0\x9f\x98\x80", false },
		{ SPAN("\xf0\x9f\x98\x80!"), 4, "", false },
		{ SPAN("\x80\x80\x80"), 3, "??", false },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *out = malloc(cases[i].size);

		assert_int_equal(span_copy(cases[i].text, out, cases[i].size), cases[i].all);
		assert_string_equal(out, cases[i].expected);
		free(out);
	}
}

static void check_words(size_t len, size_t at, char c)
{
	char text[24], expected[25], out[25];

	memset(text, 'a', len);
	text[at] = c;
	memcpy(expected, text, len);
	expected[len] = '\0';
	expected[at] = c < 0x20 || c == 0x7f ? '?' : c;
	assert_true(span_copy((struct span){ text, len }, out, len + 1));
	assert_string_equal(out, expected);
	assert_false(span_copy((struct span){ text, len }, out, len));
	expected[len - 1] = '\0';
	assert_string_equal(out, expected);
}

/* Eight characters at a time: one that is not plain at each place, and each byte. */
static void test_copy_words(void **state)
{
	(void)state;
	for (size_t len = 1; len <= 24; len++)
		for (size_t at = 0; at < len; at++)
			for (int c = 0; c < 0x80; c++)
				check_words(len, at, (char)c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal),  cmocka_unit_test(test_equal_without_case),
		cmocka_unit_test(test_starts), cmocka_unit_test(test_skip_and_head),
		cmocka_unit_test(test_trim),   cmocka_unit_test(test_cut_visits_every_field),
		cmocka_unit_test(test_u64),    cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_copy),   cmocka_unit_test(test_copy_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
