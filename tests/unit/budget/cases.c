/* Cases of budgets that are about many calls: what is charged is what was priced, and how many
 * calls there are is no matter. */
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

/* pricing case 87: an amount that was worked out and then lost made each call cost one. Here a
 * million tokens and 12.345678 USD in 1,000 calls are that, in each budget, after each call. */
static void test_charged_is_priced(void **state)
{
	const struct make_rule rules[] = {
		{ .name = "usd", .limit = USD(100) },
		{ .name = "tokens", .limit = 1, .counts = UNIT_TOKENS },
		{ .name = "bytes", .limit = 1, .counts = UNIT_BYTES, .rolling = true },
		{ .name = "rate",
		  .limit = 1,
		  .counts = UNIT_TOKENS,
		  .period = BUDGET_HOUR,
		  .rate = { RATE_SLIDING, MAKE_SEC(3600), 1, 1, 0 } },
	};
	struct process process = make_process(100, "ann", "");
	struct charge call = make_charge(&process, "m", NOON, USD(0.012345) + 678000);
	struct budgets *budgets;
	struct verdict verdict;

	(void)state;
	assert_int_equal(budgets_new(make_rules(rules, 4), &budgets), 0);
	call.usage.present = USAGE_BIT(USAGE_INPUT) | USAGE_BIT(USAGE_OUTPUT);
	call.usage.counts[USAGE_INPUT] = 900;
	call.usage.counts[USAGE_OUTPUT] = 100;
	call.usage.response_bytes = 70;
	for (int i = 1; i <= 1000; i++) {
		budgets_charge(budgets, &call, NOON, &verdict);
		assert_int_equal(verdict.n_budgets, 4);
		assert_true(verdict.budget_cost_pico == call.cost_pico);
		assert_true(verdict.budgets[0].spent == i * (USD(0.012345) + 678000));
		assert_true(verdict.budgets[1].spent == i * 1000);
		assert_true(verdict.budgets[2].spent == i * 70);
		assert_true(verdict.budgets[3].spent == i * 1000);
	}
	assert_true(verdict.budgets[0].spent == USD(12.345678));
	budgets_free(budgets);
}

/* pricing case 91: a guard that counted rows stopped all at 40,000 a day, and embeddings never came
 * to it. 60,000 calls of a micro-dollar are 0.06 USD, whatever they are. */
static void test_many_small_calls(void **state)
{
	const struct make_rule rule = { .name = "a", .limit = USD(1), .mode = BUDGET_ADVISE };
	struct process process = make_process(100, "ann", "");
	struct budget_answer answer;
	struct budgets *budgets;
	struct verdict verdict;

	(void)state;
	assert_int_equal(budgets_new(make_rules(&rule, 1), &budgets), 0);
	for (int i = 0; i < 60000; i++) {
		struct budget_ask ask = make_ask(&process, "m", USD(0.000001));
		int64_t now_ns = NOON - NS_PER_DAY / 2 + MAKE_SEC(i);
		struct charge call = make_charge(&process, "m", now_ns + NS_PER_SEC, USD(0.000001));

		ask.operation = i % 2 ? SPAN("embeddings") : SPAN("");
		span_copy(ask.operation, call.usage.operation, sizeof(call.usage.operation));
		budgets_decide(budgets, &ask, now_ns, &answer);
		assert_int_equal(answer.decision, DECISION_ALLOW);
		budgets_charge(budgets, &call, now_ns, &verdict);
		assert_false(uuid_is_zero(&verdict.decision_id));
	}
	assert_true(verdict.budgets[0].spent == USD(0.06));
	budgets_free(budgets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_charged_is_priced),
		cmocka_unit_test(test_many_small_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
