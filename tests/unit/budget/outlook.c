/* Where a window goes. */
#include "budget/outlook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/budget/make.h"

#define START MAKE_SEC(1795608000)
#define HOURS (3600 * NS_PER_SEC)

/* A day of 24 USD, of which so much is spent. */
static struct budget_view day(int64_t spent)
{
	return (struct budget_view){ .limit = USD(24),
				     .spent = spent,
				     .window_start_ns = START,
				     .resets_ns = START + 24 * HOURS };
}

static void test_pace(void **state)
{
	struct budget_view view = day(USD(6));
	struct budget_outlook outlook = outlook_of(&view, START + 6 * HOURS);

	(void)state;
	assert_true(outlook.projected == USD(24)); /* a dollar an hour: just so */
	assert_int_equal(outlook.exhausted_ns, 0);
	view = day(USD(12)); /* two an hour: the other 12 last six hours */
	outlook = outlook_of(&view, START + 6 * HOURS);
	assert_true(outlook.projected == USD(48));
	assert_int_equal(outlook.exhausted_ns, START + 12 * HOURS);
	view = day(USD(30));
	outlook = outlook_of(&view, START + 6 * HOURS);
	assert_int_equal(outlook.exhausted_ns, START + 6 * HOURS);
	view = day(0);
	outlook = outlook_of(&view, START + 6 * HOURS);
	assert_true(outlook.projected == 0);
	assert_int_equal(outlook.exhausted_ns, 0);
}

static void test_unknown(void **state)
{
	struct budget_view view = day(USD(12));

	(void)state;
	assert_true(outlook_of(&view, START + 60 * NS_PER_SEC).projected == -1);
	assert_true(outlook_of(&view, START - HOURS).projected == -1);
	view.rolling = true;
	assert_true(outlook_of(&view, START + 6 * HOURS).projected == -1);
	view = day(USD(12));
	view.resets_ns = INT64_MAX;
	assert_true(outlook_of(&view, START + 6 * HOURS).projected == -1);
	assert_int_equal(outlook_of(&view, START + 6 * HOURS).exhausted_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pace),
		cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
