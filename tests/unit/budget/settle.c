/* budget/settle: whose reservation a captured call ends. Three budgets: all calls, those of team a,
 * those of team b; the labels are of the questions, so that the calls themselves carry none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "budget/budget.h"
#include "tests/unit/budget/make.h"

/* 2026-11-25T12:00:00Z, by date -u -d @1795608000. */
#define NOON MAKE_SEC(1795608000)

/* pid 100 and 107 are of one user, 101 is of another. */
struct world {
	struct budgets *budgets;
	struct process process;
	int64_t now_ns;
	struct uuid a, b; /* 0.10 USD reserved by team a, then 0.20 by team b */
};

static struct uuid decide(struct world *world, const char *labels, int64_t cost_pico)
{
	struct budget_ask ask = make_ask(&world->process, "m", cost_pico);
	struct budget_answer answer;

	ask.labels = labels;
	budgets_decide(world->budgets, &ask, world->now_ns, &answer);
	assert_int_equal(answer.decision, DECISION_ALLOW);
	return answer.reservation_id;
}

static struct world start(void)
{
	static const struct make_rule rules[] = {
		{ .name = "all", .limit = USD(9) },
		{ .name = "a", .limit = USD(9), .label_key = "team", .label_value = "a" },
		{ .name = "b", .limit = USD(9), .label_key = "team", .label_value = "b" },
	};
	struct world world = { .process = make_process(100, "alice", ""), .now_ns = NOON };

	assert_int_equal(budgets_new(make_rules(rules, 3), &world.budgets), 0);
	world.a = decide(&world, "team=a", USD(0.10));
	world.b = decide(&world, "team=b", USD(0.20));
	world.now_ns += MAKE_SEC(3);
	return world;
}

/* A call by pid, with a token or none, checked for how it was matched and with whom. */
static void call(struct world *world, uint32_t pid, const struct uuid *token, int64_t cost_pico,
		 enum correlation how, const struct uuid *decision)
{
	static const struct uuid none;
	struct process process = make_process(pid, "", "");
	struct charge charge = make_charge(&process, "m", world->now_ns, cost_pico);
	struct verdict verdict;

	if (token)
		charge.usage.reservation = *token;
	budgets_charge(world->budgets, &charge, world->now_ns, &verdict);
	assert_int_equal(verdict.correlation, how);
	assert_memory_equal(&verdict.decision_id, decision ? decision : &none, UUID_BYTES);
}

static void check(struct world *world, const int64_t spent[3], const int64_t reserved[3])
{
	for (unsigned i = 0; i < 3; i++) {
		struct budget_view view;

		budgets_view(world->budgets, i, world->now_ns, &view);
		assert_int_equal((int64_t)view.spent, spent[i]);
		assert_int_equal((int64_t)view.reserved, reserved[i]);
	}
}

#define CHECK(world, s0, s1, s2, r0, r1, r2)                                                       \
	check(world, (int64_t[]){ USD(s0), USD(s1), USD(s2) },                                     \
	      (int64_t[]){ USD(r0), USD(r1), USD(r2) })

static void test_ambiguous(void **state)
{
	struct world world = start();

	(void)state;
	CHECK(&world, 0, 0, 0, 0.30, 0.10, 0.20);
	/* Of team a or of team b: neither is charged, nothing is let go. */
	call(&world, 100, NULL, USD(0.05), CORRELATION_AMBIGUOUS, NULL);
	CHECK(&world, 0.05, 0, 0, 0.30, 0.10, 0.20);
	assert_int_equal(counter_read(&budgets_counters(world.budgets)->ambiguous), 1);
	/* Two of one team are as good as each other: the oldest. */
	assert_int_equal(budgets_release(world.budgets, &world.a, &world.process, world.now_ns), 0);
	decide(&world, "team=b", USD(0.40));
	call(&world, 100, NULL, USD(0.01), CORRELATION_ORDER, &world.b);
	CHECK(&world, 0.06, 0, 0.01, 0.40, 0, 0.40);
	budgets_free(world.budgets);
}

/* What is open comes before what was let go, which a call may claim all the same. */
static void test_lapsed(void **state)
{
	struct world world = start();

	(void)state;
	assert_int_equal(budgets_release(world.budgets, &world.a, &world.process, world.now_ns), 0);
	call(&world, 100, NULL, USD(0.02), CORRELATION_ORDER, &world.b);
	call(&world, 100, NULL, USD(0.03), CORRELATION_ORDER, &world.a);
	call(&world, 100, NULL, USD(0.04), CORRELATION_NONE, NULL);
	CHECK(&world, 0.09, 0.03, 0.02, 0, 0, 0);
	budgets_free(world.budgets);
}

static void test_token(void **state)
{
	struct world world = start();

	(void)state;
	/* The later one first, by a child of the process that asked. */
	call(&world, 107, &world.b, USD(0.07), CORRELATION_TOKEN, &world.b);
	CHECK(&world, 0.07, 0, 0.07, 0.10, 0.10, 0);
	/* Tried again under the same token: charged where it belongs, and ends nothing more. */
	call(&world, 107, &world.b, USD(0.02), CORRELATION_TOKEN, &world.b);
	CHECK(&world, 0.09, 0, 0.09, 0.10, 0.10, 0);
	call(&world, 100, NULL, USD(0.01), CORRELATION_ORDER, &world.a);
	CHECK(&world, 0.10, 0.01, 0.09, 0, 0, 0);
	budgets_free(world.budgets);
}

/* It takes nothing of another user, of another provider, or instead of what it does not find. */
static void test_bad_token(void **state)
{
	struct world world = start();
	struct process process = make_process(100, "", "");
	struct charge charge = make_charge(&process, "m", world.now_ns, USD(0.04));
	struct uuid unknown = { { 1 } };
	struct verdict verdict;

	(void)state;
	call(&world, 101, &world.a, USD(0.01), CORRELATION_BAD_TOKEN, NULL);
	call(&world, 100, &unknown, USD(0.02), CORRELATION_BAD_TOKEN, NULL);
	span_copy(SPAN("anthropic"), charge.usage.provider, sizeof(charge.usage.provider));
	charge.usage.reservation = world.a;
	budgets_charge(world.budgets, &charge, world.now_ns, &verdict);
	assert_int_equal(verdict.correlation, CORRELATION_BAD_TOKEN);
	CHECK(&world, 0.07, 0, 0, 0.30, 0.10, 0.20);
	assert_int_equal(counter_read(&budgets_counters(world.budgets)->bad_tokens), 3);
	budgets_free(world.budgets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ambiguous),
		cmocka_unit_test(test_lapsed),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_bad_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
