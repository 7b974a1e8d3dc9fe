/* The line of a call: every column where its heading says, whatever the fields hold. */
#include "base/callline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>
#include <time.h>

#include "base/cell.h"

#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

static int start(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

/* 2026-11-25T09:40:37Z, by `date -d ... +%s`. */
#define TIME_NS 1795599637000000000LL

static struct callline usual(void)
{
	return (struct callline){ .time_ns = TIME_NS,
				  .pid = 4242,
				  .process = SPAN("python3"),
				  .provider = SPAN("openai"),
				  .model = SPAN("gpt-4o-mini-2024-07-18"),
				  .status = 200,
				  .tokens_in = 1234,
				  .tokens_out = 56,
				  .is_priced = true,
				  .cost_pico = 223400000,
				  .duration_ns = 812345678 };
}

static void assert_line(struct callline line, unsigned width, const char *expected)
{
	struct buf out = buf_with_max(4096);

	callline_format(&line, width, &out);
	if (!span_eq(buf_span(&out), span_of(expected)))
		fail_msg("\n'%.*s' is not\n'%s'", (int)out.len, out.data, expected);
	buf_done(&out);
}

static void test_lines(void **state)
{
	struct callline line = usual();

	(void)state;
	assert_line(
	    line, 100,
	    "09:40:37 python3[4242]  openai     gpt-4o-mini-2024-07-18  200    1234      56 "
	    " $0.00022340   812 ms");
	line.process = SPAN("a-very-long-name");
	line.pid = 4194304;
	line.provider = SPAN("a-long-provider");
	line.is_partial = true;
	line.tokens_in = -1;
	line.tokens_out = 123456789;
	line.status = 0;
	line.cost_pico = 9000000000000000000; /* nine million USD */
	line.duration_ns = -1;
	assert_line(
	    line, 100,
	    "09:40:37 a-ve~[4194304] a-long-pr~ gpt-4o-mini-2024-07-18    -       -  123.4M "
	    "$9000000.000!       -");
	line = usual();
	line.is_estimated = true;
	assert_line(
	    line, 100,
	    "09:40:37 python3[4242]  openai     gpt-4o-mini-2024-07-18  200    1234      56 "
	    " $0.00022340 ~ 812 ms");
	line = usual();
	line.is_priced = false;
	assert_line(line, 80,
		    "09:40:37 python3  openai     gpt-4o-~  200    1234      56     unpriced   812 "
		    "ms");
}

/* Whatever the texts and numbers are, each line and the heading have the width asked for. */
static void test_width(void **state)
{
	static const unsigned widths[] = { 0, 79, 80, 81, 99, 100, 133, 160, 161, 100000 };
	const char *text = getenv("SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 10) : (unsigned)time(NULL);
	struct buf out = buf_with_max(4096);

	(void)state;
	print_message("SEED=%u\n", seed);
	for (int i = 0; i < 20000; i++) {
		unsigned width = widths[(size_t)i % LENGTH(widths)];
		unsigned expected = width < 80 ? 80 : width > 160 ? 160 : width;
		struct callline line = usual();
		char bytes[64];
		size_t n = (size_t)rand_r(&seed) % sizeof(bytes);

		for (size_t j = 0; j < n; j++)
			bytes[j] = (char)rand_r(&seed);
		line.process = line.model = line.provider = (struct span){ bytes, n };
		line.pid = (uint32_t)rand_r(&seed) * 2u;
		line.status = (unsigned)rand_r(&seed) % 65536;
		line.tokens_in =
		    ((int64_t)rand_r(&seed) << 32 | rand_r(&seed)) >> rand_r(&seed) % 63;
		line.tokens_out = line.tokens_in >> 7;
		line.cost_pico = line.tokens_in;
		line.duration_ns = line.tokens_in / 2;
		line.is_partial = i % 2;
		line.is_estimated = i % 3;
		buf_reset(&out);
		callline_format(&line, width, &out);
		if (cell_width(buf_span(&out)) != expected)
			fail_msg("%u: '%.*s'", expected, (int)out.len, out.data);
		buf_reset(&out);
		callline_heading(width, &out);
		assert_int_equal(out.len, expected);
	}
	buf_done(&out);
}

static void test_usd(void **state)
{
	static const struct {
		money_wide pico;
		const char *text;
	} cases[] = {
		{ 0, "$0" },
		{ 1, "<$0.00000001" },
		{ 5000, "<$0.00000001" }, /* half to even: 0 */
		{ 5001, "$0.00000001" },
		{ 15000, "$0.00000002" },
		{ 25000, "$0.00000002" },
		{ 25001, "$0.00000003" },
		{ 223400000, "$0.0002234" },
		{ 1000000000000, "$1" },
		{ 123456789012345, "$123.45678901" },
		{ -25000000000, "-$0.025" },
	};
	char out[CALLLINE_PIECE_MAX];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_string_equal(callline_usd(cases[i].pico, out), cases[i].text);
}

static void test_counts(void **state)
{
	static const struct {
		int64_t count;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 9999999, "9999999" },
		{ 10000000, "10.0M" },
		{ 12399999, "12.3M" },
		{ 999999999, "999.9M" },
		{ 1000000000, "1.0G" },
		{ INT64_MAX, "9.2E" },
	};
	char out[CALLLINE_PIECE_MAX];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_string_equal(callline_count(cases[i].count, out), cases[i].text);
}

static void test_durations(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "0 ms" },         { 999, "999 ms" },    { 1000, "1.0 s" },
		{ 99999, "99.9 s" },   { 100000, "1m40s" },  { 754000, "12m34s" },
		{ 5999999, "99m59s" }, { 6000000, "1h40m" }, { 86400000, "24h00m" },
	};
	char out[CALLLINE_PIECE_MAX];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_string_equal(callline_duration(cases[i].ms * 1000000, out), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),     cmocka_unit_test(test_width),
		cmocka_unit_test(test_usd),       cmocka_unit_test(test_counts),
		cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
