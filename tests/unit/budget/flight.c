/* The bound on what callers that never ask can take: arithmetic by hand on calls in flight. */
#include "budget/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "budget/override.h"
#include "budget/stop.h"
#include "tests/unit/budget/make.h"

#define NOON MAKE_SEC(1795608000)

static struct budgets *start(const struct make_rule *rules, unsigned n)
{
	struct budgets *budgets;

	assert_int_equal(budgets_new(make_rules(rules, n), &budgets), 0);
	return budgets;
}

static struct budget_flight flight(uint64_t call, const char *user, int64_t at_ns)
{
	struct budget_flight said = {
		.call = call,
		.bounded = true,
		.sent_ns = at_ns,
		.process = make_process(7, user, ""),
		.most = { .priced = true, .cost_pico = 5, .input_tokens = 20, .output_tokens = 3 },
	};

	span_copy(SPAN("openai"), said.provider, sizeof(said.provider));
	return said;
}

static void send(struct budgets *budgets, uint64_t call, const char *user, int64_t at_ns)
{
	struct budget_flight said = flight(call, user, at_ns);

	flight_take(budgets, &said);
}

static void land(struct budgets *budgets, uint64_t call)
{
	flight_take(budgets, &(struct budget_flight){ .call = call, .ended = true });
}

static void check(struct budgets *budgets, unsigned index, int64_t most, unsigned in_flight,
		  unsigned more)
{
	struct budget_bound bound;

	flight_bound(budgets, index, &bound);
	assert_null(bound.unknown);
	assert_int_equal((int64_t)bound.most, most);
	assert_int_equal(bound.in_flight, in_flight);
	assert_int_equal(bound.more, more);
	assert_int_equal(bound.delay_ns, FLIGHT_DELAY_NS);
}

static void check_unknown(struct budgets *budgets, unsigned index, const char *why)
{
	struct budget_bound bound;

	flight_bound(budgets, index, &bound);
	assert_non_null(bound.unknown);
	assert_non_null(strstr(bound.unknown, why));
}

static const struct make_rule rules[] = {
	{ .name = "usd", .limit = USD(1), .mode = BUDGET_CUT },
	{ .name = "tokens", .limit = 100, .counts = UNIT_TOKENS, .mode = BUDGET_HOLD },
	{ .name = "eve", .user = "eve", .limit = USD(1), .mode = BUDGET_CUT },
	{ .name = "advises", .limit = USD(1), .mode = BUDGET_ADVISE },
};

/* In flight two calls of 5 and 23 tokens; two began within 40 ms, so two more may. */
static void test_bound(void **state)
{
	struct budgets *budgets = start(rules, 4);

	(void)state;
	check_unknown(budgets, 0, "no call");
	check_unknown(budgets, 3, "mode");
	send(budgets, 1, "ann", NOON);
	check(budgets, 0, 5 + 5, 1, 1);
	send(budgets, 2, "eve", NOON + 19 * 1000000);
	check(budgets, 0, 10 + 2 * 5, 2, 2);
	check(budgets, 1, 46 + 2 * 23, 2, 2);
	check(budgets, 2, 5 + 5, 1, 1);
	/* Long after: what was seen once may come again. */
	land(budgets, 1);
	land(budgets, 2);
	land(budgets, 2);
	send(budgets, 3, "ann", NOON + MAKE_SEC(1));
	check(budgets, 0, 5 + 2 * 5, 1, 2);
	check(budgets, 2, 0 + 5, 0, 1);
	budgets_free(budgets);
}

/* What one call does not say is not taken for nothing, also when it has ended. */
static void test_unknown(void **state)
{
	struct budgets *budgets = start(rules, 4);
	struct budget_flight mute = flight(1, "eve", NOON);

	(void)state;
	mute.bounded = mute.most.priced = false;
	flight_take(budgets, &mute);
	for (unsigned i = 0; i < 3; i++)
		check_unknown(budgets, i, "do not say");
	land(budgets, 1);
	check_unknown(budgets, 0, "do not say");
	budgets_free(budgets);
}

static void test_requests_are_always_known(void **state)
{
	static const struct make_rule rule = {
		.name = "n", .limit = 9, .counts = UNIT_REQUESTS, .mode = BUDGET_CUT
	};
	struct budgets *budgets = start(&rule, 1);
	struct budget_flight mute = flight(1, "eve", NOON);

	(void)state;
	mute.bounded = mute.most.priced = false;
	flight_take(budgets, &mute);
	check(budgets, 0, 1 + 1, 1, 1);
	budgets_free(budgets);
}

/* By name: what is in flight, what was seen, and where it belongs now. */
static void test_reload(void **state)
{
	struct budgets *budgets = start(rules, 4);
	struct make_rule other[] = { rules[2], rules[0] };

	(void)state;
	send(budgets, 1, "eve", NOON);
	send(budgets, 2, "eve", NOON);
	land(budgets, 2);
	other[0].user = "bob";
	assert_int_equal(budgets_reload(budgets, make_rules(other, 2), NOON), 0);
	check(budgets, 0, 0 + 2 * 5, 0, 2);
	check(budgets, 1, 5 + 2 * 5, 1, 2);
	land(budgets, 1);
	check(budgets, 1, 0 + 2 * 5, 0, 2);
	budgets_free(budgets);
}

static void test_bounded(void **state)
{
	struct budgets *budgets = start(rules, 1);

	(void)state;
	for (uint64_t call = 1; call <= FLIGHTS_MAX; call++)
		send(budgets, call, "ann", NOON + MAKE_SEC((int64_t)call));
	check(budgets, 0, FLIGHTS_MAX * 5 + 5, FLIGHTS_MAX, 1);
	send(budgets, FLIGHTS_MAX + 1, "ann", NOON);
	check_unknown(budgets, 0, "more calls");
	for (uint64_t call = 1; call <= FLIGHTS_MAX; call++)
		land(budgets, call);
	check(budgets, 0, 0 + 5, 0, 1);
	budgets_free(budgets);
}

/* An order that came later than is promised makes the bound wider: 45 ms are three slots. */
static void test_late_order(void **state)
{
	struct budgets *budgets = start(rules, 1);
	struct process process = make_process(7, "ann", "");
	struct charge call = make_charge(&process, "m", NOON, USD(2));
	struct stop_action action;
	struct budget_bound bound;
	struct verdict verdict;

	(void)state;
	send(budgets, 1, "ann", NOON);
	budgets_charge(budgets, &call, NOON + 45000000, &verdict);
	assert_true(stop_due(budgets, 0, NOON + 45000000, &action));
	stop_done(budgets, &action);
	flight_bound(budgets, 0, &bound);
	assert_int_equal(bound.delay_ns, 45000000);
	assert_int_equal(bound.more, 3);
	assert_int_equal((int64_t)bound.most, 5 + 3 * 5);
	budgets_free(budgets);
}

/* A person's cut stops who does not ask, so it has a bound. */
static void test_forced(void **state)
{
	struct budgets *budgets = start(rules, 4);
	struct budget_override word = { .budget = "advises",
					.action = OVERRIDE_CUT,
					.time_ns = NOON };

	(void)state;
	send(budgets, 1, "ann", NOON);
	check_unknown(budgets, 3, "mode");
	assert_int_equal(override_obey(budgets, &word), 0);
	check(budgets, 3, 5 + 5, 1, 1);
	budgets_free(budgets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bound),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_requests_are_always_known),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_late_order),
		cmocka_unit_test(test_forced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
