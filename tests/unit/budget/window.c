/* budget/window: where windows begin and end, against the C library and dates of the tz database;
 * and the totals of a budget while the clock moves, against lists that are walked. */
#include "budget/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/budget/random.h"

static struct zone *load(const char *name)
{
	struct zone *zone = NULL;
	struct err err = { 0 };

	if (name && zone_load(name, &zone, &err) < 0)
		fail_msg("%s", err.text);
	return zone;
}

/* Instants by `date -u -d 'TZ="ZONE" LOCAL'`. */
static void test_known_instants(void **state)
{
	static const struct {
		const char *zone, *now, *start, *end;
		enum budget_period period;
	} cases[] = {
		{ NULL, "2026-11-25T23:59:59.999999999Z", "2026-11-25", "2026-11-26", BUDGET_DAY },
		{ NULL, "2026-11-26T00:00:00Z", "2026-11-26", "2026-11-27", BUDGET_DAY },
		{ NULL, "2024-02-29T12:00:00Z", "2024-02-29", "2024-03-01", BUDGET_DAY },
		{ NULL, "2024-02-29T12:00:00Z", "2024-02-01", "2024-03-01", BUDGET_MONTH },
		{ NULL, "2024-02-29T12:00:00Z", "2024-01-01", "2024-04-01", BUDGET_QUARTER },
		{ NULL, "2024-02-29T12:00:00Z", "2024-01-01", "2025-01-01", BUDGET_YEAR },
		{ NULL, "2023-02-28T23:59:59Z", "2023-02-01", "2023-03-01", BUDGET_MONTH },
		{ NULL, "2100-02-28T23:59:59Z", "2100-02-01", "2100-03-01", BUDGET_MONTH },
		{ NULL, "2026-12-31T23:59:59Z", "2026-12-01", "2027-01-01", BUDGET_MONTH },
		{ NULL, "2026-12-31T23:59:59Z", "2026-10-01", "2027-01-01", BUDGET_QUARTER },
		{ NULL, "2027-01-01T00:00:00Z", "2027-01-01", "2027-02-01", BUDGET_MONTH },
		{ NULL, "1969-12-31T23:59:59Z", "1969-12-31", "1970-01-01", BUDGET_DAY },
		{ NULL, "1969-12-31T23:59:59Z", "1969-12-01", "1970-01-01", BUDGET_MONTH },
		/* 2026-11-25 is a Wednesday, 1970-01-01 was a Thursday. */
		{ NULL, "2026-11-25T12:00:00Z", "2026-11-23", "2026-11-30", BUDGET_WEEK },
		{ NULL, "2026-11-29T23:59:59Z", "2026-11-23", "2026-11-30", BUDGET_WEEK },
		{ NULL, "2026-11-30T00:00:00Z", "2026-11-30", "2026-12-07", BUDGET_WEEK },
		{ NULL, "1969-12-29T00:00:00Z", "1969-12-29", "1970-01-05", BUDGET_WEEK },
		{ NULL, "1969-12-28T23:00:00Z", "1969-12-22", "1969-12-29", BUDGET_WEEK },
		{ NULL, "2026-11-25T12:34:56Z", "2026-11-25T12:34:00Z", "2026-11-25T12:35:00Z",
		  BUDGET_MINUTE },
		/* pricing case 81: an instant is an instant, whatever its
		 * offset; and a day in a zone is one there. */
		{ NULL, "2026-08-20T00:00:00+08:00", "2026-08-19", "2026-08-20", BUDGET_DAY },
		{ "Asia/Shanghai", "2026-08-20T00:00:00+08:00", "2026-08-20T00:00:00+08:00",
		  "2026-08-21T00:00:00+08:00", BUDGET_DAY },
		/* 23 and 25 hours; a month with an hour less. */
		{ "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z",
		  "2026-03-29T22:00:00Z", BUDGET_DAY },
		{ "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-24T22:00:00Z",
		  "2026-10-25T23:00:00Z", BUDGET_DAY },
		{ "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-02-28T23:00:00Z",
		  "2026-03-31T22:00:00Z", BUDGET_MONTH },
		{ "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-22T23:00:00Z",
		  "2026-03-29T22:00:00Z", BUDGET_WEEK },
		/* The hour from two to three is not there, or there twice. */
		{ "Europe/Berlin", "2026-03-29T01:30:00Z", "2026-03-29T01:00:00Z",
		  "2026-03-29T02:00:00Z", BUDGET_HOUR },
		/* No midnight, two midnights. */
		{ "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04T03:00:00Z",
		  "2018-11-05T02:00:00Z", BUDGET_DAY },
		{ "America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-03T03:00:00Z",
		  "2018-11-04T03:00:00Z", BUDGET_DAY },
		{ "America/Havana", "2026-11-01T05:30:00Z", "2026-11-01T04:00:00Z",
		  "2026-11-02T05:00:00Z", BUDGET_DAY },
		/* A day that Samoa left out. */
		{ "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z",
		  "2011-12-30T10:00:00Z", BUDGET_DAY },
		{ "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z",
		  "2011-12-31T10:00:00Z", BUDGET_DAY },
		/* Put back by half an hour at two: to half past one. */
		{ "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-04T14:00:00Z",
		  "2026-04-04T15:00:00Z", BUDGET_HOUR },
		{ "Australia/Lord_Howe", "2026-04-04T15:10:00Z", "2026-04-04T15:00:00Z",
		  "2026-04-04T15:30:00Z", BUDGET_HOUR },
		{ "Asia/Kathmandu", "2026-11-25T12:00:00Z", "2026-11-25T11:15:00Z",
		  "2026-11-25T12:15:00Z", BUDGET_HOUR },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct window_kind kind = { cases[i].period, false, load(cases[i].zone) };
		int64_t now, start, end;
		struct window window;

		assert_int_equal(timestamp_parse(span_of(cases[i].now), &now), 0);
		assert_int_equal(timestamp_parse(span_of(cases[i].start), &start), 0);
		assert_int_equal(timestamp_parse(span_of(cases[i].end), &end), 0);
		window = window_at(&kind, now);
		if (window.start_ns != start || window.end_ns != end)
			fail_msg("case %zu", i);
		zone_free((struct zone *)kind.zone);
	}
}

static struct window in_utc(enum budget_period period, int64_t now_ns)
{
	return window_at(&(struct window_kind){ .period = period }, now_ns);
}

static void test_random_instants(void **state)
{
	struct random random = random_start("window");

	(void)state;
	for (int i = 0; i < 100000; i++) {
		/* 1685 to 2255 */
		int64_t seconds = (int64_t)random_below(&random, 18000000000) - 9000000000;
		int64_t now_ns = seconds * NS_PER_SEC + (int64_t)random_below(&random, NS_PER_SEC);
		struct window day = in_utc(BUDGET_DAY, now_ns);
		struct window month = in_utc(BUDGET_MONTH, now_ns);
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

/* Whatever the clock of a zone does, its windows have no gap and no overlap. */
static void test_windows_part_time(void **state)
{
	static const char *const names[] = { "Europe/Berlin",       "America/Sao_Paulo",
					     "America/St_Johns",    "America/Havana",
					     "Africa/Cairo",        "Africa/Casablanca",
					     "Australia/Lord_Howe", "Pacific/Apia" };
	struct random random = random_start("part");

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct window_kind kind = { .zone = load(names[i]) };

		for (int n = 0; n < 4000; n++) {
			int64_t at_s = (int64_t)random_below(&random, 9000000000);
			int64_t change_s = zone_at(kind.zone, at_s).until_s;
			struct window window, next;

			/* One in two near a change of the clock. */
			if (n % 2 && change_s < 9000000000)
				at_s = change_s + (int64_t)random_below(&random, 200000) - 100000;
			kind.period = (enum budget_period)random_below(&random, BUDGET_TOTAL);
			kind.rolling = random_below(&random, 4) == 0;
			window = window_at(&kind, at_s * NS_PER_SEC);
			assert_true(window_holds(&window, at_s * NS_PER_SEC));
			next = window_at(&kind, window.start_ns);
			assert_true(window_same(&next, &window));
			next = window_at(&kind, window.end_ns - 1);
			assert_true(window_same(&next, &window));
			next = window_at(&kind, window.end_ns);
			assert_int_equal(next.start_ns, window.end_ns);
		}
		zone_free((struct zone *)kind.zone);
	}
}

/* No instant of int64 overflows anything. */
static void test_ends_of_time(void **state)
{
	static const int64_t ends[] = { INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX };
	struct zone *zone = load("Europe/Berlin");

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		for (enum budget_period p = BUDGET_MINUTE; p < BUDGET_TOTAL; p++) {
			struct window_kind kind = { p, i % 2, zone };
			struct window window = window_at(&kind, ends[i]);

			assert_true(window.start_ns <= ends[i] && window.end_ns >= ends[i]);
		}
	}
	zone_free(zone);
}

#define DAY(n) ((int64_t)(n)*NS_PER_DAY)

static const struct window_kind daily = { .period = BUDGET_DAY };

static void turn(struct window_totals *totals, int day)
{
	window_turn(totals, &daily, DAY(day) + 5);
}

static void test_totals_turn(void **state)
{
	struct window_totals totals;

	(void)state;
	assert_int_equal(window_init(&totals, &daily), 0);
	assert_false(window_knows(&totals, 0));
	turn(&totals, 0);
	assert_int_equal(totals.formers[0].window.end_ns, 0);
	window_add(&totals, &daily, &totals.current, 7);
	turn(&totals, 0);
	assert_true(window_used(&totals) == 7);

	turn(&totals, 1);
	assert_true(window_used(&totals) == 0);
	assert_true(window_find(&totals, DAY(1) - 1)->used == 7);
	assert_ptr_equal(window_find(&totals, DAY(1)), &totals.current);
	assert_false(window_knows(&totals, DAY(2)));
	assert_false(window_knows(&totals, -1));

	/* The clock goes back over midnight and on again: nothing is lost. */
	totals.current.used = 11;
	turn(&totals, 0);
	assert_true(window_used(&totals) == 7 && totals.formers[0].used == 11);
	turn(&totals, 1);
	assert_true(window_used(&totals) == 11 && totals.formers[0].used == 7);

	/* Days without a call: the former one is the last one that there was. */
	turn(&totals, 9);
	assert_true(window_used(&totals) == 0 && totals.formers[0].used == 11);
	assert_false(window_knows(&totals, DAY(0)));
	window_done(&totals);
}

/* All that is used is estimated: then the two sums never part. */
static void add_estimated(struct window_totals *totals, const struct window_kind *kind,
			  struct window_total *total, money_wide amount)
{
	window_add(totals, kind, total, amount);
	total->estimated += amount;
	assert_true(window_estimated(totals, kind) == window_used(totals));
}

/* A rolling window against every amount ever: nothing leaves before its length is over, nothing
 * stays for more than a sixtieth of it longer. Late amounts too, and a clock that only goes on. */
static void test_rolling(void **state)
{
	struct random random = random_start("rolling");
	enum { STEPS = 3000 };
	static int64_t times[STEPS], amounts[STEPS];

	(void)state;
	for (enum budget_period p = BUDGET_MINUTE; p < BUDGET_TOTAL; p++) {
		struct window_kind kind = { p, true, NULL };
		int64_t length = window_length_ns(p), piece = length / 60, now = DAY(20000);
		struct window_totals totals;

		assert_int_equal(window_init(&totals, &kind), 0);
		for (int i = 0; i < STEPS; i++) {
			money_wide least = 0, most = 0;

			now += (int64_t)random_below(&random, 50)
				   ? (int64_t)random_below(&random, (uint64_t)piece)
				   : (int64_t)random_below(&random, (uint64_t)length * 2);
			window_turn(&totals, &kind, now);
			times[i] = now;
			if (random_below(&random, 4) == 0)
				times[i] -= (int64_t)random_below(&random, (uint64_t)length);
			amounts[i] = (int64_t)random_below(&random, 1000);
			/* Of a piece that it does not have it is of now, which is longer. */
			if (!window_knows(&totals, times[i]))
				times[i] = now;
			add_estimated(&totals, &kind, window_find(&totals, times[i]), amounts[i]);
			for (int j = 0; j <= i; j++) {
				least += times[j] > now - length ? amounts[j] : 0;
				most += times[j] > now - length - piece ? amounts[j] : 0;
			}
			assert_true(window_used(&totals) >= least && window_used(&totals) <= most);
		}
		window_done(&totals);
	}
}

/* The clock is set back: what was used stays used for a whole length from now. */
static void test_rolling_back(void **state)
{
	const struct window_kind kind = { BUDGET_HOUR, true, NULL };
	int64_t hour = 3600 * NS_PER_SEC;
	struct window_totals totals;

	(void)state;
	assert_int_equal(window_init(&totals, &kind), 0);
	window_turn(&totals, &kind, DAY(20000));
	add_estimated(&totals, &kind, &totals.current, 5);
	window_turn(&totals, &kind, DAY(20000) + hour / 2);
	add_estimated(&totals, &kind, &totals.current, 7);
	assert_true(window_turn(&totals, &kind, DAY(19000)));
	assert_true(window_used(&totals) == 12);
	assert_true(window_estimated(&totals, &kind) == 12);
	assert_true(totals.current.owed && totals.current.used == 12);
	assert_false(window_turn(&totals, &kind, DAY(19000) + hour));
	assert_true(window_used(&totals) == 12);
	window_turn(&totals, &kind, DAY(19000) + hour + hour / 60);
	assert_true(window_used(&totals) == 0);
	assert_true(window_estimated(&totals, &kind) == 0);
	window_done(&totals);
}

static bool restore(struct window_totals *totals, const struct window_kind *kind, int64_t start,
		    int64_t end, int64_t used, int64_t now)
{
	struct window_total total = { .window = { start, end }, .used = used };

	return window_restore(totals, kind, &total, now);
}

/* pricing case 82: the windows of another kind that began in the current one count in it, till
 * a figure of its own is there; longer ones do not. */
static void test_restore(void **state)
{
	const struct window_kind monthly = { BUDGET_MONTH, false, NULL };
	const struct window_kind rolling = { BUDGET_WEEK, true, NULL };
	/* 2024-02-10T12:00; the month from day 31 to day 60 of 2024, which is day 19723. */
	int64_t first = DAY(19723 + 31), now = DAY(19723 + 40) + NS_PER_DAY / 2;
	struct window_totals totals;

	(void)state;
	assert_int_equal(window_init(&totals, &monthly), 0);
	window_turn(&totals, &monthly, now);
	assert_true(restore(&totals, &monthly, first + DAY(1), first + DAY(2), 3, now));
	assert_true(restore(&totals, &monthly, first + DAY(9), first + DAY(10), 4, now));
	assert_false(restore(&totals, &monthly, first - DAY(1), first, 50, now));
	assert_true(window_used(&totals) == 7 && totals.current.owed);
	/* Its own month, and the one before. */
	assert_true(restore(&totals, &monthly, first - DAY(31), first, 90, now));
	assert_true(restore(&totals, &monthly, first, first + DAY(29), 20, now));
	assert_false(restore(&totals, &monthly, first + DAY(9), first + DAY(10), 4, now));
	assert_true(window_used(&totals) == 20 && totals.formers[0].used == 90);
	window_done(&totals);

	/* A day by another clock is the same day; a month is no day. */
	assert_int_equal(window_init(&totals, &daily), 0);
	window_turn(&totals, &daily, now);
	assert_true(restore(&totals, &daily, first + DAY(9) - NS_PER_DAY / 4,
			    first + DAY(10) - NS_PER_DAY / 4, 5, now));
	assert_false(restore(&totals, &daily, first, first + DAY(29), 20, now));
	assert_true(window_used(&totals) == 5);
	window_done(&totals);

	/* Days into a rolling week. */
	assert_int_equal(window_init(&totals, &rolling), 0);
	window_turn(&totals, &rolling, now);
	assert_false(restore(&totals, &rolling, first, first + DAY(1), 5, now));
	assert_true(restore(&totals, &rolling, first + DAY(4), first + DAY(5), 6, now));
	assert_true(window_used(&totals) == 6);
	window_done(&totals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_instants),    cmocka_unit_test(test_random_instants),
		cmocka_unit_test(test_windows_part_time), cmocka_unit_test(test_ends_of_time),
		cmocka_unit_test(test_totals_turn),       cmocka_unit_test(test_rolling),
		cmocka_unit_test(test_rolling_back),      cmocka_unit_test(test_restore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
