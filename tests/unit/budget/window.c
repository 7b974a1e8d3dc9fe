/* budget/window: day and month windows against timegm(3) of the C library, and the two totals of a
 * budget while the clock moves. */
#include "budget/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/budget/random.h"

/* Instants by `date -u -d TEXT +%s`. */
static void test_known_instants(void **state)
{
	static const struct {
		const char *now, *start, *end;
		enum budget_period period;
	} cases[] = {
		{ "2026-11-25T23:59:59.999999999Z", "2026-11-25", "2026-11-26", BUDGET_DAY },
		{ "2026-11-26T00:00:00Z", "2026-11-26", "2026-11-27", BUDGET_DAY },
		{ "2024-02-29T12:00:00Z", "2024-02-29", "2024-03-01", BUDGET_DAY },
		{ "2024-02-29T12:00:00Z", "2024-02-01", "2024-03-01", BUDGET_MONTH },
		{ "2023-02-28T23:59:59Z", "2023-02-01", "2023-03-01", BUDGET_MONTH },
		{ "2100-02-28T23:59:59Z", "2100-02-01", "2100-03-01", BUDGET_MONTH },
		{ "2026-12-31T23:59:59Z", "2026-12-01", "2027-01-01", BUDGET_MONTH },
		{ "2027-01-01T00:00:00Z", "2027-01-01", "2027-02-01", BUDGET_MONTH },
		{ "1969-12-31T23:59:59Z", "1969-12-31", "1970-01-01", BUDGET_DAY },
		{ "1969-12-31T23:59:59Z", "1969-12-01", "1970-01-01", BUDGET_MONTH },
		/* litellm 34896: an instant is an instant, whatever its offset */
		{ "2026-08-20T00:00:00+08:00", "2026-08-19", "2026-08-20", BUDGET_DAY },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t now, start, end;
		struct window window;

		assert_int_equal(timestamp_parse(span_of(cases[i].now), &now), 0);
		assert_int_equal(timestamp_parse(span_of(cases[i].start), &start), 0);
		assert_int_equal(timestamp_parse(span_of(cases[i].end), &end), 0);
		window = window_at(cases[i].period, now);
		assert_int_equal(window.start_ns, start);
		assert_int_equal(window.end_ns, end);
	}
}

static void test_random_instants(void **state)
{
	struct random random = random_start("window");

	(void)state;
	for (int i = 0; i < 100000; i++) {
		/* 1685 to 2255 */
		int64_t seconds = (int64_t)random_below(&random, 18000000000) - 9000000000;
		int64_t now_ns = seconds * NS_PER_SEC + (int64_t)random_below(&random, NS_PER_SEC);
		struct window day = window_at(BUDGET_DAY, now_ns);
		struct window month = window_at(BUDGET_MONTH, now_ns);
		struct tm tm;

		gmtime_r(&(time_t){ seconds }, &tm);
		tm.tm_sec = tm.tm_min = tm.tm_hour = 0;
		assert_int_equal(day.start_ns, timegm(&tm) * NS_PER_SEC);
		assert_int_equal(day.end_ns - day.start_ns, NS_PER_DAY);
		tm.tm_mday = 1;
		assert_int_equal(month.start_ns, timegm(&tm) * NS_PER_SEC);
		tm.tm_mon++;
		assert_int_equal(month.end_ns, timegm(&tm) * NS_PER_SEC);
		assert_true(window_holds(&day, now_ns) && window_holds(&month, now_ns));
	}
}

/* No instant of int64 overflows anything. */
static void test_ends_of_time(void **state)
{
	static const int64_t ends[] = { INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		for (enum budget_period p = BUDGET_DAY; p <= BUDGET_MONTH; p++) {
			struct window window = window_at(p, ends[i]);

			assert_true(window.start_ns <= ends[i] && window.end_ns >= ends[i]);
		}
	}
}

#define DAY(n) ((int64_t)(n)*NS_PER_DAY)

static void turn(struct window_totals *totals, int day)
{
	struct window now = window_at(BUDGET_DAY, DAY(day) + 5);

	window_turn(totals, &now);
}

static void test_totals_turn(void **state)
{
	struct window_totals totals = { 0 };

	(void)state;
	assert_null(window_find(&totals, 0));
	turn(&totals, 0);
	assert_int_equal(totals.former.window.end_ns, 0);
	totals.current.pico = 7;
	turn(&totals, 0);
	assert_true(totals.current.pico == 7);

	turn(&totals, 1);
	assert_true(totals.current.pico == 0);
	assert_true(window_find(&totals, DAY(1) - 1)->pico == 7);
	assert_ptr_equal(window_find(&totals, DAY(1)), &totals.current);
	assert_null(window_find(&totals, DAY(2)));
	assert_null(window_find(&totals, -1));

	/* The clock goes back over midnight and on again: nothing is lost. */
	totals.current.pico = 11;
	turn(&totals, 0);
	assert_true(totals.current.pico == 7 && totals.former.pico == 11);
	turn(&totals, 1);
	assert_true(totals.current.pico == 11 && totals.former.pico == 7);

	/* Days without a call: the former one is the last one that there was. */
	turn(&totals, 9);
	assert_true(totals.current.pico == 0 && totals.former.pico == 11);
	assert_null(window_find(&totals, DAY(0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_instants),
		cmocka_unit_test(test_random_instants),
		cmocka_unit_test(test_ends_of_time),
		cmocka_unit_test(test_totals_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
