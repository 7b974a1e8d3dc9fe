/* Money against sums done by hand and the cases of providers' price lists: text both ways, products
 * of counts and rates, and the one rounding. */
#include "base/money.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LENGTH(a) (sizeof(a) / sizeof(*(a)))
#define PICO      MONEY_PICO_DIGITS
#define YOCTO     MONEY_YOCTO_DIGITS
#define WIDE_MAX  ((money_wide)(((unsigned __int128)1 << 127) - 1))
#define WIDE_MIN  (-WIDE_MAX - 1)

/* high x 10^18 + low: constants beyond 64 bits. */
#define WIDE(high, low) ((money_wide)(high)*1000000000000000000LL + (low))

static void assert_wide(money_wide got, money_wide expected)
{
	if (got != expected)
		fail_msg("got %lld.%018lld, expected %lld.%018lld", (long long)(got / WIDE(1, 0)),
			 (long long)(got % WIDE(1, 0)), (long long)(expected / WIDE(1, 0)),
			 (long long)(expected % WIDE(1, 0)));
}

struct parse_case {
	struct span text;
	int digits;
	int err;
	money_wide value;
};

static const struct parse_case plain_cases[] = {
	{ SPAN("0"), PICO, 0, 0 },
	{ SPAN("-0"), PICO, 0, 0 },
	{ SPAN("0.000"), PICO, 0, 0 },
	{ SPAN("1"), PICO, 0, 1000000000000 },
	{ SPAN("12.5"), PICO, 0, 12500000000000 },
	{ SPAN("-1"), PICO, 0, -1000000000000 },
	{ SPAN("007"), PICO, 0, 7000000000000 },
	{ SPAN("0.0000003"), PICO, 0, 300000 },
	{ SPAN("0.000000000001"), PICO, 0, 1 },
	{ SPAN("-0.000000000001"), PICO, 0, -1 },
	{ SPAN("0.0000000000001"), PICO, -ERANGE, 0 },
	/* Zeros at the end are no decimals, however many. */
	{ SPAN("0.0000000000010"), PICO, 0, 1 },
	{ SPAN("2.5000000000000000000000000000000000000000000000000"), PICO, 0, 2500000000000 },
	{ SPAN("0.00000000000000000000000000000000000000000000000000000000001"), PICO, -ERANGE, 0 },
	/* To 10^15 USD, in yoctodollars to 10^14. */
	{ SPAN("1000000000000000"), PICO, 0, (money_wide)1000000000000000 * 1000000000000 },
	{ SPAN("1000000000000000.000000000001"), PICO, -ERANGE, 0 },
	{ SPAN("1000000000000001"), PICO, -ERANGE, 0 },
	{ SPAN("-1000000000000001"), PICO, -ERANGE, 0 },
	{ SPAN("100000000000000"), YOCTO, 0, WIDE(10000000000, 0) * 10000000000 },
	{ SPAN("100000000000000.000000000000000000000001"), YOCTO, -ERANGE, 0 },
	{ SPAN("99999999999999999999999999999999999999999999999999"), PICO, -ERANGE, 0 },
	{ SPAN("0.000000000000000000000001"), YOCTO, 0, 1 },
	{ SPAN("0.000000000000000000001"), YOCTO, 0, 1000 },
	{ SPAN("3"), 0, 0, 3 },
	{ SPAN("3.0"), 0, 0, 3 },
	{ SPAN("3.1"), 0, -ERANGE, 0 },
	{ SPAN(""), PICO, -EINVAL, 0 },
	{ SPAN("-"), PICO, -EINVAL, 0 },
	{ SPAN("."), PICO, -EINVAL, 0 },
	{ SPAN(".5"), PICO, -EINVAL, 0 },
	{ SPAN("5."), PICO, -EINVAL, 0 },
	{ SPAN("+5"), PICO, -EINVAL, 0 },
	{ SPAN("--5"), PICO, -EINVAL, 0 },
	{ SPAN("1.2.3"), PICO, -EINVAL, 0 },
	{ SPAN("1,5"), PICO, -EINVAL, 0 },
	{ SPAN(" 1"), PICO, -EINVAL, 0 },
	{ SPAN("1 "), PICO, -EINVAL, 0 },
	{ SPAN("1\0"), PICO, -EINVAL, 0 },
	{ SPAN("$1"), PICO, -EINVAL, 0 },
	{ SPAN("1e3"), PICO, -EINVAL, 0 },
	{ SPAN("0x1"), PICO, -EINVAL, 0 },
	{ SPAN("NaN"), PICO, -EINVAL, 0 },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(plain_cases); i++) {
		const struct parse_case *c = &plain_cases[i];
		money_wide value = 77;

		assert_int_equal(money_parse(c->text, c->digits, &value), c->err);
		assert_wide(value, c->err ? 77 : c->value);
	}
}

static const struct parse_case exponent_cases[] = {
	{ SPAN("2.5"), PICO, 0, 2500000000000 },
	{ SPAN("3e-06"), PICO, 0, 3000000 },
	{ SPAN("1.25E-7"), PICO, 0, 125000 },
	{ SPAN("-3e-06"), PICO, 0, -3000000 },
	{ SPAN("1.5e3"), PICO, 0, 1500000000000000 },
	{ SPAN("1.5e+3"), PICO, 0, 1500000000000000 },
	{ SPAN("1e-12"), PICO, 0, 1 },
	{ SPAN("1e-13"), PICO, -ERANGE, 0 },
	{ SPAN("10e-13"), PICO, 0, 1 },
	{ SPAN("1000000000000000000000000000000000000000e-39"), PICO, 0, 1000000000000 },
	{ SPAN("0.000000000000000000000000000000000000001e39"), PICO, 0, 1000000000000 },
	/* LiteLLM's noise of a double: 24 decimals, so a rate holds it and an amount does not. */
	{ SPAN("5.0000000000000004e-08"), YOCTO, 0, 50000000000000004 },
	{ SPAN("5.0000000000000004e-08"), PICO, -ERANGE, 0 },
	{ SPAN("0e99"), PICO, 0, 0 },
	{ SPAN("0e-999"), PICO, 0, 0 },
	{ SPAN("1e15"), PICO, 0, (money_wide)1000000000000000 * 1000000000000 },
	{ SPAN("1e16"), PICO, -ERANGE, 0 },
	{ SPAN("1e999"), PICO, -ERANGE, 0 },
	{ SPAN("1e1000"), PICO, -ERANGE, 0 },
	{ SPAN("1e99999999999999999999"), PICO, -ERANGE, 0 },
	{ SPAN("1e"), PICO, -EINVAL, 0 },
	{ SPAN("1e+"), PICO, -EINVAL, 0 },
	{ SPAN("e5"), PICO, -EINVAL, 0 },
	{ SPAN("1.e5"), PICO, -EINVAL, 0 },
	{ SPAN("1e5e5"), PICO, -EINVAL, 0 },
	{ SPAN("1e5.5"), PICO, -EINVAL, 0 },
	{ SPAN("1e--5"), PICO, -EINVAL, 0 },
};

static void test_parse_exponent(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(exponent_cases); i++) {
		const struct parse_case *c = &exponent_cases[i];
		money_wide value = 77;

		assert_int_equal(money_parse_exponent(c->text, c->digits, &value), c->err);
		assert_wide(value, c->err ? 77 : c->value);
	}
}

static void test_format(void **state)
{
	static const struct {
		money_wide value;
		int digits;
		const char *text;
	} cases[] = {
		{ 0, PICO, "0" },
		{ 0, 0, "0" },
		{ 1, PICO, "0.000000000001" },
		{ -1, PICO, "-0.000000000001" },
		{ 150000, PICO, "0.00000015" },
		{ 1000000000000, PICO, "1" },
		{ 10000000000000, PICO, "10" },
		{ -1500000000000, PICO, "-1.5" },
		{ 1, YOCTO, "0.000000000000000000000001" },
		{ 120, 0, "120" },
		{ INT64_MAX, PICO, "9223372.036854775807" },
		{ INT64_MIN, PICO, "-9223372.036854775808" },
		/* 2^127 = 170141183460469231731687303715884105728 */
		{ WIDE_MAX, PICO, "170141183460469231731687303.715884105727" },
		{ WIDE_MIN, PICO, "-170141183460469231731687303.715884105728" },
		{ WIDE_MIN, YOCTO, "-170141183460469.231731687303715884105728" },
		{ WIDE_MIN, 0, "-170141183460469231731687303715884105728" },
	};
	char out[MONEY_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_string_equal(money_format(cases[i].value, cases[i].digits, out),
				    cases[i].text);
		assert_ptr_equal(money_put(cases[i].value, cases[i].digits, out),
				 out + strlen(cases[i].text));
		assert_string_equal(out, cases[i].text);
	}
}

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void test_text_goes_both_ways(void **state)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) << 20 | 1;
	char out[MONEY_TEXT_MAX];

	(void)state;
	print_message("SEED=%llu\n", (unsigned long long)seed);
	for (int i = 0; i < 100000; i++) {
		int digits = random_next(&seed) & 1 ? PICO : YOCTO;
		/* Below 2^86 = 7.7 x 10^25, well inside the limits of both. */
		money_wide value = (money_wide)random_next(&seed) << 22, again;

		value = (value ^ (money_wide)random_next(&seed)) >> random_next(&seed) % 86;
		value = random_next(&seed) & 1 ? value : -value;
		money_format(value, digits, out);
		assert_int_equal(money_parse(span_of(out), digits, &again), 0);
		assert_wide(again, value);
	}
}

/* What snprintf writes of whole dollars and picodollars, less the zeros at its end. */
static void assert_as_printed(uint64_t pico)
{
	char out[MONEY_TEXT_MAX], expected[MONEY_TEXT_MAX];
	int n = snprintf(expected, sizeof(expected), "%llu.%012llu",
			 (unsigned long long)(pico / 1000000000000),
			 (unsigned long long)(pico % 1000000000000));

	while (expected[n - 1] == '0')
		n--;
	n -= expected[n - 1] == '.';
	expected[n] = '\0';
	assert_ptr_equal(money_put((money_wide)pico, PICO, out), out + n);
	assert_string_equal(out, expected);
}

static void test_every_length(void **state)
{
	uint64_t seed = 20261126, power = 1;

	(void)state;
	assert_as_printed(0);
	assert_as_printed(UINT64_MAX);
	for (int zeros = 0; zeros < 20; zeros++, power *= 10) {
		for (uint64_t digit = 1; digit < 10 && digit <= UINT64_MAX / power; digit++) {
			assert_as_printed(power * digit - 1);
			assert_as_printed(power * digit);
			assert_as_printed(power * digit + 1);
		}
	}
	for (int i = 0; i < 100000; i++) {
		uint64_t pico = random_next(&seed) >> random_next(&seed) % 64;

		for (uint64_t unit = 1; unit <= 1000000000000; unit *= 10)
			assert_as_printed(pico / unit * unit);
	}
}

static void test_accumulate(void **state)
{
	money_wide sum = 5;

	(void)state;
	assert_int_equal(money_accumulate(&sum, 3, 7), 0);
	assert_wide(sum, 26);
	assert_int_equal(money_accumulate(&sum, -3, 7), 0);
	assert_wide(sum, 5);
	assert_int_equal(money_accumulate(&sum, 0, WIDE_MAX), 0);
	assert_wide(sum, 5);
	/* Over either end, in the product or in the sum: refused and unchanged. */
	assert_int_equal(money_accumulate(&sum, 2, WIDE_MAX), -ERANGE);
	assert_int_equal(money_accumulate(&sum, 1, WIDE_MAX), -ERANGE);
	assert_int_equal(money_accumulate(&sum, INT64_MIN, WIDE_MAX), -ERANGE);
	assert_int_equal(money_accumulate(&sum, -1, WIDE_MIN), -ERANGE);
	assert_wide(sum, 5);
	assert_int_equal(money_accumulate(&sum, 1, WIDE_MAX - 5), 0);
	assert_wide(sum, WIDE_MAX);
	assert_int_equal(money_accumulate(&sum, 1, 1), -ERANGE);
	assert_int_equal(money_accumulate(&sum, 1, WIDE_MIN), 0);
	assert_wide(sum, -1);
}

static void test_round_half_to_even(void **state)
{
	/* 10^12 yoctodollars are one picodollar. */
	static const struct {
		money_wide yocto;
		int64_t pico;
	} cases[] = {
		{ 0, 0 },
		{ 1, 0 },
		{ 499999999999, 0 },
		{ 500000000000, 0 },
		{ 500000000001, 1 },
		{ 999999999999, 1 },
		{ 1000000000000, 1 },
		{ 1499999999999, 1 },
		{ 1500000000000, 2 },
		{ 2500000000000, 2 },
		{ 2500000000001, 3 },
		{ 3500000000000, 4 },
		{ -499999999999, 0 },
		{ -500000000000, 0 },
		{ -500000000001, -1 },
		{ -1500000000000, -2 },
		{ -2500000000000, -2 },
		{ -2500000000001, -3 },
	};
	const money_wide unit = 1000000000000;
	int64_t pico = 77;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		assert_int_equal(money_round_pico(cases[i].yocto, &pico), 0);
		assert_int_equal(pico, cases[i].pico);
	}
	assert_int_equal(money_round_pico(unit * INT64_MAX, &pico), 0);
	assert_int_equal(pico, INT64_MAX);
	assert_int_equal(money_round_pico(unit * INT64_MIN, &pico), 0);
	assert_int_equal(pico, INT64_MIN);
	/* INT64_MAX is odd, so its half rounds up and out; INT64_MIN is even and stays. */
	pico = 77;
	assert_int_equal(money_round_pico(unit * INT64_MAX + unit / 2, &pico), -ERANGE);
	assert_int_equal(money_round_pico(unit * INT64_MIN - unit / 2 - 1, &pico), -ERANGE);
	assert_int_equal(money_round_pico(WIDE_MAX, &pico), -ERANGE);
	assert_int_equal(money_round_pico(WIDE_MIN, &pico), -ERANGE);
	assert_int_equal(pico, 77);
	assert_int_equal(money_round_pico(unit * INT64_MIN - unit / 2, &pico), 0);
	assert_int_equal(pico, INT64_MIN);
}

/* A price: counts times USD per unit, as a catalog writes it. */
struct price_case {
	struct {
		int64_t count;
		const char *usd;
	} items[4];
	const char *total; /* USD, to the picodollar */
};

static const struct price_case price_cases[] = {
	/* claude-3-7-sonnet: 3 input, 12,304 written, 550 output at 3 / 3.75 / 15 a million. */
	{ { { 3, "0.000003" }, { 12304, "0.00000375" }, { 550, "0.000015" } }, "0.054399" },
	/* gpt-4o: 86 uncached, 1,920 cached, 300 output at 2.5 / 1.25 / 10. */
	{ { { 86, "2.5e-06" }, { 1920, "1.25e-06" }, { 300, "1e-05" } }, "0.005615" },
	/* Summed in doubles this is 0.299999999999803. */
	{ { { 100000, "0.000003" } }, "0.3" },
	/* One image pixel rate of 21 decimals, 1024 x 1024 pixels: 1048576 x 1.9073486328125e-08.
	 */
	{ { { 1048576, "1.9073486328125e-08" } }, "0.02" },
	/* Speech by the second: 1 USD an hour / 3600 rounds only at the end. 0.0002777... x 90 */
	{ { { 90, "0.000277777777777777777777" } }, "0.025" },
	/* Ties: 1 x 0.5 pico and 3 x 0.5 pico. */
	{ { { 1, "0.0000000000005" } }, "0" },
	{ { { 3, "0.0000000000005" } }, "0.000000000002" },
	/* xAI: 232,856,000 ticks of 10^-10 USD. */
	{ { { 232856000, "0.0000000001" } }, "0.0232856" },
	/* Its parts: 9,992 fresh, 128 cached, 4,308 output at 1.25 / 0.2 / 2.5. */
	{ { { 9992, "1.25e-06" }, { 128, "2e-07" }, { 4308, "2.5e-06" } }, "0.0232856" },
};

static void test_prices(void **state)
{
	char out[MONEY_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < LENGTH(price_cases); i++) {
		const struct price_case *c = &price_cases[i];
		money_wide sum = 0, rate;
		int64_t pico;

		for (size_t j = 0; j < LENGTH(c->items) && c->items[j].usd; j++) {
			assert_int_equal(
			    money_parse_exponent(span_of(c->items[j].usd), YOCTO, &rate), 0);
			assert_int_equal(money_accumulate(&sum, c->items[j].count, rate), 0);
		}
		assert_int_equal(money_round_pico(sum, &pico), 0);
		assert_string_equal(money_format(pico, PICO, out), c->total);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_exponent),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_text_goes_both_ways),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_accumulate),
		cmocka_unit_test(test_round_half_to_even),
		cmocka_unit_test(test_prices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
