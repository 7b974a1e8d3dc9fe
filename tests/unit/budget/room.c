/* What a budget may use: what windows leave to the next one, and what persons add or forbid. */
#include "budget/budget.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "budget/override.h"
#include "budget/stop.h"
#include "budget/window.h"
#include "tests/unit/budget/make.h"

/* 2026-11-25T12:00:00Z, by date -u -d @1795608000. */
#define NOON MAKE_SEC(1795608000)
#define DAY  NS_PER_DAY

static const struct make_rule ten_a_day = { .name = "a",
					    .limit = USD(10),
					    .mode = BUDGET_ADVISE,
					    .rollover_permyriad = 5000,
					    .thresholds = true };

struct world {
	struct budgets *budgets;
	struct process process;
	struct budget_touch ledger[64]; /* the last of each window, as they came */
	unsigned n_touches;
};

static void begin(struct world *w, const struct make_rule *rule)
{
	*w = (struct world){ .process = make_process(100, "ann", "") };
	assert_int_equal(budgets_new(make_rules(rule, 1), &w->budgets), 0);
}

static void keep(struct world *w, const struct budget_touch *touch)
{
	unsigned at = 0;

	while (at < w->n_touches && w->ledger[at].window_start_ns != touch->window_start_ns)
		at++;
	assert_true(at < 64);
	w->ledger[at] = *touch;
	w->n_touches += at == w->n_touches;
}

static void use(struct world *w, int64_t cost_pico, int64_t end_ns, int64_t now_ns)
{
	struct charge call = make_charge(&w->process, "m", end_ns, cost_pico);
	struct budget_touch owed[VERDICT_BUDGETS_MAX];
	struct verdict verdict;
	unsigned n;

	budgets_charge(w->budgets, &call, now_ns, &verdict);
	assert_int_equal(verdict.n_budgets, 1);
	keep(w, &verdict.budgets[0]);
	n = budgets_owed(w->budgets, owed);
	for (unsigned i = 0; i < n; i++)
		keep(w, &owed[i]);
}

static struct budget_view view(struct world *w, int64_t now_ns)
{
	struct budget_view view;

	budgets_view(w->budgets, 0, now_ns, &view);
	return view;
}

#define assert_limit(w, now_ns, usd) assert_true(view(w, now_ns).limit == USD(usd))

static enum decision decide(struct world *w, int64_t cost_pico, int64_t now_ns)
{
	struct budget_ask ask = make_ask(&w->process, "m", cost_pico);
	struct budget_answer answer;

	ask.dry_run = true;
	budgets_decide(w->budgets, &ask, now_ns, &answer);
	return answer.decision;
}

static void reload(struct world *w, const struct make_rule *rule, int64_t now_ns)
{
	assert_int_equal(budgets_reload(w->budgets, make_rules(rule, 1), now_ns), 0);
}

/* Ten a day, of which five may be left to the next one. */
static void test_a_window_leaves_its_rest(void **state)
{
	struct world w;

	(void)state;
	begin(&w, &ten_a_day);
	assert_limit(&w, NOON, 10);
	use(&w, USD(4), NOON, NOON);
	/* 10 - 4 is over the cap: 5. 15 - 12 = 3, and 1 that comes late: 2. */
	assert_limit(&w, NOON + DAY, 15);
	assert_int_equal(decide(&w, USD(15), NOON + DAY), DECISION_ALLOW);
	assert_int_equal(decide(&w, USD(15) + 1, NOON + DAY), DECISION_DENY);
	use(&w, USD(12), NOON + DAY, NOON + DAY);
	assert_limit(&w, NOON + 2 * DAY, 13);
	use(&w, USD(1), NOON + DAY, NOON + 2 * DAY);
	assert_limit(&w, NOON + 2 * DAY, 12);
	assert_true(view(&w, NOON + 2 * DAY).carried == USD(2));
	/* More than all of it: nothing, and no debt either. */
	use(&w, USD(40), NOON + 2 * DAY, NOON + 2 * DAY);
	assert_limit(&w, NOON + 3 * DAY, 10);
	use(&w, USD(8), NOON + 3 * DAY, NOON + 3 * DAY);
	/* 2 of that day, 12 of the idle one after it: 5. */
	assert_limit(&w, NOON + 5 * DAY, 15);
	budgets_free(w.budgets);
}

/* With a cap of three days each idle one adds ten. */
static void test_idle_windows_add_up_to_the_cap(void **state)
{
	struct make_rule rule = ten_a_day;
	struct world w;

	(void)state;
	rule.rollover_permyriad = 30000;
	begin(&w, &rule);
	use(&w, USD(4), NOON, NOON);
	assert_limit(&w, NOON + 1 * DAY, 16);
	assert_limit(&w, NOON + 2 * DAY, 26);
	assert_limit(&w, NOON + 3 * DAY, 36);
	assert_limit(&w, NOON + 4 * DAY, 40);
	assert_limit(&w, NOON + 400 * DAY, 40);
	budgets_free(w.budgets);
	/* Nobody looked in between. */
	begin(&w, &rule);
	use(&w, USD(4), NOON, NOON);
	assert_limit(&w, NOON + 3 * DAY, 36);
	budgets_free(w.budgets);
}

/* The clock goes back a day and comes again. */
static void test_a_clock_set_back_takes_nothing(void **state)
{
	struct world w;

	(void)state;
	begin(&w, &ten_a_day);
	use(&w, USD(4), NOON, NOON);
	use(&w, USD(3), NOON + DAY, NOON + DAY);
	assert_limit(&w, NOON, 10);
	assert_true(view(&w, NOON).spent == USD(4));
	assert_limit(&w, NOON + DAY, 15);
	assert_true(view(&w, NOON + DAY).spent == USD(3));
	/* Back, 3 more of the first day: 10 - 7. */
	use(&w, USD(3), NOON, NOON);
	assert_limit(&w, NOON + DAY, 13);
	budgets_free(w.budgets);
}

static void test_a_restart_carries_the_same(void **state)
{
	struct make_rule rule = ten_a_day;
	struct world w;

	(void)state;
	begin(&w, &rule);
	use(&w, USD(8), NOON, NOON);
	use(&w, USD(9), NOON + DAY, NOON + DAY);
	for (int64_t now = NOON + DAY; now <= NOON + 2 * DAY; now += DAY) {
		struct budgets *after;

		assert_int_equal(budgets_new(make_rules(&rule, 1), &after), 0);
		for (unsigned i = 0; i < w.n_touches; i++)
			budgets_restore(after, &w.ledger[i], now);
		budgets_free(w.budgets);
		w.budgets = after;
		/* 10 + 2; then 12 - 9 = 3. */
		assert_limit(&w, now, now == NOON + DAY ? 12 : 13);
	}
	budgets_free(w.budgets);
	/* The limit was another one when the first day ended: that one leaves 2, not 12. */
	rule.limit = USD(20);
	assert_int_equal(budgets_new(make_rules(&rule, 1), &w.budgets), 0);
	budgets_restore(w.budgets, &w.ledger[0], NOON + DAY);
	assert_limit(&w, NOON + DAY, 22);
	budgets_free(w.budgets);
}

static void test_a_new_limit_in_the_window(void **state)
{
	struct make_rule rule = ten_a_day;
	struct world w;

	(void)state;
	begin(&w, &rule);
	use(&w, USD(4), NOON, NOON);
	rule.limit = USD(6);
	reload(&w, &rule, NOON);
	assert_limit(&w, NOON, 6);
	/* 6 - 4 = 2; then 8 - 0, capped at half of 6. */
	assert_limit(&w, NOON + DAY, 8);
	assert_limit(&w, NOON + 2 * DAY, 9);
	rule.rollover_permyriad = 0;
	reload(&w, &rule, NOON + 2 * DAY);
	assert_limit(&w, NOON + 2 * DAY, 6);
	budgets_free(w.budgets);
}

/* --- persons */

static struct budget_override word(enum override_action action, int64_t amount, int64_t now_ns)
{
	struct budget_override word = {
		.budget = "a", .action = action, .amount = amount, .time_ns = now_ns
	};

	return word;
}

static void say(struct world *w, enum override_action action, int64_t amount, int64_t now_ns,
		int64_t until_ns)
{
	struct budget_override said = word(action, amount, now_ns);

	said.until_ns = until_ns;
	assert_int_equal(override_obey(w->budgets, &said), 0);
}

static void test_a_raise_ends(void **state)
{
	const int64_t midnight = NOON + DAY / 2;
	struct budget_override raise = word(OVERRIDE_RAISE, USD(7), NOON);
	struct make_rule rule = ten_a_day;
	struct world w;

	(void)state;
	rule.rollover_permyriad = 0;
	begin(&w, &rule);
	assert_int_equal(override_obey(w.budgets, &raise), 0);
	assert_int_equal(raise.until_ns, midnight);
	assert_limit(&w, NOON, 17);
	assert_true(view(&w, NOON).raised == USD(7));
	assert_int_equal(decide(&w, USD(17), midnight - 1), DECISION_ALLOW);
	assert_limit(&w, midnight, 10);
	/* The clock is set back: it is in force again. Another one takes its place. */
	assert_limit(&w, NOON, 17);
	say(&w, OVERRIDE_RAISE, USD(2), NOON, midnight + DAY);
	assert_limit(&w, NOON, 12);
	reload(&w, &rule, NOON);
	assert_limit(&w, midnight, 12);
	assert_limit(&w, midnight + DAY, 10);
	/* In another unit it says nothing. */
	rule.counts = UNIT_TOKENS;
	reload(&w, &rule, NOON);
	assert_limit(&w, NOON, 10);
	budgets_free(w.budgets);
}

/* What was added until the end of the day can be left to the next one; what ends before, not. */
static void test_a_raise_rolls_over(void **state)
{
	struct world w;

	(void)state;
	begin(&w, &ten_a_day);
	use(&w, USD(9), NOON, NOON);
	say(&w, OVERRIDE_RAISE, USD(3), NOON, 0);
	assert_limit(&w, NOON + DAY, 14);
	use(&w, USD(13), NOON + DAY, NOON + DAY);
	say(&w, OVERRIDE_RAISE, USD(3), NOON + DAY, NOON + DAY + MAKE_SEC(60));
	assert_limit(&w, NOON + DAY, 17);
	assert_limit(&w, NOON + 2 * DAY, 11);
	budgets_free(w.budgets);
}

static void test_a_rolling_window_is_raised_for_its_length(void **state)
{
	struct make_rule rule = {
		.name = "a", .limit = 5, .counts = UNIT_REQUESTS, .rolling = true
	};
	struct budget_override raise = word(OVERRIDE_RAISE, 3, NOON);
	struct world w;

	(void)state;
	begin(&w, &rule);
	assert_int_equal(override_obey(w.budgets, &raise), -EINVAL);
	raise.unit = UNIT_REQUESTS;
	assert_int_equal(override_obey(w.budgets, &raise), 0);
	assert_int_equal(raise.until_ns, NOON + DAY);
	budgets_free(w.budgets);
}

/* What is ordered at the kernel, once it is done. */
static void assert_stop(struct world *w, int64_t now_ns, enum stop stop)
{
	struct stop_action action;

	if (stop_due(w->budgets, 0, now_ns, &action))
		stop_done(w->budgets, &action);
	assert_int_equal(stop_of(w->budgets, 0, &w->process), stop);
}

static void test_hold_cut_and_release(void **state)
{
	struct make_rule rule = { .name = "a", .limit = USD(10), .mode = BUDGET_CUT };
	struct budget_override hold = word(OVERRIDE_HOLD, 0, NOON);
	struct world w;

	(void)state;
	begin(&w, &rule);
	assert_int_equal(decide(&w, 1, NOON), DECISION_ALLOW);
	assert_int_equal(override_obey(w.budgets, &hold), 0);
	assert_true(hold.until_ns == INT64_MAX);
	assert_int_equal(decide(&w, 1, NOON), DECISION_DENY);
	assert_int_equal(view(&w, NOON).mode, BUDGET_HOLD);
	assert_true(view(&w, NOON).stopped);
	assert_stop(&w, NOON, STOP_HOLD);
	reload(&w, &rule, NOON);
	assert_int_equal(decide(&w, 0, NOON + 40 * DAY), DECISION_DENY);
	/* Released: not stopped at the kernel until the day ends, though nothing is left. */
	use(&w, USD(10), NOON, NOON);
	say(&w, OVERRIDE_RELEASE, 0, NOON, 0);
	assert_int_equal(view(&w, NOON).mode, BUDGET_ADVISE);
	assert_false(view(&w, NOON).stopped);
	assert_int_equal(decide(&w, 1, NOON), DECISION_DENY);
	assert_stop(&w, NOON, STOP_NONE);
	use(&w, USD(10), NOON + DAY, NOON + DAY);
	assert_stop(&w, NOON + DAY, STOP_CUT);
	assert_int_equal(view(&w, NOON + DAY).mode, BUDGET_CUT);
	/* One that observes is cut for a minute. */
	rule.mode = BUDGET_OBSERVE;
	reload(&w, &rule, NOON);
	say(&w, OVERRIDE_CUT, 0, NOON, NOON + MAKE_SEC(60));
	assert_stop(&w, NOON, STOP_CUT);
	assert_stop(&w, NOON + MAKE_SEC(60), STOP_NONE);
	assert_int_equal(decide(&w, 0, NOON + MAKE_SEC(60) - 1), DECISION_DENY);
	assert_int_equal(decide(&w, 0, NOON + MAKE_SEC(60)), DECISION_ALLOW);
	budgets_free(w.budgets);
}

/* What was charged by mistake is put right; the calls stay as they are: pricing case 90. */
static void test_reset(void **state)
{
	struct make_rule rule = ten_a_day;
	struct budget_alert alerts[BUDGET_ALERTS_MAX];
	struct budget_touch owed[VERDICT_BUDGETS_MAX];
	struct world w;

	(void)state;
	rule.mode = BUDGET_ADVISE;
	begin(&w, &rule);
	use(&w, USD(76.16), NOON, NOON);
	assert_int_equal(budgets_alerts(w.budgets, alerts), 2);
	assert_int_equal(budgets_owed(w.budgets, owed), 1);
	assert_int_equal(decide(&w, 1, NOON), DECISION_DENY);
	say(&w, OVERRIDE_RESET, USD(9.1), NOON, 0);
	assert_true(view(&w, NOON).spent == USD(9.1));
	assert_int_equal(decide(&w, USD(0.9), NOON), DECISION_ALLOW);
	assert_int_equal(decide(&w, USD(0.9) + 1, NOON), DECISION_DENY);
	/* The ledger is told; 80 % is reached, anew. */
	assert_int_equal(budgets_owed(w.budgets, owed), 1);
	assert_true(owed[0].spent == USD(9.1));
	assert_int_equal(budgets_alerts(w.budgets, alerts), 1);
	assert_int_equal(alerts[0].percent, 80);
	budgets_free(w.budgets);
}

static void test_reset_of_a_rolling_window(void **state)
{
	struct make_rule rule = { .name = "a", .limit = USD(10), .rolling = true };
	struct world w;

	(void)state;
	begin(&w, &rule);
	for (int hour = 0; hour < 12; hour++)
		use(&w, USD(1), NOON + hour * MAKE_SEC(3600), NOON + hour * MAKE_SEC(3600));
	assert_true(view(&w, NOON + DAY / 2).spent == USD(12));
	say(&w, OVERRIDE_RESET, USD(2), NOON + DAY / 2, 0);
	assert_true(view(&w, NOON + DAY / 2).spent == USD(2));
	assert_true(view(&w, NOON + DAY + MAKE_SEC(7200)).spent == USD(2));
	assert_true(view(&w, NOON + 2 * DAY).spent == 0);
	budgets_free(w.budgets);
}

static void test_what_cannot_be_obeyed(void **state)
{
	struct make_rule rule = { .name = "a", .model = "m*", .limit = USD(10) };
	struct budget_override cut = word(OVERRIDE_CUT, 0, NOON),
			       late = word(OVERRIDE_RAISE, 1, NOON);
	struct budget_override nobody = word(OVERRIDE_RESET, 0, NOON);
	struct world w;

	(void)state;
	begin(&w, &rule);
	assert_int_equal(override_obey(w.budgets, &cut), -EDOM);
	late.until_ns = NOON;
	assert_int_equal(override_obey(w.budgets, &late), -ERANGE);
	span_copy(SPAN("b"), nobody.budget, sizeof(nobody.budget));
	assert_int_equal(override_obey(w.budgets, &nobody), -ENOENT);
	assert_limit(&w, NOON, 10);
	budgets_free(w.budgets);
}

/* The rows of the ledger, all of them, in their order: the newest of a kind is in force. */
static void test_words_survive_a_restart(void **state)
{
	struct make_rule rule = { .name = "a", .limit = USD(10), .mode = BUDGET_ADVISE };
	struct budget_override rows[] = {
		word(OVERRIDE_RAISE, USD(7), NOON), word(OVERRIDE_CUT, 0, NOON),
		word(OVERRIDE_RAISE, USD(2), NOON), word(OVERRIDE_HOLD, 0, NOON),
		word(OVERRIDE_RESET, USD(5), NOON),
	};
	struct world w;

	(void)state;
	begin(&w, &rule);
	rows[0].until_ns = NOON + 9 * DAY;
	rows[2].until_ns = NOON + DAY;
	for (int i = 0; i < 5; i++)
		assert_int_equal(override_obey(w.budgets, &rows[i]), 0);
	budgets_free(w.budgets);
	begin(&w, &rule);
	for (int i = 0; i < 5; i++)
		override_restore(w.budgets, &rows[i], NOON + 1);
	assert_limit(&w, NOON + 1, 12);
	assert_true(view(&w, NOON + 1).stopped);
	assert_int_equal(view(&w, NOON + 1).mode, BUDGET_HOLD);
	assert_true(view(&w, NOON + 1).spent == 0);
	/* The second raise is over, the first one had made way for it. */
	assert_limit(&w, NOON + 2 * DAY, 10);
	budgets_free(w.budgets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_window_leaves_its_rest),
		cmocka_unit_test(test_idle_windows_add_up_to_the_cap),
		cmocka_unit_test(test_a_clock_set_back_takes_nothing),
		cmocka_unit_test(test_a_restart_carries_the_same),
		cmocka_unit_test(test_a_new_limit_in_the_window),
		cmocka_unit_test(test_a_raise_ends),
		cmocka_unit_test(test_a_raise_rolls_over),
		cmocka_unit_test(test_a_rolling_window_is_raised_for_its_length),
		cmocka_unit_test(test_hold_cut_and_release),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_reset_of_a_rolling_window),
		cmocka_unit_test(test_what_cannot_be_obeyed),
		cmocka_unit_test(test_words_survive_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
