/* What was used goes over to new rules whole, however the clock stands. Found by tests/model. */
#include "budget/budget.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/budget/make.h"

/* 2026-11-25T12:00:00Z, by date -u -d @1795608000. */
#define NOON MAKE_SEC(1795608000)
#define HOUR MAKE_SEC(3600)

static void use(struct budgets *budgets, int64_t cost_pico, int64_t now_ns)
{
	struct process process = make_process(100, "ann", "");
	struct charge call = make_charge(&process, "m", now_ns, cost_pico);
	struct verdict verdict;

	budgets_charge(budgets, &call, now_ns, &verdict);
}

/* 1 at noon, 2 at one o'clock; then it is noon again, and there are new rules: 3. */
static void test_reload_with_the_clock_set_back(void **state)
{
	const struct make_rule rule = { .name = "a", .limit = USD(10), .rolling = true };
	struct budget_touch owed[VERDICT_BUDGETS_MAX];
	struct budgets *budgets;
	struct budget_view view;
	money_wide told = 0;
	unsigned n;

	(void)state;
	assert_int_equal(budgets_new(make_rules(&rule, 1), &budgets), 0);
	use(budgets, USD(1), NOON);
	use(budgets, USD(2), NOON + HOUR);
	assert_int_equal(budgets_reload(budgets, make_rules(&rule, 1), NOON), 0);
	budgets_view(budgets, 0, NOON, &view);
	assert_true(view.spent == USD(3));
	n = budgets_owed(budgets, owed);
	for (unsigned i = 0; i < n; i++)
		told += owed[i].spent;
	assert_true(told == USD(3));
	budgets_free(budgets);
}

/* Emptied at noon, a bucket of 10 holds no more than 10 an hour later, whatever it holds from then
 * on. */
static void test_a_bucket_that_grows(void **state)
{
	struct make_rule rule = { .name = "a",
				  .counts = UNIT_REQUESTS,
				  .limit = 60,
				  .period = BUDGET_HOUR,
				  .mode = BUDGET_ADVISE,
				  .rate = { RATE_BUCKET, MAKE_SEC(60), 60, 60, 10 } };
	struct budgets *budgets;
	struct budget_view view;

	(void)state;
	assert_int_equal(budgets_new(make_rules(&rule, 1), &budgets), 0);
	for (int i = 0; i < 10; i++)
		use(budgets, 0, NOON);
	rule.rate.burst = 100;
	assert_int_equal(budgets_reload(budgets, make_rules(&rule, 1), NOON + HOUR), 0);
	budgets_view(budgets, 0, NOON + HOUR, &view);
	assert_true(view.limit - view.spent == 10);
	budgets_view(budgets, 0, NOON + HOUR + MAKE_SEC(30), &view);
	assert_true(view.limit - view.spent == 40);
	budgets_free(budgets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reload_with_the_clock_set_back),
		cmocka_unit_test(test_a_bucket_that_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
