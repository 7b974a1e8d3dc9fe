/* Rate limits: figures by hand; and what each kind promises, over random times: a bucket never lets
 * go more than its burst and what came in since, no stretch of a sliding period has more than its
 * limit, and what is refused fits when it is said to, not before. */
#include "budget/rate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "budget/budget.h"
#include "tests/unit/budget/make.h"
#include "tests/unit/budget/random.h"

/* 2026-11-25T12:00:00Z, by date -u -d @1795608000. */
#define NOON   MAKE_SEC(1795608000)
#define MINUTE MAKE_SEC(60)
#define HOUR   MAKE_SEC(3600)

static struct rate *make(enum rate_kind kind, int64_t period_ns, money_wide limit, money_wide burst)
{
	struct rate_rule rule = { kind, period_ns, limit, limit, burst };
	struct rate *rate;

	assert_int_equal(rate_new(&rule, &rate), 0);
	return rate;
}

/* 0, or how long until it fits. */
static int64_t ask(struct rate *rate, money_wide amount, int64_t now_ns)
{
	int64_t fits_ns;

	rate_look(rate, 0, now_ns);
	fits_ns = rate_fits_ns(rate, amount);
	if (!fits_ns)
		rate_take(rate, amount);
	return fits_ns && fits_ns != RATE_NEVER ? fits_ns - now_ns : fits_ns;
}

/* 60 a minute: one a second, ten at once. */
static void test_bucket(void **state)
{
	struct rate *rate = make(RATE_BUCKET, MINUTE, 60, 10);

	(void)state;
	assert_int_equal(ask(rate, 10, NOON), 0);
	assert_int_equal(ask(rate, 1, NOON), MAKE_SEC(1));
	assert_int_equal(ask(rate, 3, NOON + MAKE_SEC(1)), MAKE_SEC(2));
	/* What was refused took nothing. */
	assert_int_equal(ask(rate, 3, NOON + MAKE_SEC(3)), 0);
	assert_true(rate_used(rate) == 10);
	assert_int_equal(ask(rate, 11, NOON + HOUR), RATE_NEVER);
	assert_int_equal(ask(rate, 10, NOON + HOUR), 0);
	/* Set back, the clock gives nothing. */
	assert_int_equal(ask(rate, 1, NOON), MAKE_SEC(1));
	assert_int_equal(ask(rate, 1, NOON + MAKE_SEC(1)), 0);
	free(rate);
}

/* Three a day: one in 28,800 s, to the nanosecond. */
static void test_bucket_loses_no_time(void **state)
{
	struct rate *rate = make(RATE_BUCKET, NS_PER_DAY, 3, 0);
	const int64_t third = NS_PER_DAY / 3;

	(void)state;
	assert_int_equal(ask(rate, 3, NOON), 0);
	for (int64_t i = 1; i < 1000; i++)
		rate_look(rate, 0, NOON + i * (third / 1000));
	assert_int_equal(ask(rate, 1, NOON + third - 1), 1);
	assert_int_equal(ask(rate, 1, NOON + third), 0);
	free(rate);
}

static void test_sliding(void **state)
{
	struct rate *rate = make(RATE_SLIDING, MINUTE, 100, 0);

	(void)state;
	assert_int_equal(ask(rate, 60, NOON), 0);
	assert_int_equal(ask(rate, 40, NOON + MAKE_SEC(30)), 0);
	/* Slots are 0.9375 s: that of noon counts until 60.9375 s past it. */
	assert_int_equal(ask(rate, 1, NOON + MAKE_SEC(45)), 15937500000);
	assert_int_equal(ask(rate, 60, NOON + 60937500000 - 1), 1);
	assert_int_equal(ask(rate, 60, NOON + 60937500000), 0);
	/* 61 more want both the slot of 30 s, and that of 60.9 s. */
	assert_int_equal(ask(rate, 41, NOON + MAKE_SEC(61)) > MAKE_SEC(60), 1);
	assert_int_equal(ask(rate, 101, NOON + MAKE_SEC(61)), RATE_NEVER);
	/* Set back: what counts is of now. */
	assert_int_equal(ask(rate, 1, NOON), 60937500000);
	assert_int_equal(ask(rate, 100, NOON + 60937500000), 0);
	free(rate);
}

/* What a call took is put right: less where it was taken, more now. */
static void test_corrections(void **state)
{
	struct rate *bucket = make(RATE_BUCKET, MINUTE, 60, 100);
	struct rate *sliding = make(RATE_SLIDING, MINUTE, 100, 0);

	(void)state;
	assert_int_equal(ask(bucket, 80, NOON), 0);
	rate_unbook(bucket, 80, NOON);
	rate_take(bucket, 130);
	/* 30 below nothing: 31 seconds for one. */
	assert_int_equal(ask(bucket, 1, NOON), MAKE_SEC(31));
	rate_unbook(bucket, 130, NOON);
	rate_take(bucket, 0);
	assert_true(rate_used(bucket) == 0);
	rate_unbook(bucket, 50, NOON);
	rate_take(bucket, 0);
	assert_int_equal(ask(bucket, 100, NOON), 0);
	assert_int_equal(ask(sliding, 80, NOON), 0);
	rate_look(sliding, 0, NOON + MAKE_SEC(30));
	rate_unbook(sliding, 80, NOON);
	rate_take(sliding, 50);
	assert_true(rate_used(sliding) == 50);
	rate_unbook(sliding, 50, NOON);
	rate_take(sliding, 90);
	/* 50 of noon, 40 of now; what was taken too long ago is not given back. */
	rate_look(sliding, 0, NOON + MAKE_SEC(61));
	assert_true(rate_used(sliding) == 40);
	rate_unbook(sliding, 50, NOON);
	rate_take(sliding, 0);
	assert_true(rate_used(sliding) == 40);
	free(bucket);
	free(sliding);
}

struct grant {
	int64_t time_ns;
	int64_t amount;
};

/* Over a log of all that was let go. */
static void check_stretches(const struct rate *rate, const struct grant *grants, unsigned n)
{
	const struct rate_rule *rule = &rate->rule;

	for (unsigned i = 0; i < n; i++) {
		money_wide sum = 0;

		for (unsigned k = i; k < n; k++) {
			int64_t stretch_ns = grants[k].time_ns - grants[i].time_ns;
			money_wide most = rate_size(rate) * rule->period_ns;

			if (rule->kind == RATE_BUCKET)
				most += rule->max * stretch_ns;
			else if (stretch_ns >= rule->period_ns)
				break;
			sum += grants[k].amount;
			assert_true(sum * rule->period_ns <= most);
		}
	}
}

static unsigned run(struct random *random, enum rate_kind kind)
{
	static const int64_t periods[] = { NS_PER_SEC, MINUTE, HOUR, NS_PER_DAY };
	int64_t period_ns = periods[random_below(random, 4)], now_ns = NOON;
	money_wide limit = 1 + (money_wide)random_below(random, 1000);
	struct rate *rate =
	    make(kind, period_ns, limit,
		 (money_wide)(random_below(random, 2) * (1 + random_below(random, 2000))));
	struct grant grants[400];
	unsigned n = 0, refused = 0;

	while (n < 400) {
		uint64_t most = (uint64_t)rate_size(rate) / (1 + random_below(random, 8));
		int64_t amount = (int64_t)random_below(random, most + 1), fits_ns;

		now_ns += (int64_t)random_below(random, (uint64_t)period_ns / 8);
		fits_ns = ask(rate, amount, now_ns);
		if (fits_ns) {
			refused++;
			assert_true(fits_ns > 0 && fits_ns <= 2 * period_ns + period_ns * 2000);
			assert_int_equal(ask(rate, amount, now_ns + fits_ns - 1), 1);
			now_ns += fits_ns;
			assert_int_equal(ask(rate, amount, now_ns), 0);
		}
		grants[n++] = (struct grant){ now_ns, amount };
	}
	check_stretches(rate, grants, n);
	free(rate);
	return refused;
}

static void test_what_is_promised(void **state)
{
	struct random random = random_start("rate");
	unsigned refused[2] = { 0 };

	(void)state;
	for (int i = 0; i < 60; i++) {
		refused[0] += run(&random, RATE_BUCKET);
		refused[1] += run(&random, RATE_SLIDING);
	}
	assert_true(refused[0] > 1000 && refused[1] > 1000);
}

/* --- adaptive */

static struct usage told(const char *name, int64_t remaining, int64_t resets_ns, int64_t start_ns)
{
	struct usage usage = { .time_start_ns = start_ns, .n_limits = 1 };

	span_copy(span_of(name), usage.limits[0].name, sizeof(usage.limits[0].name));
	usage.limits[0].remaining = remaining;
	usage.limits[0].resets_ns = resets_ns;
	return usage;
}

static money_wide limit_after(struct rate *rate, const struct usage *usage, int64_t now_ns)
{
	if (usage)
		rate_heed(rate, "tokens", usage);
	rate_look(rate, 0, now_ns);
	return rate->limit;
}

static struct usage told_of(const char *model, int64_t remaining, int64_t start_ns)
{
	struct usage usage = told("tokens", remaining, NOON + MINUTE, start_ns);

	span_copy(SPAN("openai"), usage.provider, sizeof(usage.provider));
	span_copy(span_of(model), usage.model_requested, sizeof(usage.model_requested));
	return usage;
}

static money_wide limit_of(struct rate *rate, const char *provider, const char *model)
{
	rate_look(rate, rate_whose(span_of(provider), span_of(model)), NOON);
	return rate->limit;
}

/* Each model by what was told of it, whoever was told of last; of none the least. */
static void test_adaptive_to_each_model(void **state)
{
	struct rate_rule rule = { RATE_SLIDING, MINUTE, 100, 1000, 0 };
	struct usage small = told_of("small", 900, NOON), large = told_of("large", 300, NOON + 1);
	char name[16];
	struct rate *rate;

	(void)state;
	assert_int_equal(rate_new(&rule, &rate), 0);
	rate_heed(rate, "tokens", &small);
	assert_true(limit_after(rate, &large, NOON) == 300);
	assert_true(limit_of(rate, "openai", "small") == 900);
	assert_true(limit_of(rate, "openai", "large") == 300);
	assert_true(limit_of(rate, "other", "large") == 1000);
	large = told_of("large", 200, NOON + 1);
	small = told_of("small", 800, NOON);
	rate_heed(rate, "tokens", &large);
	rate_heed(rate, "tokens", &small);
	assert_true(limit_after(rate, NULL, NOON) == 200);
	/* No more than eight are known: `small` was told of longest ago. */
	for (int i = 0; i < RATE_TOLD - 1; i++) {
		snprintf(name, sizeof(name), "m%d", i);
		large = told_of(name, 500, NOON + 2 + i);
		rate_heed(rate, "tokens", &large);
	}
	assert_true(limit_of(rate, "openai", "small") == 1000);
	assert_true(limit_of(rate, "openai", "large") == 200);
	free(rate);
}

static void test_adaptive(void **state)
{
	struct rate_rule rule = { RATE_SLIDING, MINUTE, 100, 1000, 0 };
	struct usage usage;
	struct rate *rate;

	(void)state;
	assert_int_equal(rate_new(&rule, &rate), 0);
	assert_true(limit_after(rate, NULL, NOON) == 1000);
	/* 600 for two minutes: 300 a minute; a minute later the same 600 are for one. */
	usage = told("tokens", 600, NOON + 2 * MINUTE, NOON);
	assert_true(limit_after(rate, &usage, NOON) == 300);
	assert_true(limit_after(rate, NULL, NOON + MINUTE) == 600);
	/* After that nobody knows. */
	assert_true(limit_after(rate, NULL, NOON + 2 * MINUTE) == 1000);
	/* Other units, older answers, answers that do not say how long: nothing. */
	usage = told("requests", 1, NOON + HOUR, NOON);
	assert_true(limit_after(rate, &usage, NOON) == 300);
	usage = told("tokens", 1, NOON + HOUR, NOON - 1);
	assert_true(limit_after(rate, &usage, NOON) == 300);
	usage = told("tokens", 1, 0, NOON);
	assert_true(limit_after(rate, &usage, NOON) == 300);
	/* Never below the least, nor over the most. */
	usage = told("tokens", 10, NOON + MINUTE, NOON + 1);
	assert_true(limit_after(rate, &usage, NOON + 1) == 100);
	usage = told("tokens_tokens", 100000, NOON + MINUTE, NOON + 2);
	assert_true(limit_after(rate, &usage, NOON + 2) == 1000);
	/* Told to wait. */
	usage = told("retry_after", -1, NOON + MINUTE, NOON + 3);
	assert_true(limit_after(rate, &usage, NOON + 3) == 100);
	assert_true(limit_after(rate, NULL, NOON + MINUTE) == 1000);
	/* Noon to one has used 12,000 once: 200 a minute, 400 are no surprise. */
	rate_learn(rate, NOON, 12000);
	assert_true(limit_after(rate, NULL, NOON + NS_PER_DAY) == 400);
	assert_true(limit_after(rate, NULL, NOON + NS_PER_DAY + HOUR) == 1000);
	/* (3 x 12,000 + 24,000) / 4 = 15,000: 250, 500. */
	rate_learn(rate, NOON + NS_PER_DAY, 24000);
	assert_true(limit_after(rate, NULL, NOON + 2 * NS_PER_DAY) == 500);
	/* The less of both; each hour is learnt once. */
	rate_learn(rate, NOON + NS_PER_DAY, 1000000);
	usage = told("tokens", 450, NOON + 2 * NS_PER_DAY + MINUTE, NOON + 2 * NS_PER_DAY);
	assert_true(limit_after(rate, &usage, NOON + 2 * NS_PER_DAY) == 450);
	free(rate);
}

/* --- beside budgets */

static struct make_rule requests_a_minute(enum rate_kind kind, money_wide limit)
{
	return (struct make_rule){ .name = "r",
				   .counts = UNIT_REQUESTS,
				   .limit = (int64_t)limit,
				   .period = BUDGET_HOUR,
				   .mode = BUDGET_ADVISE,
				   .rate = { kind, MINUTE, limit, limit, 0 } };
}

static struct budget_answer decide(struct budgets *budgets, const struct process *process,
				   int64_t now_ns)
{
	struct budget_ask ask = make_ask(process, "m", USD(1));
	struct budget_answer answer;

	budgets_decide(budgets, &ask, now_ns, &answer);
	return answer;
}

/* pricing case 83: 100 a minute let 544 of 1,022 through; here a hundred, by either kind.
 * Those that were refused, and those that were let go and not made, cost nothing. */
static void test_requests(void **state)
{
	struct process process = make_process(100, "ann", "");

	(void)state;
	for (enum rate_kind kind = RATE_BUCKET; kind <= RATE_SLIDING; kind++) {
		struct make_rule rule = requests_a_minute(kind, 100);
		struct budgets *budgets;
		struct budget_answer answer, first = { .n_budgets = 0 };
		unsigned allowed = 0;

		assert_int_equal(budgets_new(make_rules(&rule, 1), &budgets), 0);
		for (int i = 0; i < 1022; i++) {
			answer = decide(budgets, &process, NOON);
			if (!allowed++)
				first = answer;
			allowed -= answer.decision == DECISION_DENY;
		}
		assert_int_equal(allowed, 100);
		assert_true(answer.budgets[0].exceeded && answer.budgets[0].spent == 100);
		assert_int_equal(answer.budgets[0].resets_ns - NOON,
				 kind == RATE_BUCKET ? 600000000 : 60937500000);
		assert_int_equal(budgets_release(budgets, &first.reservation_id, &process, NOON),
				 0);
		assert_int_equal(decide(budgets, &process, NOON).decision, DECISION_ALLOW);
		assert_int_equal(decide(budgets, &process, NOON).decision, DECISION_DENY);
		budgets_free(budgets);
	}
}

/* A budget that refuses takes nothing of a rate, nor a rate of a budget. */
static void test_all_or_nothing(void **state)
{
	struct make_rule rules[] = { requests_a_minute(RATE_SLIDING, 2),
				     { .name = "b", .limit = USD(3), .mode = BUDGET_ADVISE } };
	struct process process = make_process(100, "ann", "");
	struct budgets *budgets;
	struct budget_view view;

	(void)state;
	assert_int_equal(budgets_new(make_rules(rules, 2), &budgets), 0);
	assert_int_equal(decide(budgets, &process, NOON).decision, DECISION_ALLOW);
	assert_int_equal(decide(budgets, &process, NOON).decision, DECISION_ALLOW);
	assert_int_equal(decide(budgets, &process, NOON).decision, DECISION_DENY);
	budgets_view(budgets, 1, NOON, &view);
	assert_true(view.reserved == USD(2));
	assert_int_equal(decide(budgets, &process, NOON + HOUR).decision, DECISION_ALLOW);
	budgets_view(budgets, 0, NOON + HOUR, &view);
	assert_true(view.spent == 1 && view.rate == 2);
	budgets_free(budgets);
}

/* pricing case 86: 30 tokens a minute are no 30 calls; and a rate does not add up as a budget does:
 * day after day there are 30 again. */
static void test_tokens_are_no_requests(void **state)
{
	struct make_rule rule = requests_a_minute(RATE_BUCKET, 30);
	struct process process = make_process(100, "ann", "");
	struct charge call = make_charge(&process, "m", NOON, 0);
	struct verdict verdict;
	struct budgets *budgets;

	(void)state;
	rule.counts = UNIT_TOKENS;
	call.usage.present = USAGE_BIT(USAGE_OUTPUT);
	call.usage.counts[USAGE_OUTPUT] = 150;
	assert_int_equal(budgets_new(make_rules(&rule, 1), &budgets), 0);
	assert_int_equal(decide(budgets, &process, NOON).decision, DECISION_ALLOW);
	budgets_charge(budgets, &call, NOON, &verdict);
	/* 120 too much: four minutes. */
	assert_int_equal(decide(budgets, &process, NOON + 4 * MINUTE - 1).decision, DECISION_DENY);
	assert_int_equal(decide(budgets, &process, NOON + 4 * MINUTE).decision, DECISION_ALLOW);
	for (int64_t day = 1; day < 30; day++) {
		call.usage.time_start_ns = NOON + day * NS_PER_DAY;
		call.usage.time_end_ns = call.usage.time_start_ns + 1;
		call.usage.counts[USAGE_OUTPUT] = 30;
		budgets_charge(budgets, &call, call.usage.time_end_ns, &verdict);
		assert_int_equal(
		    decide(budgets, &process, call.usage.time_end_ns + MINUTE).decision,
		    DECISION_ALLOW);
	}
	budgets_free(budgets);
}

/* A call that was asked for counts once, as what it took, from when it was let go. */
static void test_settlement(void **state)
{
	struct make_rule rule = requests_a_minute(RATE_SLIDING, 100);
	struct process process = make_process(100, "ann", "");
	struct budget_ask ask = make_ask(&process, "m", 0);
	struct charge call = make_charge(&process, "m", NOON + MAKE_SEC(50), 0);
	struct budget_answer answer;
	struct verdict verdict;
	struct budgets *budgets;
	struct budget_view view;

	(void)state;
	rule.counts = UNIT_TOKENS;
	assert_int_equal(budgets_new(make_rules(&rule, 1), &budgets), 0);
	ask.size.output_tokens = 90;
	budgets_decide(budgets, &ask, NOON, &answer);
	call.usage.time_start_ns = NOON;
	call.usage.present = USAGE_BIT(USAGE_OUTPUT);
	call.usage.counts[USAGE_OUTPUT] = 70;
	budgets_charge(budgets, &call, NOON + MAKE_SEC(50), &verdict);
	assert_memory_equal(&verdict.decision_id, &answer.decision_id, UUID_BYTES);
	budgets_view(budgets, 0, NOON + MAKE_SEC(50), &view);
	assert_true(view.spent == 70);
	budgets_view(budgets, 0, NOON + MAKE_SEC(61), &view);
	assert_true(view.spent == 0);
	/* What was used in the hour is told for the ledger. */
	assert_true(verdict.n_budgets == 1 && verdict.budgets[0].spent == 70);
	budgets_free(budgets);
}

/* New rules take what is used with them; hours are learnt from the ledger. */
static void test_reload_and_restore(void **state)
{
	struct make_rule rule = requests_a_minute(RATE_SLIDING, 2);
	struct process process = make_process(100, "ann", "");
	struct budget_touch touch = { .name = "r",
				      .unit = UNIT_REQUESTS,
				      .window_start_ns = NOON,
				      .window_end_ns = NOON + HOUR,
				      .spent = 120 };
	struct budgets *budgets;
	struct budget_view view;

	(void)state;
	assert_int_equal(budgets_new(make_rules(&rule, 1), &budgets), 0);
	assert_int_equal(decide(budgets, &process, NOON).decision, DECISION_ALLOW);
	rule.rate.min = rule.rate.max = 3;
	assert_int_equal(budgets_reload(budgets, make_rules(&rule, 1), NOON), 0);
	budgets_view(budgets, 0, NOON, &view);
	assert_true(view.limit == 3 && view.spent == 1);
	rule.rate.kind = RATE_BUCKET;
	assert_int_equal(budgets_reload(budgets, make_rules(&rule, 1), NOON), 0);
	budgets_view(budgets, 0, NOON, &view);
	assert_true(view.limit == 3 && view.spent == 0);
	budgets_free(budgets);
	/* 120 in the hour: two a minute, four are no surprise. */
	rule.rate.max = 100;
	assert_int_equal(budgets_new(make_rules(&rule, 1), &budgets), 0);
	budgets_restore(budgets, &touch, NOON + NS_PER_DAY);
	budgets_view(budgets, 0, NOON + NS_PER_DAY, &view);
	assert_true(view.rate == 4);
	budgets_free(budgets);
}

/* What the provider refuses of one model is no reason to refuse another. */
static void test_a_model_pauses(void **state)
{
	struct make_rule rule = requests_a_minute(RATE_SLIDING, 100);
	struct process process = make_process(100, "ann", "");
	struct charge call = make_charge(&process, "large", NOON, 0);
	struct budget_ask ask = make_ask(&process, "large", USD(1));
	struct budget_answer answer;
	struct verdict verdict;
	struct budgets *budgets;

	(void)state;
	rule.rate.min = 1;
	call.usage.n_limits = 1;
	call.usage.limits[0] = (struct usage_limit){ .name = "retry_after",
						     .remaining = -1,
						     .resets_ns = NOON + HOUR };
	assert_int_equal(budgets_new(make_rules(&rule, 1), &budgets), 0);
	budgets_charge(budgets, &call, NOON, &verdict);
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_DENY);
	assert_true(answer.budgets[0].rate == 1);
	ask.model = SPAN("small");
	budgets_decide(budgets, &ask, NOON, &answer);
	assert_int_equal(answer.decision, DECISION_ALLOW);
	assert_true(answer.budgets[0].rate == 100);
	budgets_free(budgets);
}

/* What counted when the ledger was told last counts as if it were of that moment, or of the end of
 * its hour; that of a day is no rate's. */
static void test_restored(void **state)
{
	static const struct {
		enum rate_kind kind;
		int64_t end_ns, now_ns;
		money_wide spent, later; /* then, and half a minute later */
	} rows[] = {
		{ RATE_SLIDING, NOON + HOUR, NOON + MAKE_SEC(30), 5, 5 },
		{ RATE_SLIDING, NOON + HOUR, NOON + HOUR + MAKE_SEC(40), 5, 0 },
		{ RATE_SLIDING, NOON + NS_PER_DAY, NOON + MAKE_SEC(30), 0, 0 },
		/* 6 a minute: three come in. */
		{ RATE_BUCKET, NOON + HOUR, NOON + MAKE_SEC(30), 5, 2 },
		{ RATE_BUCKET, NOON + HOUR, NOON + HOUR + MAKE_SEC(20), 3, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct make_rule rule = requests_a_minute(rows[i].kind, 6);
		struct budget_touch touch = { .name = "r",
					      .unit = UNIT_REQUESTS,
					      .window_start_ns = NOON,
					      .window_end_ns = rows[i].end_ns,
					      .spent = 300,
					      .granted = 5 };
		struct budgets *budgets;
		struct budget_view view;

		assert_int_equal(budgets_new(make_rules(&rule, 1), &budgets), 0);
		budgets_restore(budgets, &touch, rows[i].now_ns);
		budgets_view(budgets, 0, rows[i].now_ns, &view);
		assert_true(view.spent == rows[i].spent);
		budgets_view(budgets, 0, rows[i].now_ns + MAKE_SEC(30), &view);
		assert_true(view.spent == rows[i].later);
		budgets_free(budgets);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_bucket_loses_no_time),
		cmocka_unit_test(test_sliding),
		cmocka_unit_test(test_corrections),
		cmocka_unit_test(test_what_is_promised),
		cmocka_unit_test(test_adaptive),
		cmocka_unit_test(test_adaptive_to_each_model),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_all_or_nothing),
		cmocka_unit_test(test_tokens_are_no_requests),
		cmocka_unit_test(test_settlement),
		cmocka_unit_test(test_reload_and_restore),
		cmocka_unit_test(test_a_model_pauses),
		cmocka_unit_test(test_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
