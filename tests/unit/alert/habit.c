/* Habits of programs. Limits are worked out by hand from the rule in the header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/habit.h"
#include "base/clock.h"

#define HOUR      (3600 * NS_PER_SEC)
#define FIRST_DAY 20000 /* since 1970 */
#define USD       1000000000000LL

static int set_up(void **state)
{
	*state = habits_new();
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	habits_free(*state);
	return 0;
}

static struct charge charge_of(const char *exe, int64_t cost_pico)
{
	struct charge charge = { .cost_pico = cost_pico, .source = COST_CATALOG };

	charge.usage.process.uid = 1000;
	snprintf(charge.usage.process.exe, sizeof(charge.usage.process.exe), "%s", exe);
	return charge;
}

static int64_t at(int day, int hour)
{
	return (FIRST_DAY + day) * NS_PER_DAY + hour * HOUR;
}

/* `n` calls in an hour. Returns at which of them the hour began to depart, 0 = at none. */
static unsigned calls(struct habits *habits, const char *exe, int64_t now_ns, unsigned n,
		      int64_t cost_pico, struct habit_view *view)
{
	struct charge charge = charge_of(exe, cost_pico);
	struct habit_view seen;
	unsigned departed = 0;

	for (unsigned i = 1; i <= n; i++)
		if (habits_take(habits, &charge, now_ns + i, &seen) && !departed) {
			departed = i;
			*view = seen;
		}
	return departed;
}

/* Twelve days, each with 90, 100 or 110 calls at nine, and 1000 at night. */
static void teach(struct habits *habits, const char *exe)
{
	struct habit_view view;

	for (int day = 0; day < 12; day++) {
		calls(habits, exe, at(day, 2), 1000, USD / 100, &view);
		calls(habits, exe, at(day, 9), 90 + (unsigned)(day % 3) * 10, USD / 100, &view);
	}
}

/* Nothing departs before there are seven hours like it, or 24 of any kind. */
static void test_unknown(void **state)
{
	struct habit_view view;

	for (int day = 0; day < 6; day++)
		assert_int_equal(calls(*state, "/bin/a", at(day, 9), 10, 0, &view), 0);
	assert_int_equal(calls(*state, "/bin/a", at(6, 9), 5000, USD, &view), 0);
}

/* Median 100, MAD 10 (values 90, 100, 110 by four): room = the largest of 90, 100, 20. */
static void test_calls(void **state)
{
	struct habit_view view = { .calls = 0 };

	teach(*state, "/bin/a");
	assert_int_equal(calls(*state, "/bin/a", at(12, 9), 200, 0, &view), 0);
	assert_int_equal(calls(*state, "/bin/a", at(13, 9), 500, 0, &view), 201);
	assert_true(view.is_known);
	assert_true(view.by_calls);
	assert_false(view.by_spend);
	assert_int_equal(view.usual_calls, 100);
	assert_int_equal(view.calls, 201);
}

/* By time of day: a thousand at two in the night is as ever. */
static void test_time_of_day(void **state)
{
	struct habit_view view;

	teach(*state, "/bin/a");
	assert_int_equal(calls(*state, "/bin/a", at(12, 2), 1999, USD / 100, &view), 0);
	/* The hours beside it count as like it. */
	assert_int_equal(calls(*state, "/bin/a", at(12, 3), 1999, USD / 100, &view), 0);
}

/* An hour never seen is held against all: 12 x 1000 and 12 x about 100: median (110 + 1000) / 2 =
 * 555, distances 445 to 465, MAD 445: room 9 x 445 = 4005. */
static void test_other_hour(void **state)
{
	struct habit_view view;

	teach(*state, "/bin/a");
	assert_int_equal(calls(*state, "/bin/a", at(11, 17), 4999, 0, &view), 4561);
	assert_int_equal(view.usual_calls, 555);
}

/* As many calls, each dearer: at nine a median of 1 USD, MAD 0.1: over 2 USD departs. */
static void test_spend(void **state)
{
	struct habit_view view;

	teach(*state, "/bin/a");
	assert_int_equal(calls(*state, "/bin/a", at(12, 9), 100, USD / 10, &view), 21);
	assert_true(view.by_spend);
	assert_false(view.by_calls);
	assert_int_equal(view.usual_spent_pico, USD);
	assert_int_equal(view.spent_pico, 21 * USD / 10);
}

/* What was done besides an answer costs, and is no call of its own. */
static void test_besides(void **state)
{
	struct charge charge = charge_of("/bin/a", USD);
	struct habit_view view;

	charge.usage.beside = true;
	habits_take(*state, &charge, at(0, 9), &view);
	assert_true(habits_view(*state, &charge.usage.process, at(0, 9), &view));
	assert_int_equal(view.calls, 0);
	assert_int_equal(view.spent_pico, USD);
}

/* Small programs have room: 1 call an hour, then up to 21. */
static void test_floor(void **state)
{
	struct habit_view view;

	for (int day = 0; day < 8; day++)
		calls(*state, "/bin/a", at(day, 9), 1, 0, &view);
	assert_int_equal(calls(*state, "/bin/a", at(8, 9), 100, 0, &view), 22);
}

/* Told once an hour for calls and once for spend; the next hour begins well. */
static void test_once(void **state)
{
	struct charge dear = charge_of("/bin/a", USD);
	struct habit_view view;
	unsigned told = 0;

	teach(*state, "/bin/a");
	for (int i = 0; i < 1000; i++)
		told += habits_take(*state, &dear, at(12, 9) + i, &view);
	assert_int_equal(told, 2);
	assert_true(habits_view(*state, &dear.usage.process, at(12, 9) + HOUR / 2, &view));
	assert_true(view.by_calls && view.by_spend);
	assert_true(habits_view(*state, &dear.usage.process, at(12, 10), &view));
	assert_false(view.by_calls || view.by_spend);
	assert_int_equal(view.calls, 0);
}

/* What departs is let through at its usual rate: 100 an hour is one in 36 seconds. */
static void test_wait(void **state)
{
	struct charge cheap = charge_of("/bin/a", 0), other = charge_of("/bin/b", 0);
	int64_t now_ns = at(12, 9) + HOUR / 4;
	struct habit_view view;

	teach(*state, "/bin/a");
	calls(*state, "/bin/a", at(12, 9), 200, 0, &view);
	assert_int_equal(habits_wait_ns(*state, &cheap.usage.process, now_ns), 0);
	assert_int_equal(habits_wait_ns(*state, &cheap.usage.process, now_ns), 0);
	calls(*state, "/bin/a", at(12, 9), 1, 0, &view);
	assert_int_equal(habits_wait_ns(*state, &cheap.usage.process, now_ns), 0);
	assert_int_equal(habits_wait_ns(*state, &cheap.usage.process, now_ns + 6 * NS_PER_SEC),
			 30 * NS_PER_SEC);
	assert_int_equal(habits_wait_ns(*state, &cheap.usage.process, now_ns + 36 * NS_PER_SEC), 0);
	assert_int_equal(habits_wait_ns(*state, &other.usage.process, now_ns), 0);
	/* In the next hour it is like any other. */
	assert_int_equal(habits_wait_ns(*state, &cheap.usage.process, at(12, 10)), 0);
	assert_int_equal(habits_wait_ns(*state, &cheap.usage.process, at(12, 10)), 0);
}

/* All that was owed, given to another: it knows as much, and tells nothing twice. */
static void test_restart(void **state)
{
	struct charge one = charge_of("/bin/a", 0);
	struct habits *again = habits_new();
	struct habit_hour rows[7];
	struct habit_view view, same;
	unsigned n, total = 0;

	teach(*state, "/bin/a");
	assert_int_equal(calls(*state, "/bin/a", at(12, 9), 210, 0, &view), 201);
	do {
		n = habits_owed(*state, rows, 7);
		for (unsigned i = 0; i < n; i++)
			habits_restore(again, &rows[i]);
		total += n;
	} while (n == 7);
	assert_int_equal(total, 25);
	assert_int_equal(habits_owed(*state, rows, 7), 0);
	assert_int_equal(calls(again, "/bin/a", at(12, 9), 100, 0, &view), 0);
	assert_true(habits_view(again, &one.usage.process, at(12, 9), &same));
	assert_int_equal(same.calls, 310);
	assert_true(same.by_calls);
	assert_int_equal(habits_owed(again, rows, 7), 1);
	assert_int_equal(rows[0].calls, 310);
	assert_int_equal(rows[0].hour, at(12, 9) / HOUR);
	habits_free(again);
}

/* Old hours leave, whatever the clock does; programs too. */
static void test_bounds(void **state)
{
	struct charge unpriced = charge_of("/bin/a", 77);
	struct habit_hour rows[4];
	struct habit_view view;
	char exe[32];

	unpriced.source = COST_UNPRICED;
	teach(*state, "/bin/a");
	habits_take(*state, &unpriced, at(3, 1), &view); /* the clock went back: the newest hour */
	assert_true(habits_view(*state, &unpriced.usage.process, at(11, 9), &view));
	assert_int_equal(view.calls, 111); /* day 11 has 110 */
	habits_take(*state, &unpriced, at(400, 1), &view);
	assert_int_equal(habits_owed(*state, rows, 4), 1);
	assert_int_equal(rows[0].spent_pico, 0);
	assert_int_equal(calls(*state, "/bin/a", at(400, 9), 9000, 0, &view), 0);
	for (int i = 0; i < 2 * HABIT_PROGRAMS_MAX; i++) {
		snprintf(exe, sizeof(exe), "/bin/%d", i);
		calls(*state, exe, at(400, 9), 1, 0, &view);
	}
	assert_false(habits_view(*state, &unpriced.usage.process, at(400, 9), &view));
	unpriced.usage.process.exe[0] = '\0'; /* not known who */
	assert_false(habits_take(*state, &unpriced, at(400, 9), &view));
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(test_unknown), ROW(test_calls),   ROW(test_time_of_day), ROW(test_other_hour),
		ROW(test_spend),   ROW(test_besides), ROW(test_floor),       ROW(test_once),
		ROW(test_wait),    ROW(test_restart), ROW(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
