/* Cost of the budget stage in one thread: a decision over 10, 100 and 10,000 budgets of which 5
 * match (one each of user, program, label, provider and model), a charge to the same, what that
 * stops, a look at all for what is to be stopped, an event as JSON; and the bytes of memory that
 * 10,000 budgets take. One line of JSON a figure: the median of ROUNDS, those of the same step
 * taken in turns; the floor is that over 10 budgets. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/timestamp.h"
#include "budget/stop.h"
#include "tests/unit/budget/make.h"
#include "tests/unit/budget/random.h"

enum { STEPS = 4000, ROUNDS = 75, SIZES = 3 };

static const unsigned sizes[SIZES] = { 10, 100, 10000 };

struct bench {
	struct budgets *budgets;
	struct process process;
	struct verdict verdict;
	struct buf out;
	int64_t now_ns;
};

static void decide(struct bench *bench, bool dry_run)
{
	struct budget_ask ask = make_ask(&bench->process, "gpt", 1000);
	struct budget_answer answer;

	ask.dry_run = dry_run;
	bench->now_ns += 100000;
	budgets_decide(bench->budgets, &ask, bench->now_ns, &answer);
	if (answer.decision != DECISION_ALLOW || answer.n_budgets != 5)
		abort();
}

static void look(struct bench *bench)
{
	decide(bench, true);
}

static void charge(struct bench *bench)
{
	struct charge call = make_charge(&bench->process, "gpt", bench->now_ns, 900);

	bench->now_ns += 100000;
	budgets_charge(bench->budgets, &call, bench->now_ns, &bench->verdict);
	if (bench->verdict.n_budgets != 5)
		abort();
}

static void decide_and_charge(struct bench *bench)
{
	decide(bench, false);
	charge(bench);
	if (uuid_is_zero(&bench->verdict.decision_id))
		abort();
}

static void charge_and_stop(struct bench *bench)
{
	struct stop_action action;

	charge(bench);
	MATCH_SET_EACH(i, stop_charged(bench->budgets))
	{
		if (stop_due(bench->budgets, (unsigned)i, bench->now_ns, &action))
			abort();
	}
	stop_looked(bench->budgets);
}

static void look_at_all(struct bench *bench)
{
	struct stop_action action;

	for (unsigned i = 0; i < budgets_count(bench->budgets); i++)
		if (stop_due(bench->budgets, i, bench->now_ns, &action))
			abort();
}

static void write_json(struct bench *bench)
{
	buf_reset(&bench->out);
	verdict_json(&bench->out, &bench->verdict, "0190a8c4-7d3e-7abc-8def-0123456789ab", "host");
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The step over each number of budgets, in turns. */
static void measure(struct bench *benches, const char *name, int steps,
		    void (*step)(struct bench *))
{
	int64_t rounds[SIZES][ROUNDS], start;

	for (int i = 0; i < SIZES * ROUNDS; i++) {
		start = clock_system.monotonic_ns(&clock_system);
		for (int j = 0; j < steps; j++)
			step(&benches[i % SIZES]);
		rounds[i % SIZES][i / SIZES] =
		    (clock_system.monotonic_ns(&clock_system) - start) / steps;
	}
	for (int i = 0; i < SIZES; i++) {
		qsort(rounds[i], ROUNDS, sizeof(rounds[i][0]), compare);
		printf("{\"name\":\"%s_%u\",\"value\":%lld,\"unit\":\"ns\",\"floor\":%lld}\n", name,
		       sizes[i], (long long)rounds[i][ROUNDS / 2],
		       (long long)rounds[0][ROUNDS / 2]);
	}
}

/* Of each of the five kinds one matches; they stand apart from each other. */
static struct budgets *make_budgets(unsigned n)
{
	static const char *const forms[] = { "user-%u", "/usr/bin/python3.%u", "team-%u",
					     "other-%u", "model-%u" };
	static const char *const asked[] = { "alice", "/usr/bin/python3.11", "search", "openai",
					     "gpt" };
	char(*names)[16] = calloc(n, sizeof(*names)), (*texts)[32] = calloc(n, sizeof(*texts));
	struct make_rule *rules = calloc(n, sizeof(*rules));
	struct budgets *budgets;

	for (unsigned i = 0; i < n; i++) {
		struct make_rule *rule = &rules[i];
		unsigned kind = i % 5, number = i / 5, match = (n / 5 - 1) * kind / 4;

		snprintf(names[i], sizeof(names[i]), "budget-%u", i);
		snprintf(texts[i], sizeof(texts[i]), number == match ? asked[kind] : forms[kind],
			 number + 1000);
		rule->name = names[i];
		rule->limit = INT64_MAX;
		rule->mode = BUDGET_HOLD;
		rule->label_key = kind == 2 ? "team" : NULL;
		*(const char **[]){ &rule->user, &rule->exe, &rule->label_value, &rule->provider,
				    &rule->model }[kind] = texts[i];
	}
	if (budgets_new(make_rules(rules, n), &budgets) < 0)
		abort();
	free(rules);
	free(names);
	free(texts);
	return budgets;
}

static void measure_json(struct bench *bench)
{
	struct charge *call = &bench->verdict.charge;
	int64_t start = clock_system.monotonic_ns(&clock_system);

	span_copy(SPAN("POST /v1/chat/completions"), call->usage.route, sizeof(call->usage.route));
	span_copy(SPAN("api.openai.com"), call->usage.server, sizeof(call->usage.server));
	call->usage.present = call->rated = 7;
	call->rates_yocto[0] = call->rates_yocto[1] = call->rates_yocto[2] = 150000000000000000;
	for (int i = 0; i < STEPS * ROUNDS; i++)
		write_json(bench);
	printf("{\"name\":\"verdict_json\",\"value\":%lld,\"unit\":\"ns\"}\n",
	       (long long)(clock_system.monotonic_ns(&clock_system) - start) / STEPS / ROUNDS);
	printf("{\"name\":\"verdict_json_bytes\",\"value\":%zu,\"unit\":\"bytes\"}\n",
	       bench->out.len);
}

int main(void)
{
	struct bench benches[SIZES];

	for (int i = 0; i < SIZES; i++) {
		size_t before = mallinfo2().uordblks;

		benches[i] = (struct bench){ .budgets = make_budgets(sizes[i]),
					     .process = make_process(100, "alice", "team=search"),
					     .out = buf_with_max(65536),
					     .now_ns = MAKE_SEC(1795608000) };
		printf("{\"name\":\"budget_bytes_%u\",\"value\":%zu,\"unit\":\"bytes\"}\n",
		       sizes[i], mallinfo2().uordblks - before);
	}
	measure(benches, "budget_look", STEPS, look);
	measure(benches, "budget_charge", STEPS, charge);
	measure(benches, "budget_charge_and_stop", STEPS, charge_and_stop);
	measure(benches, "budget_look_at_all", STEPS / 100, look_at_all);
	measure(benches, "budget_decide_and_charge", STEPS, decide_and_charge);
	measure_json(benches);
	for (int i = 0; i < SIZES; i++) {
		buf_done(&benches[i].out);
		budgets_free(benches[i].budgets);
	}
	return 0;
}
