/* Decisions on programs that depart from their habit. What decides otherwise: budget.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "budget/budget.h"
#include "tests/unit/budget/make.h"

#define NOON MAKE_SEC(1795608000)

struct habit {
	int64_t wait_ns;
	unsigned n_asked;
	struct budgets *budgets; /* of the last decision */
};

static int64_t wait_ns(void *ctx, const struct process *process, int64_t now_ns)
{
	struct habit *habit = ctx;

	assert_int_equal(process->pid, 100);
	assert_int_equal(now_ns, NOON);
	habit->n_asked++;
	return habit->wait_ns;
}

static struct budget_answer decide(const struct make_rule *rules, unsigned n, struct habit *habit)
{
	struct process process = make_process(100, "ann", "");
	struct budget_ask ask = { .process = &process,
				  .provider = SPAN("openai"),
				  .model = SPAN("m"),
				  .labels = "",
				  .size = { .priced = true, .cost_pico = USD(1) },
				  .wait_ns = wait_ns,
				  .wait_ctx = habit };
	struct budget_answer answer;

	budgets_free(habit->budgets);
	assert_int_equal(budgets_new(make_rules(rules, n), &habit->budgets), 0);
	budgets_decide(habit->budgets, &ask, NOON, &answer);
	return answer;
}

static const struct make_rule rules[] = {
	{ .name = "a", .limit = USD(10), .mode = BUDGET_ADVISE },
	{ .name = "b", .limit = USD(10), .mode = BUDGET_ADVISE, .throttles = true },
	{ .name = "c", .limit = USD(10), .mode = BUDGET_OBSERVE, .throttles = true },
	{ .name = "d", .user = "bob", .limit = USD(10), .mode = BUDGET_ADVISE, .throttles = true },
};

/* Only where a budget that applies says so, and once however many do. */
static void test_who_is_asked(void **state)
{
	struct habit habit = { .wait_ns = 0 };

	(void)state;
	assert_int_equal(decide(rules, 1, &habit).decision, DECISION_ALLOW);
	assert_int_equal(decide(&rules[3], 1, &habit).decision, DECISION_ALLOW);
	assert_int_equal(habit.n_asked, 0);
	assert_int_equal(decide(rules, 4, &habit).decision, DECISION_ALLOW);
	assert_int_equal(habit.n_asked, 1);
	budgets_free(habit.budgets);
}

static void test_has_to_wait(void **state)
{
	struct habit habit = { .wait_ns = 36 * NS_PER_SEC };
	struct budget_answer answer;

	(void)state;
	assert_int_equal(decide(&rules[0], 1, &habit).decision, DECISION_ALLOW);
	assert_int_equal(decide(&rules[2], 1, &habit).decision, DECISION_WARN);
	answer = decide(rules, 2, &habit);
	assert_int_equal(answer.decision, DECISION_DENY);
	assert_true(uuid_is_zero(&answer.reservation_id));
	assert_string_equal(answer.budgets[0].name, "b");
	assert_true(answer.budgets[0].unusual);
	assert_int_equal(answer.budgets[0].resets_ns, NOON + 36 * NS_PER_SEC);
	assert_false(answer.budgets[1].unusual);
	assert_false(answer.budgets[1].exceeded);
	budgets_free(habit.budgets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_asked),
		cmocka_unit_test(test_has_to_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
