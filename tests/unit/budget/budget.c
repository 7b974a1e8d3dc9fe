/* budget: decide, settle and charge, each case with figures by hand. Pricing cases are what went
 * wrong elsewhere, by the numbers of tests/cases.py. Random histories against a naive model:
 * model.c. */
#include "budget/budget.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/budget/make.h"

/* 2026-11-25T12:00:00Z, by date -u -d @1795608000. */
#define NOON MAKE_SEC(1795608000)

static struct budgets *start(const struct make_rule *rules, unsigned n)
{
	struct budgets *budgets;

	assert_int_equal(budgets_new(make_rules(rules, n), &budgets), 0);
	assert_int_equal(budgets_count(budgets), n);
	return budgets;
}

static struct budget_answer decide(struct budgets *budgets, const struct process *process,
				   int64_t cost_pico, int64_t now_ns)
{
	struct budget_ask ask = make_ask(process, "m", cost_pico);
	struct budget_answer answer;

	budgets_decide(budgets, &ask, now_ns, &answer);
	return answer;
}

static struct verdict charge(struct budgets *budgets, const struct process *process,
			     int64_t cost_pico, int64_t now_ns)
{
	struct charge call = make_charge(process, "m", now_ns, cost_pico);
	struct verdict verdict;

	budgets_charge(budgets, &call, now_ns, &verdict);
	return verdict;
}

static int settle(struct budgets *budgets, const struct budget_answer *answer,
		  const struct process *process, int64_t cost_pico, int64_t now_ns)
{
	struct budget_touch touches[VERDICT_BUDGETS_MAX];
	unsigned n;

	return budgets_settle(budgets, &answer->reservation_id, process, &cost_pico, now_ns,
			      touches, &n);
}

static void check(struct budgets *budgets, unsigned index, int64_t now_ns, int64_t spent,
		  int64_t reserved)
{
	struct budget_view view;

	budgets_view(budgets, index, now_ns, &view);
	assert_int_equal((int64_t)view.spent, spent);
	assert_int_equal((int64_t)view.reserved, reserved);
}

static const struct make_rule one_dollar = { .name = "a",
					     .limit = USD(1.00),
					     .mode = BUDGET_ADVISE };

/* pricing case 73: 1.00 USD, 0.90 spent, ten calls of 0.20 at once: none fits 0.10. Checked first
 * and counted later, all ten went through. */
static void test_ten_at_once(void **state)
{
	struct budgets *budgets = start(&one_dollar, 1);
	struct process process = make_process(100, "alice", "");

	(void)state;
	charge(budgets, &process, USD(0.90), NOON);
	for (int i = 0; i < 10; i++)
		assert_int_equal(decide(budgets, &process, USD(0.20), NOON).decision,
				 DECISION_DENY);
	check(budgets, 0, NOON, USD(0.90), 0);
	/* What fits exactly, goes; then nothing more does. */
	assert_int_equal(decide(budgets, &process, USD(0.10), NOON).decision, DECISION_ALLOW);
	assert_int_equal(decide(budgets, &process, 1, NOON).decision, DECISION_DENY);
	assert_int_equal(decide(budgets, &process, 0, NOON).decision, DECISION_ALLOW);
	check(budgets, 0, NOON, USD(0.90), USD(0.10));
	budgets_free(budgets);
}

/* pricing case 83: of 58, 80, 175, 175 and 175 at once under a limit of 100 all 663 were taken. */
static void test_sum_at_once(void **state)
{
	static const int64_t asks[] = { USD(58), USD(80), USD(175), USD(175), USD(175) };
	const struct make_rule rule = { .name = "a", .limit = USD(100), .mode = BUDGET_ADVISE };
	struct budgets *budgets = start(&rule, 1);
	struct process process = make_process(100, "alice", "");

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(decide(budgets, &process, asks[i], NOON).decision,
				 i == 0 ? DECISION_ALLOW : DECISION_DENY);
	check(budgets, 0, NOON, 0, USD(58));
	budgets_free(budgets);
}

/* pricing case 74: the first calls of a user that nobody has seen. */
static void test_first_ever(void **state)
{
	const struct make_rule tiny = { .name = "a", .limit = 1000, .mode = BUDGET_ADVISE };
	struct budgets *budgets = start(&tiny, 1);

	(void)state;
	for (uint32_t i = 0; i < 8; i++) {
		struct process process = make_process(1000 + i, "new", "");

		assert_int_equal(decide(budgets, &process, USD(0.000001), NOON).decision,
				 DECISION_DENY);
	}
	check(budgets, 0, NOON, 0, 0);
	budgets_free(budgets);
}

/* pricing case 75: reservations of calls that were given up must not block for ever, nor settle
 * twice. */
static void test_abandoned(void **state)
{
	struct budgets *budgets = start(&one_dollar, 1);
	struct process process = make_process(100, "alice", "");
	struct budget_answer answer;
	int64_t late = NOON + RESERVATION_TTL_NS;

	(void)state;
	for (int i = 0; i < 5; i++)
		answer = decide(budgets, &process, USD(0.20), NOON);
	assert_int_equal(answer.expires_ns, late);
	check(budgets, 0, NOON, 0, USD(1.00));
	budgets_tick(budgets, late - 1);
	check(budgets, 0, late - 1, 0, USD(1.00));
	assert_int_equal(decide(budgets, &process, 1, late - 1).decision, DECISION_DENY);
	budgets_tick(budgets, late);
	check(budgets, 0, late, 0, 0);
	assert_int_equal(counter_read(&budgets_counters(budgets)->expired), 5);

	/* A lapsed one that did spend is settled all the same, once. */
	assert_int_equal(settle(budgets, &answer, &process, USD(0.30), late), 0);
	assert_int_equal(settle(budgets, &answer, &process, USD(0.30), late), -EALREADY);
	check(budgets, 0, late, USD(0.30), 0);
	late += RESERVATION_KEEP_NS;
	assert_int_equal(settle(budgets, &answer, &process, USD(0.30), late), -ENOENT);
	budgets_free(budgets);
}

/* pricing case 77: a failed settlement leaves the reservation as it is; one that works counts. */
static void test_settle(void **state)
{
	struct budgets *budgets = start(&one_dollar, 1);
	struct process process = make_process(100, "alice", ""), other = make_process(101, "", "");
	struct budget_answer answer = decide(budgets, &process, USD(0.40), NOON);
	struct budget_touch touches[VERDICT_BUDGETS_MAX];
	struct uuid unknown = answer.reservation_id;
	int64_t amount, past = NOON - NOON % NS_PER_DAY;
	unsigned n = 99;

	(void)state;
	unknown.bytes[0] ^= 1;
	assert_int_equal(budgets_settle(budgets, &unknown, &process, NULL, NOON, touches, &n),
			 -ENOENT);
	assert_int_equal(budgets_amount(budgets, &unknown, &amount), -ENOENT);
	assert_int_equal(settle(budgets, &answer, &other, USD(0.10), NOON), -ENOENT);
	assert_int_equal(settle(budgets, &answer, &process, -1, NOON), -EINVAL);
	assert_int_equal(n, 99);
	check(budgets, 0, NOON, 0, USD(0.40));

	/* Without a figure: what was reserved. */
	assert_int_equal(
	    budgets_settle(budgets, &answer.reservation_id, &process, NULL, NOON, touches, &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(touches[0].name, "a");
	assert_int_equal(touches[0].window_start_ns, past);
	assert_true(touches[0].spent == USD(0.40));
	assert_int_equal(budgets_amount(budgets, &answer.reservation_id, &amount), 0);
	assert_int_equal(amount, USD(0.40));
	check(budgets, 0, NOON, USD(0.40), 0);
	assert_int_equal(counter_read(&budgets_counters(budgets)->settled_by_caller), 1);
	budgets_free(budgets);
}

/* The captured call settles its reservation; the caller's own figure gives way to it. */
static void test_captured(void **state)
{
	struct budgets *budgets = start(&one_dollar, 1);
	struct process process = make_process(100, "alice", "");
	struct budget_answer first = decide(budgets, &process, USD(0.40), NOON);
	struct budget_answer second = decide(budgets, &process, USD(0.50), NOON);
	int64_t later = NOON + MAKE_SEC(2);
	struct verdict verdict;

	(void)state;
	verdict = charge(budgets, &process, USD(0.35), later);
	assert_memory_equal(&verdict.decision_id, &first.decision_id, UUID_BYTES);
	assert_int_equal(verdict.budget_cost_pico, USD(0.35));
	assert_int_equal(verdict.n_budgets, 1);
	assert_true(verdict.budgets[0].spent == USD(0.35));
	check(budgets, 0, later, USD(0.35), USD(0.50));
	assert_int_equal(settle(budgets, &first, &process, USD(0.99), later), -EALREADY);

	assert_int_equal(settle(budgets, &second, &process, USD(0.60), later), 0);
	check(budgets, 0, later, USD(0.95), 0);
	verdict = charge(budgets, &process, USD(0.45), later);
	assert_memory_equal(&verdict.decision_id, &second.decision_id, UUID_BYTES);
	check(budgets, 0, later, USD(0.80), 0);
	assert_int_equal(counter_read(&budgets_counters(budgets)->late), 1);
	assert_int_equal(counter_read(&budgets_counters(budgets)->settled_by_capture), 1);

	/* A call that nobody asked for. */
	verdict = charge(budgets, &process, USD(0.45), later);
	assert_true(uuid_is_zero(&verdict.decision_id));
	check(budgets, 0, later, USD(1.25), 0);
	budgets_free(budgets);
}

/* pricing case 78: a call without a price is charged what was reserved for it, not nothing. */
static void test_unpriced_call(void **state)
{
	struct budgets *budgets = start(&one_dollar, 1);
	struct process process = make_process(100, "alice", "");
	struct budget_answer answer = decide(budgets, &process, USD(0.40), NOON);
	struct verdict verdict = charge(budgets, &process, -1, NOON + MAKE_SEC(2));

	(void)state;
	assert_memory_equal(&verdict.decision_id, &answer.decision_id, UUID_BYTES);
	assert_int_equal(verdict.charge.source, COST_UNPRICED);
	assert_int_equal(verdict.budget_cost_pico, USD(0.40));
	check(budgets, 0, NOON, USD(0.40), 0);

	/* The caller's figure stays when the captured call has no price. */
	answer = decide(budgets, &process, USD(0.10), NOON + MAKE_SEC(2));
	assert_int_equal(settle(budgets, &answer, &process, USD(0.25), NOON + MAKE_SEC(4)), 0);
	verdict = charge(budgets, &process, -1, NOON + MAKE_SEC(4));
	assert_int_equal(verdict.budget_cost_pico, USD(0.25));
	check(budgets, 0, NOON, USD(0.65), 0);

	/* Nobody asked: the budget is named, and charged nothing that is not known. */
	verdict = charge(budgets, &process, -1, NOON + MAKE_SEC(5));
	assert_int_equal(verdict.n_budgets, 1);
	assert_int_equal(verdict.budget_cost_pico, 0);
	check(budgets, 0, NOON, USD(0.65), 0);
	assert_int_equal(counter_read(&budgets_counters(budgets)->unpriced), 3);
	budgets_free(budgets);
}

/* An estimate is charged, and its sum kept apart from what is known. */
static void test_estimated_call(void **state)
{
	struct budgets *budgets = start(&one_dollar, 1);
	struct process process = make_process(100, "alice", "");
	const struct budget_counters *counters = budgets_counters(budgets);
	struct charge estimated = make_charge(&process, "m", NOON, USD(0.25));
	struct budget_touch touch;
	struct budget_view view;
	struct verdict verdict;

	(void)state;
	estimated.source = COST_ESTIMATED;
	budgets_charge(budgets, &estimated, NOON, &verdict);
	touch = verdict.budgets[0];
	assert_true(touch.estimated == USD(0.25));
	charge(budgets, &process, USD(0.5), NOON);
	charge(budgets, &process, -1, NOON);
	check(budgets, 0, NOON, USD(0.75), 0);
	assert_int_equal(counter_read(&counters->charged), 3);
	assert_int_equal(counter_read(&counters->estimated), 1);
	assert_int_equal(counter_read(&counters->estimated_pico), USD(0.25));
	assert_int_equal(counter_read(&counters->priced_pico), USD(0.5));
	budgets_view(budgets, 0, NOON, &view);
	assert_true(view.estimated == USD(0.25));
	budgets_free(budgets);
	/* As the ledger has it after the first call. */
	budgets = start(&one_dollar, 1);
	budgets_restore(budgets, &touch, NOON);
	budgets_view(budgets, 0, NOON, &view);
	assert_true(view.spent == USD(0.25) && view.estimated == USD(0.25));
	budgets_free(budgets);
}

/* pricing case 79: an unknown price is not a free call; a price of zero is one. */
static void test_unpriced_ask(void **state)
{
	const struct make_rule rules[] = {
		{ .name = "strict", .user = "alice", .limit = USD(5), .mode = BUDGET_ADVISE },
		{ .name = "loose",
		  .limit = USD(5),
		  .mode = BUDGET_ADVISE,
		  .unpriced = UNPRICED_ALLOW },
		{ .name = "watch", .user = "carol", .limit = USD(5) },
	};
	struct budgets *budgets = start(rules, 3);
	struct process alice = make_process(100, "alice", ""), bob = make_process(101, "bob", "");
	struct process carol = make_process(102, "carol", "");
	struct budget_answer answer = decide(budgets, &alice, -1, NOON);

	(void)state;
	assert_int_equal(answer.decision, DECISION_DENY);
	assert_string_equal(answer.budgets[0].name, "strict");
	assert_true(answer.budgets[0].exceeded && answer.budgets[0].unpriced);
	assert_false(answer.budgets[1].exceeded || answer.budgets[1].unpriced);
	assert_int_equal(decide(budgets, &alice, 0, NOON).decision, DECISION_ALLOW);
	answer = decide(budgets, &bob, -1, NOON);
	assert_int_equal(answer.decision, DECISION_ALLOW);
	assert_int_equal(answer.reserved_pico, 0);
	assert_false(uuid_is_zero(&answer.reservation_id));
	answer = decide(budgets, &carol, -1, NOON);
	assert_int_equal(answer.decision, DECISION_WARN);
	assert_string_equal(answer.budgets[0].name, "watch");
	assert_true(answer.budgets[0].unpriced);

	/* `allow` is for the unknown price alone: what is over is over. */
	charge(budgets, &bob, USD(5.01), NOON);
	assert_int_equal(decide(budgets, &bob, -1, NOON).decision, DECISION_DENY);
	budgets_free(budgets);
}

/* pricing case 81: 100 USD a day are spent anew at midnight UTC, at no other time. */
static void test_midnight(void **state)
{
	const struct make_rule rules[] = {
		{ .name = "day", .limit = USD(100), .mode = BUDGET_ADVISE },
		{ .name = "month", .limit = USD(250), .period = BUDGET_MONTH },
	};
	struct budgets *budgets = start(rules, 2);
	struct process process = make_process(100, "alice", "");
	int64_t midnight = NOON + MAKE_SEC(12 * 3600);
	struct budget_touch touches[VERDICT_BUDGETS_MAX];
	struct budget_answer answer;
	struct verdict verdict;
	struct charge late;

	(void)state;
	charge(budgets, &process, USD(100), NOON);
	answer = decide(budgets, &process, 1, midnight - 1);
	assert_int_equal(answer.decision, DECISION_DENY);
	assert_int_equal(answer.budgets[0].resets_ns, midnight);
	answer = decide(budgets, &process, USD(60), midnight);
	assert_int_equal(answer.decision, DECISION_ALLOW);
	assert_int_equal(answer.budgets[0].window_start_ns, midnight);
	check(budgets, 1, midnight, USD(100), USD(60));

	/* Late news of a call of the day before go there; the reservation is of no day. */
	late = make_charge(&process, "m", midnight - 1, USD(7));
	budgets_charge(budgets, &late, midnight, &verdict);
	assert_int_equal(verdict.budgets[0].window_start_ns, midnight - NS_PER_DAY);
	assert_true(verdict.budgets[0].spent == USD(107));
	check(budgets, 0, midnight, 0, USD(60));
	check(budgets, 1, midnight, USD(107), USD(60));
	/* The ledger keeps each window, so nothing is owed beside the verdict. */
	assert_int_equal(budgets_owed(budgets, touches), 0);
	verdict = charge(budgets, &process, USD(50), midnight + MAKE_SEC(3));
	assert_int_equal(verdict.budgets[0].window_start_ns, midnight);
	check(budgets, 0, midnight, USD(50), 0);
	budgets_free(budgets);
}

/* pricing case 82: a changed period counts anew at once; a changed limit keeps the spend. */
static void test_reload(void **state)
{
	struct make_rule rules[] = {
		{ .name = "kept", .limit = USD(10), .mode = BUDGET_ADVISE },
		{ .name = "shortened", .limit = USD(10), .period = BUDGET_MONTH },
		{ .name = "gone", .limit = USD(10) },
	};
	struct budget_touch touches[VERDICT_BUDGETS_MAX];
	struct budgets *budgets = start(rules, 3);
	struct process process = make_process(100, "alice", "");
	struct budget_answer answer;
	struct budget_view view;

	(void)state;
	charge(budgets, &process, USD(8), NOON);
	answer = decide(budgets, &process, USD(1), NOON);
	assert_int_equal(answer.n_budgets, 3);

	/* In another order, too. */
	rules[2] = rules[0];
	rules[2].limit = USD(9);
	rules[0] = (struct make_rule){ .name = "new", .limit = USD(1) };
	rules[1].period = BUDGET_DAY;
	assert_int_equal(budgets_reload(budgets, make_rules(rules, 3), NOON), 0);
	check(budgets, 0, NOON, 0, 0);
	check(budgets, 1, NOON, 0, USD(1));
	check(budgets, 2, NOON, USD(8), USD(1));
	/* On the first of a month both windows begin at once: it must not keep the month's. */
	assert_int_equal(budgets_owed(budgets, touches), 1);
	assert_string_equal(touches[0].name, "shortened");
	assert_true(touches[0].spent == 0);
	budgets_view(budgets, 1, NOON, &view);
	assert_int_equal(view.resets_ns, NOON + MAKE_SEC(12 * 3600));
	assert_int_equal(decide(budgets, &process, 1, NOON).decision, DECISION_DENY);

	assert_int_equal(settle(budgets, &answer, &process, USD(0.5), NOON), 0);
	check(budgets, 1, NOON, USD(0.5), 0);
	check(budgets, 2, NOON, USD(8.5), 0);

	/* A figure of before the change is not taken out of a total that never had it. */
	rules[1].period = BUDGET_MONTH;
	assert_int_equal(budgets_reload(budgets, make_rules(rules, 3), NOON), 0);
	charge(budgets, &process, USD(0.25), NOON);
	check(budgets, 1, NOON, USD(0.25), 0);
	check(budgets, 2, NOON, USD(8.25), 0);
	budgets_free(budgets);
}

/* Every budget that matches must have room; when one has not, none holds anything. */
static void test_all_or_nothing(void **state)
{
	const struct make_rule rules[] = {
		{ .name = "wide", .limit = USD(100), .mode = BUDGET_ADVISE },
		{ .name = "watch", .limit = USD(1) },
		{ .name = "label",
		  .label_key = "team",
		  .label_value = "search",
		  .limit = USD(2),
		  .mode = BUDGET_ADVISE },
		{ .name = "other", .user = "bob", .limit = USD(1), .mode = BUDGET_ADVISE },
	};
	struct budgets *budgets = start(rules, 4);
	struct process process = make_process(100, "alice", "");
	struct budget_ask ask = make_ask(&process, "m", USD(3));
	struct budget_answer answer;
	struct verdict verdict;

	(void)state;
	ask.labels = "team=search";
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_DENY);
	assert_int_equal(answer.n_budgets, 3);
	assert_true(uuid_is_zero(&answer.reservation_id));
	assert_false(uuid_is_zero(&answer.decision_id));
	for (unsigned i = 0; i < 4; i++)
		check(budgets, i, NOON, 0, 0);
	/* Both that are over are told, and first. */
	assert_string_equal(answer.budgets[0].name, "watch");
	assert_string_equal(answer.budgets[1].name, "label");
	assert_true(answer.budgets[0].exceeded && answer.budgets[1].exceeded);
	assert_false(answer.budgets[2].exceeded);

	ask.size.cost_pico = USD(1.5);
	ask.dry_run = true;
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_WARN);
	assert_true(uuid_is_zero(&answer.reservation_id));
	check(budgets, 0, NOON, 0, 0);
	ask.dry_run = false;
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_WARN);
	assert_memory_equal(&answer.reservation_id, &answer.decision_id, UUID_BYTES);
	for (unsigned i = 0; i < 3; i++)
		check(budgets, i, NOON, 0, USD(1.5));
	check(budgets, 3, NOON, 0, 0);

	/* The label was the request's, the process has none: its budget is charged all the same. */
	verdict = charge(budgets, &process, USD(1), NOON);
	assert_int_equal(verdict.n_budgets, 3);
	check(budgets, 2, NOON, USD(1), 0);
	assert_int_equal(counter_read(&budgets_counters(budgets)->allowed), 1);
	assert_int_equal(counter_read(&budgets_counters(budgets)->denied), 1);
	budgets_free(budgets);
}

/* More budgets than a verdict names: all bind, and the totals without room are owed. */
static void test_more_than_fit(void **state)
{
	enum { N = 40 };
	struct make_rule rules[N];
	char names[N][8];
	struct budget_touch touches[VERDICT_BUDGETS_MAX];
	struct process process = make_process(100, "alice", "");
	struct budget_answer answer;
	struct budgets *budgets;
	unsigned told = 0, n;

	(void)state;
	for (unsigned i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "b%u", i);
		rules[i] =
		    (struct make_rule){ .name = names[i], .limit = USD(5), .mode = BUDGET_ADVISE };
	}
	rules[N - 1].limit = USD(2);
	budgets = start(rules, N);
	answer = decide(budgets, &process, USD(3), NOON);
	assert_int_equal(answer.decision, DECISION_DENY);
	assert_int_equal(answer.n_budgets, VERDICT_BUDGETS_MAX);
	assert_int_equal(answer.n_cut, N - VERDICT_BUDGETS_MAX);
	assert_string_equal(answer.budgets[0].name, "b39");
	answer = decide(budgets, &process, USD(1), NOON);
	assert_int_equal(answer.decision, DECISION_ALLOW);
	for (unsigned i = 0; i < N; i++)
		check(budgets, i, NOON, 0, USD(1));

	assert_int_equal(budgets_owed(budgets, touches), 0);
	assert_int_equal(charge(budgets, &process, USD(1.5), NOON).n_budgets, VERDICT_BUDGETS_MAX);
	for (unsigned i = 0; i < N; i++)
		check(budgets, i, NOON, USD(1.5), 0);
	do {
		n = budgets_owed(budgets, touches);
		for (unsigned i = 0; i < n; i++)
			assert_string_equal(touches[i].name, names[16 + told++]);
	} while (n);
	assert_int_equal(told, N - VERDICT_BUDGETS_MAX);
	budgets_free(budgets);
}

static void test_restore(void **state)
{
	struct budgets *budgets = start(&one_dollar, 1);
	struct process process = make_process(100, "alice", "");
	int64_t midnight = NOON - NOON % NS_PER_DAY;
	struct budget_touch touch = { .name = "a",
				      .window_start_ns = midnight - NS_PER_DAY,
				      .spent = USD(0.70) };

	(void)state;
	budgets_restore(budgets, &touch, NOON);
	check(budgets, 0, NOON, 0, 0);
	/* Of the day before, but known: a late call adds to it. */
	assert_true(charge(budgets, &process, USD(0.10), midnight - 1).budgets[0].spent ==
		    USD(0.80));
	touch.window_start_ns = midnight;
	budgets_restore(budgets, &touch, NOON);
	check(budgets, 0, NOON, USD(0.70), 0);
	touch.spent = USD(0.99);
	touch.window_start_ns = midnight + NS_PER_DAY; /* of tomorrow */
	budgets_restore(budgets, &touch, NOON);
	touch.window_start_ns = midnight + 1; /* of no day */
	budgets_restore(budgets, &touch, NOON);
	touch.window_start_ns = midnight;
	touch.name[0] = 'b'; /* of nobody */
	budgets_restore(budgets, &touch, NOON);
	check(budgets, 0, NOON, USD(0.70), 0);
	assert_int_equal(decide(budgets, &process, USD(0.31), NOON).decision, DECISION_DENY);
	assert_int_equal(decide(budgets, &process, USD(0.30), NOON).decision, DECISION_ALLOW);
	budgets_free(budgets);
}

/* pricing case 80: a reservation that cannot be kept is a denial, and counted as one. A table that
 * is full says that it is this; it does not take another's place. */
static void test_too_many(void **state)
{
	struct budgets *budgets = start(&one_dollar, 1);
	struct process process = make_process(100, "alice", ""), other = make_process(101, "", "");
	struct budget_answer answer;

	(void)state;
	for (int i = 0; i < RESERVATIONS_PER_USER_MAX; i++)
		assert_int_equal(decide(budgets, &process, 1, NOON).decision, DECISION_ALLOW);
	answer = decide(budgets, &process, 1, NOON);
	assert_int_equal(answer.decision, DECISION_DENY);
	assert_true(answer.too_many);
	assert_int_equal(counter_read(&budgets_counters(budgets)->denied), 1);
	assert_true(uuid_is_zero(&answer.reservation_id));
	assert_int_equal(answer.reserved_pico, 0);
	answer = decide(budgets, &other, 1, NOON);
	assert_int_equal(answer.decision, DECISION_ALLOW);
	assert_false(answer.too_many);
	check(budgets, 0, NOON, 0, RESERVATIONS_PER_USER_MAX + 1);
	budgets_tick(budgets, NOON + RESERVATION_TTL_NS);
	check(budgets, 0, NOON, 0, 0);
	budgets_free(budgets);
}

/* Sums over 64 bits: 9.2 million USD of picodollars are the most of one call, not of a month. */
static void test_large_sums(void **state)
{
	const struct make_rule rule = { .name = "a", .limit = INT64_MAX, .mode = BUDGET_ADVISE };
	struct budgets *budgets = start(&rule, 1);
	struct process process = make_process(100, "alice", "");
	struct budget_view view;
	struct verdict verdict;

	(void)state;
	assert_int_equal(decide(budgets, &process, INT64_MAX, NOON).decision, DECISION_ALLOW);
	assert_int_equal(decide(budgets, &process, INT64_MAX, NOON).decision, DECISION_DENY);
	for (int i = 0; i < 10; i++)
		verdict = charge(budgets, &process, INT64_MAX, NOON + MAKE_SEC(5));
	assert_true(verdict.budgets[0].spent == (money_wide)INT64_MAX * 10);
	budgets_view(budgets, 0, NOON, &view);
	assert_true(view.spent == (money_wide)INT64_MAX * 10);
	assert_true(view.exceeded);
	budgets_free(budgets);
}

static void test_no_budgets(void **state)
{
	struct budgets *budgets = start(NULL, 0);
	struct process process = make_process(100, "alice", "");
	struct budget_answer answer = decide(budgets, &process, -1, NOON);
	struct verdict verdict;

	(void)state;
	assert_int_equal(answer.decision, DECISION_ALLOW);
	assert_int_equal(answer.n_budgets, 0);
	verdict = charge(budgets, &process, USD(1), NOON);
	assert_memory_equal(&verdict.decision_id, &answer.decision_id, UUID_BYTES);
	assert_int_equal(verdict.n_budgets, 0);
	budgets_free(budgets);
	budgets_free(NULL);
}

static void test_concern(void **state)
{
	const struct make_rule rules[] = {
		{ .name = "all", .provider = "none" },
		{ .name = "bob", .user = "bob" },
		{ .name = "python", .exe = "*/python*" },
	};
	struct budgets *budgets = start(rules, 3);
	struct process alice = make_process(100, "alice", "");

	(void)state;
	assert_true(budgets_concern(budgets, 0, &alice));
	assert_false(budgets_concern(budgets, 1, &alice));
	assert_true(budgets_concern(budgets, 2, &alice));
	budgets_free(budgets);
}

/* pricing case 83: 100 tokens a minute; 58, 80, 175, 175 and 175 at once were 663. And 100
 * requests a minute let 544 of 1,022 through. */
static void test_tokens_and_requests(void **state)
{
	static const int64_t asks[] = { 58, 80, 175, 175, 175 };
	const struct make_rule rules[] = {
		{ .name = "tokens", .counts = UNIT_TOKENS, .limit = 100, .mode = BUDGET_ADVISE },
		{ .name = "requests",
		  .counts = UNIT_REQUESTS,
		  .limit = 100,
		  .mode = BUDGET_ADVISE },
	};
	struct budgets *budgets = start(rules, 1);
	struct process process = make_process(100, "alice", "");
	struct budget_ask ask = make_ask(&process, "m", -1);
	struct budget_answer answer;
	unsigned allowed = 0;

	(void)state;
	/* No price is needed where money is not counted. */
	for (int i = 0; i < 5; i++) {
		ask.size.input_tokens = asks[i] - 8;
		ask.size.output_tokens = 8;
		budgets_decide(budgets, &ask, NOON, &answer);
		assert_int_equal(answer.decision, i == 0 ? DECISION_ALLOW : DECISION_DENY);
		assert_true(answer.budgets[0].asked == asks[i]);
	}
	check(budgets, 0, NOON, 0, 58);
	budgets_free(budgets);

	budgets = start(&rules[1], 1);
	for (int i = 0; i < 1022; i++)
		allowed += decide(budgets, &process, 0, NOON).decision == DECISION_ALLOW;
	assert_int_equal(allowed, 100);
	check(budgets, 0, NOON, 0, 100);
	budgets_free(budgets);
}

/* pricing case 86: 30 calls of 150 tokens are 4,500 tokens, not 30; and a window adds up, it
 * does not refill. */
static void test_tokens_add_up(void **state)
{
	const struct make_rule rule = {
		.name = "a", .counts = UNIT_TOKENS, .limit = 4500, .mode = BUDGET_ADVISE
	};
	struct budgets *budgets = start(&rule, 1);
	struct process process = make_process(100, "alice", "");
	struct charge call = make_charge(&process, "m", NOON, -1);
	struct budget_ask ask = make_ask(&process, "m", 0);
	struct budget_answer answer;
	struct verdict verdict;

	(void)state;
	call.usage.present =
	    USAGE_BIT(USAGE_INPUT) | USAGE_BIT(USAGE_OUTPUT_REASONING) | USAGE_BIT(USAGE_REQUESTS);
	call.usage.counts[USAGE_INPUT] = 100;
	call.usage.counts[USAGE_OUTPUT_REASONING] = 50;
	call.usage.counts[USAGE_REQUESTS] = 1000;
	for (int i = 0; i < 30; i++)
		budgets_charge(budgets, &call, NOON + MAKE_SEC(600 * i), &verdict);
	check(budgets, 0, NOON + MAKE_SEC(18000), 4500, 0);
	assert_int_equal(verdict.budgets[0].unit, UNIT_TOKENS);
	assert_true(verdict.budgets[0].spent == 4500);
	ask.size.input_tokens = 1;
	budgets_decide(budgets, &ask, NOON + MAKE_SEC(18000), &answer);
	assert_int_equal(answer.decision, DECISION_DENY);
	budgets_free(budgets);
}

/* What was done besides an answer costs and takes tokens, but is no request of its own, nor the
 * call that a reservation waits for. */
static void test_besides(void **state)
{
	const struct make_rule rules[] = {
		{ .name = "a", .counts = UNIT_USD, .limit = USD(1), .mode = BUDGET_ADVISE },
		{ .name = "tokens", .counts = UNIT_TOKENS, .limit = 1000, .mode = BUDGET_ADVISE },
		{ .name = "requests", .counts = UNIT_REQUESTS, .limit = 9, .mode = BUDGET_ADVISE },
	};
	struct budgets *budgets = start(rules, 3);
	struct process process = make_process(100, "alice", "");
	struct budget_answer answer = decide(budgets, &process, USD(0.40), NOON);
	struct charge call = make_charge(&process, "m", NOON + MAKE_SEC(1), USD(0.10));
	struct verdict verdict;

	(void)state;
	call.usage.present = USAGE_BIT(USAGE_INPUT);
	call.usage.counts[USAGE_INPUT] = 50;
	call.usage.beside = true;
	budgets_charge(budgets, &call, NOON + MAKE_SEC(1), &verdict);
	assert_true(uuid_is_zero(&verdict.decision_id));
	check(budgets, 0, NOON + MAKE_SEC(1), USD(0.10), USD(0.40));
	assert_true(verdict.budgets[1].spent == 50);
	assert_true(verdict.budgets[2].spent == 0);

	call.usage.beside = false;
	budgets_charge(budgets, &call, NOON + MAKE_SEC(1), &verdict);
	assert_memory_equal(&verdict.decision_id, &answer.decision_id, UUID_BYTES);
	assert_true(verdict.budgets[2].spent == 1);
	budgets_free(budgets);
}

/* What the wire does not tell is what was asked for, once; bytes are always told. */
static void test_counts_not_told(void **state)
{
	const struct make_rule rules[] = {
		{ .name = "tokens", .counts = UNIT_TOKENS, .limit = 1000, .mode = BUDGET_ADVISE },
		{ .name = "bytes", .counts = UNIT_BYTES, .limit = 1000, .mode = BUDGET_ADVISE },
		{ .name = "images",
		  .counts = UNIT_BUCKET + USAGE_IMAGES,
		  .limit = 1000,
		  .mode = BUDGET_ADVISE },
	};
	struct budgets *budgets = start(rules, 3);
	struct process process = make_process(100, "alice", "");
	struct charge call = make_charge(&process, "m", NOON, 5);
	struct budget_ask ask = make_ask(&process, "m", 5);
	struct budget_answer answer;
	struct verdict verdict;

	(void)state;
	ask.size.input_tokens = 30;
	ask.size.output_tokens = 12;
	budgets_decide(budgets, &ask, NOON, &answer);
	check(budgets, 0, NOON, 0, 42);
	check(budgets, 1, NOON, 0, 1);
	check(budgets, 2, NOON, 0, 1);
	call.usage.doubt = USAGE_DOUBT_UNPARSED;
	call.usage.request_bytes = 300;
	call.usage.response_bytes = 44;
	budgets_charge(budgets, &call, NOON, &verdict);
	check(budgets, 0, NOON, 42, 0);
	check(budgets, 1, NOON, 344, 0);
	check(budgets, 2, NOON, 1, 0);
	budgets_charge(budgets, &call, NOON, &verdict);
	check(budgets, 0, NOON, 42, 0);
	check(budgets, 1, NOON, 688, 0);
	/* A whole answer without images has none. */
	call.usage.doubt = USAGE_DOUBT_NONE;
	budgets_charge(budgets, &call, NOON, &verdict);
	check(budgets, 2, NOON, 1, 0);
	budgets_free(budgets);
}

/* Stopped and started again, the rules changed in between: from the rows of the ledger. A row of
 * its own kind counts as it stands, others by what they overlap, those of another unit never. */
static void test_restored_after_change(void **state)
{
	const struct make_rule rule = {
		.name = "a", .limit = USD(100), .period = BUDGET_MONTH, .mode = BUDGET_ADVISE
	};
	/* 2026-11-20 and -21, October; NOON is 2026-11-25. */
	int64_t midnight = NOON - MAKE_SEC(43200), day = MAKE_SEC(86400);
	struct budget_touch rows[] = {
		{ "a", UNIT_USD, midnight - 26 * day, midnight - 25 * day, USD(50), 0, 0, 0 },
		{ "a", UNIT_USD, midnight - 5 * day, midnight - 4 * day, USD(2), 0, 0, 0 },
		{ "a", UNIT_USD, midnight - 4 * day, midnight - 3 * day, USD(3), 0, 0, 0 },
		{ "a", UNIT_TOKENS, midnight - 3 * day, midnight - 2 * day, 1000, 0, 0, 0 },
	};
	struct budgets *budgets = start(&rule, 1);
	struct budget_touch owed[VERDICT_BUDGETS_MAX];

	(void)state;
	for (int i = 0; i < 4; i++)
		budgets_restore(budgets, &rows[i], NOON);
	check(budgets, 0, NOON, USD(5), 0);
	assert_int_equal(budgets_owed(budgets, owed), 1);
	assert_int_equal(owed[0].window_start_ns, midnight - 24 * day);
	assert_int_equal(owed[0].window_end_ns, midnight + 6 * day);
	budgets_free(budgets);

	budgets = start(&rule, 1);
	budgets_restore(budgets, &owed[0], NOON);
	for (int i = 0; i < 4; i++)
		budgets_restore(budgets, &rows[i], NOON);
	check(budgets, 0, NOON, USD(5), 0);
	budgets_free(budgets);
}

/* 1 USD and 5 % of it for what is essential, to the picodollar. */
static void test_grace(void **state)
{
	struct make_rule rule = one_dollar;
	struct budgets *budgets;
	struct process process = make_process(100, "alice", ""), bob = make_process(101, "bob", "");
	struct budget_ask ask = make_ask(&process, "m", USD(1.05) + 1);
	struct budget_answer answer;

	(void)state;
	rule.grace_permyriad = 500;
	rule.essential = "al*";
	budgets = start(&rule, 1);
	ask.essential = true;
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_DENY);
	ask.size.cost_pico--;
	ask.essential = false;
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_DENY);
	ask.essential = true;
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_ALLOW);
	check(budgets, 0, NOON, 0, USD(1.05));
	budgets_free(budgets);

	/* Whom the budget does not name says it in vain, but for those who see all. */
	budgets = start(&rule, 1);
	ask.process = &bob;
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_DENY);
	ask.trusted = true;
	ask.essential = false;
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_DENY);
	ask.essential = true;
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_ALLOW);
	budgets_free(budgets);
}

/* pricing cases 78 and 79: unknown is not free. At 15 USD a million tokens, 1,000 tokens are
 * 0.015; what was captured counts by its own tokens, and what tells none by what was reserved. */
static void test_ceiling(void **state)
{
	const struct make_rule rule = { .name = "a",
					.limit = USD(1.00),
					.mode = BUDGET_ADVISE,
					.unpriced = UNPRICED_CEILING,
					.ceiling_pico = USD(15) };
	struct budgets *budgets = start(&rule, 1);
	struct process process = make_process(100, "alice", "");
	struct charge call = make_charge(&process, "m", NOON, -1);
	struct budget_ask ask = make_ask(&process, "m", -1);
	struct budget_answer answer;
	struct verdict verdict;

	(void)state;
	ask.size.input_tokens = 900;
	ask.size.output_tokens = 100;
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_ALLOW);
	check(budgets, 0, NOON, 0, USD(0.015));
	call.usage.doubt = USAGE_DOUBT_NO_USAGE;
	budgets_charge(budgets, &call, NOON, &verdict);
	check(budgets, 0, NOON, USD(0.015), 0);
	/* 3 tokens are 45 microdollars; the one of 1 token rounds up. */
	call.usage.doubt = USAGE_DOUBT_NONE;
	call.usage.present = USAGE_BIT(USAGE_OUTPUT);
	call.usage.counts[USAGE_OUTPUT] = 3;
	budgets_charge(budgets, &call, NOON, &verdict);
	check(budgets, 0, NOON, USD(0.015045), 0);
	/* 66,667 tokens are 1.000005 USD. */
	ask.size.input_tokens = 66567;
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_DENY);
	budgets_free(budgets);
}

/* pricing case 75: holds that nobody lets go pin a budget. A lease is renewed by its own
 * process alone, and what is let go is free at once, requests too. */
static void test_renewed_and_released(void **state)
{
	const struct make_rule rules[] = {
		{ .name = "a", .limit = USD(1.00), .mode = BUDGET_ADVISE },
		{ .name = "n", .counts = UNIT_REQUESTS, .limit = 1, .mode = BUDGET_ADVISE },
	};
	struct budgets *budgets = start(rules, 2);
	struct process process = make_process(100, "alice", ""),
		       other = make_process(101, "bob", "");
	struct budget_answer first = decide(budgets, &process, USD(0.60), NOON), second;
	int64_t later = NOON + RESERVATION_TTL_NS - 1, expires = 0;

	(void)state;
	assert_int_equal(decide(budgets, &process, USD(0.10), NOON).decision, DECISION_DENY);
	assert_int_equal(budgets_renew(budgets, &first.reservation_id, &other, later, &expires),
			 -ENOENT);
	assert_int_equal(budgets_renew(budgets, &first.reservation_id, &process, later, &expires),
			 0);
	assert_int_equal(expires, later + RESERVATION_TTL_NS);
	check(budgets, 0, expires - 1, 0, USD(0.60));
	check(budgets, 0, expires, 0, 0);
	assert_int_equal(budgets_renew(budgets, &first.reservation_id, &process, expires, &expires),
			 -EALREADY);

	second = decide(budgets, &process, USD(0.70), expires);
	assert_int_equal(second.decision, DECISION_ALLOW);
	assert_int_equal(budgets_release(budgets, &second.reservation_id, &other, expires),
			 -ENOENT);
	assert_int_equal(budgets_release(budgets, &second.reservation_id, &process, expires), 0);
	assert_int_equal(budgets_release(budgets, &second.reservation_id, &process, expires),
			 -EALREADY);
	check(budgets, 0, expires, 0, 0);
	check(budgets, 1, expires, 0, 0);
	/* It was made after all. */
	charge(budgets, &process, USD(0.20), expires + MAKE_SEC(2));
	check(budgets, 0, expires + MAKE_SEC(2), USD(0.20), 0);
	check(budgets, 1, expires + MAKE_SEC(2), 1, 0);
	budgets_free(budgets);
}

static unsigned alerts(struct budgets *budgets, unsigned *ret_first)
{
	struct budget_alert told[BUDGET_ALERTS_MAX];
	unsigned n = budgets_alerts(budgets, told);

	*ret_first = n ? told[0].percent : 0;
	return n;
}

/* Each level once a window, on integers, also after a restart; under a limit that was raised again,
 * in the next window again. */
static void test_thresholds(void **state)
{
	struct make_rule rule = {
		.name = "a", .limit = USD(1.00), .period = BUDGET_MONTH, .thresholds = true
	};
	struct process process = make_process(100, "alice", "");
	struct budgets *budgets = start(&rule, 1);
	struct budget_touch touches[VERDICT_BUDGETS_MAX];
	unsigned first;

	(void)state;
	charge(budgets, &process, USD(0.80) - 1, NOON);
	assert_int_equal(alerts(budgets, &first), 0);
	charge(budgets, &process, 1, NOON);
	assert_int_equal(alerts(budgets, &first), 1);
	assert_int_equal(first, 80);
	charge(budgets, &process, 1, NOON);
	assert_int_equal(alerts(budgets, &first), 0);
	assert_int_equal(budgets_owed(budgets, touches), 0);
	budgets_free(budgets);

	touches[0] = (struct budget_touch){ "a",
					    UNIT_USD,
					    NOON - MAKE_SEC(24 * 86400 + 43200),
					    NOON + MAKE_SEC(5 * 86400 + 43200),
					    USD(0.80),
					    0,
					    80,
					    0 };
	budgets = start(&rule, 1);
	budgets_restore(budgets, &touches[0], NOON);
	charge(budgets, &process, USD(0.10), NOON);
	assert_int_equal(alerts(budgets, &first), 0);
	charge(budgets, &process, USD(5), NOON);
	assert_int_equal(alerts(budgets, &first), 1);
	assert_int_equal(first, 100);
	assert_int_equal(budgets_owed(budgets, touches), 1);
	assert_int_equal(touches[0].fired_percent, 100);
	rule.limit = USD(10);
	assert_int_equal(budgets_reload(budgets, make_rules(&rule, 1), NOON), 0);
	assert_int_equal(alerts(budgets, &first), 0);
	charge(budgets, &process, USD(2.10), NOON);
	assert_int_equal(alerts(budgets, &first), 1);
	assert_int_equal(first, 80);
	/* December; both at once. */
	charge(budgets, &process, USD(12), NOON + MAKE_SEC(7 * 86400));
	assert_int_equal(alerts(budgets, &first), 2);
	assert_int_equal(first, 80);
	budgets_free(budgets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thresholds),
		cmocka_unit_test(test_grace),
		cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_renewed_and_released),
		cmocka_unit_test(test_tokens_and_requests),
		cmocka_unit_test(test_tokens_add_up),
		cmocka_unit_test(test_besides),
		cmocka_unit_test(test_counts_not_told),
		cmocka_unit_test(test_restored_after_change),
		cmocka_unit_test(test_ten_at_once),
		cmocka_unit_test(test_sum_at_once),
		cmocka_unit_test(test_first_ever),
		cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_settle),
		cmocka_unit_test(test_captured),
		cmocka_unit_test(test_unpriced_call),
		cmocka_unit_test(test_estimated_call),
		cmocka_unit_test(test_unpriced_ask),
		cmocka_unit_test(test_midnight),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_more_than_fit),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_large_sums),
		cmocka_unit_test(test_no_budgets),
		cmocka_unit_test(test_concern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
