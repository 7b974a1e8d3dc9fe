/* Instants against `date -u -d ... +%s` of GNU coreutils and RFC 3339. */
#include "base/timestamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

static void test_parse(void **state)
{
	static const struct {
		struct span text;
		int64_t seconds;
		int64_t ns;
	} cases[] = {
		{ SPAN("1970-01-01T00:00:00Z"), 0, 0 },
		{ SPAN("1970-01-01"), 0, 0 },
		{ SPAN("1969-12-31T23:59:59.5Z"), -1, 500000000 },
		/* RFC 3339, section 5.8. */
		{ SPAN("1985-04-12T23:20:50.52Z"), 482196050, 520000000 },
		{ SPAN("1996-12-19T16:39:57-08:00"), 851042397, 0 },
		{ SPAN("1990-12-31T23:59:60Z"), 662688000, 0 },
		{ SPAN("1990-12-31T15:59:60-08:00"), 662688000, 0 },
		{ SPAN("1937-01-01T12:00:27.87+00:20"), -1041337173, 870000000 },
		/* Leap years: 2000 and 2024 are, 1900 and 2100 are not. */
		{ SPAN("2000-02-29"), 951782400, 0 },
		{ SPAN("2000-03-01"), 951868800, 0 },
		{ SPAN("2024-02-29T12:00:00Z"), 1709208000, 0 },
		{ SPAN("2100-02-28T23:59:59Z"), 4107542399, 0 },
		{ SPAN("2100-03-01T00:00:00Z"), 4107542400, 0 },
		{ SPAN("2038-01-19T03:14:08Z"), 2147483648, 0 },
		{ SPAN("2026-11-25T09:40:37.123456Z"), 1795599637, 123456000 },
		{ SPAN("2026-11-25t09:40:37.123456789z"), 1795599637, 123456789 },
		{ SPAN("2026-11-25 09:40:37.1234567899999999999999z"), 1795599637, 123456789 },
		{ SPAN("2026-11-25T09:40:37+05:30"), 1795579837, 0 },
		{ SPAN("2026-11-25T09:40:37+0530"), 1795579837, 0 },
		{ SPAN("2026-11-25T09:40:37-23:59"), 1795685977, 0 },
		{ SPAN("2026-11-25T09:40:37-00:00"), 1795599637, 0 },
		{ SPAN("1679-01-01T00:00:00Z"), -9183024000, 0 },
		{ SPAN("2261-12-31T23:59:59Z"), 9214646399, 0 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int64_t ns = 77;

		if (timestamp_parse(cases[i].text, &ns) < 0)
			fail_msg("%s is refused", cases[i].text.ptr);
		assert_int_equal(ns, cases[i].seconds * NS_PER_SEC + cases[i].ns);
	}
}

static void test_refused(void **state)
{
	static const struct span cases[] = {
		SPAN(""),
		SPAN("2026"),
		SPAN("2026-11"),
		SPAN("2026-1-25"),
		SPAN("26-11-25"),
		SPAN("20261125"),
		SPAN("2026/11/25"),
		SPAN("2026-00-25"),
		SPAN("2026-13-25"),
		SPAN("2026-11-00"),
		SPAN("2026-11-31"),
		SPAN("2026-12-32"),
		SPAN("2025-02-29"),
		SPAN("2100-02-29"),
		SPAN("1900-02-29"),
		SPAN("1678-12-31"),
		SPAN("2262-01-01"),
		SPAN("0000-01-01"),
		SPAN("-001-01-01"),
		SPAN("2026-11-25T"),
		SPAN("2026-11-25T09:40Z"),
		SPAN("2026-11-25T09:40:37"),
		SPAN("2026-11-25T09:40:37.Z"),
		SPAN("2026-11-25T09:40:37,5Z"),
		SPAN("2026-11-25T24:00:00Z"),
		SPAN("2026-11-25T09:60:00Z"),
		SPAN("2026-11-25T09:40:61Z"),
		SPAN("2026-11-25T09:40:37Z "),
		SPAN("2026-11-25T09:40:37ZZ"),
		SPAN("2026-11-25T09:40:37+"),
		SPAN("2026-11-25T09:40:37+05"),
		SPAN("2026-11-25T09:40:37+24:00"),
		SPAN("2026-11-25T09:40:37+05:60"),
		SPAN("2026-11-25_09:40:37Z"),
		SPAN(" 2026-11-25"),
		/* A NUL is no separator, although strchr(3) finds it in every string. */
		SPAN("2026-11-25\0"
		     "09:40:37Z"),
		SPAN("2026-11-25T09:40:37\0"),
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int64_t ns = 77;

		if (timestamp_parse(cases[i], &ns) != -EINVAL)
			fail_msg("%s is taken", cases[i].ptr);
		assert_int_equal(ns, 77);
	}
}

/* Of a date with a time, only the date alone is a timestamp; copies let ASan watch the end. */
static void test_every_truncation(void **state)
{
	struct span whole = SPAN("2026-11-25T09:40:37.123+05:30");

	(void)state;
	for (size_t n = 0; n < whole.len; n++) {
		char *copy = malloc(n ? n : 1);
		int64_t ns;
		int expected = n == strlen("2026-11-25") ? 0 : -EINVAL;

		memcpy(copy, whole.ptr, n);
		assert_int_equal(timestamp_parse((struct span){ copy, n }, &ns), expected);
		free(copy);
	}
}

static void test_format(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ 999, "1970-01-01T00:00:00.000000Z" },
		{ 1000, "1970-01-01T00:00:00.000001Z" },
		{ 1795599637123456789, "2026-11-25T09:40:37.123456Z" },
		{ 951782400 * NS_PER_SEC, "2000-02-29T00:00:00.000000Z" },
		/* The ends of the type: 2^63 ns = 9223372036.854775808 s. */
		{ INT64_MAX, "2262-04-11T23:47:16.854775Z" },
		{ INT64_MIN, "1677-09-21T00:12:43.145224Z" },
	};
	char out[TIMESTAMP_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_string_equal(timestamp_format(cases[i].ns, out), cases[i].text);
}

static void test_text_goes_both_ways(void **state)
{
	char out[TIMESTAMP_TEXT_MAX];

	(void)state;
	/* A step of a prime number of microseconds meets every time of day. */
	for (int64_t ns = -9000000000000000000; ns < 9000000000000000000; ns += 86028121000000LL) {
		int64_t again;

		timestamp_format(ns, out);
		assert_int_equal(timestamp_parse(span_of(out), &again), 0);
		assert_int_equal(again, ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_text_goes_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
