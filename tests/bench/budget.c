/* Cost of the budget stage in one thread: a decision over 100 budgets of which 5 match (one each of
 * user, program, label, provider and model), a charge to the same, an event as JSON. One line of
 * JSON a figure: the median of ROUNDS. */
#include <stdio.h>
#include <stdlib.h>

#include "base/timestamp.h"
#include "tests/unit/budget/make.h"
#include "tests/unit/budget/random.h"

enum { BUDGETS = 100, STEPS = 20000, ROUNDS = 15 };

struct bench {
	struct budgets *budgets;
	struct process process;
	struct verdict verdict;
	struct buf out;
	int64_t now_ns;
};

static void decide(struct bench *bench, bool dry_run)
{
	struct budget_ask ask = make_ask(&bench->process, "model-7", 1000);
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
	struct charge call = make_charge(&bench->process, "model-7", bench->now_ns, 900);

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

static void measure(struct bench *bench, const char *name, void (*step)(struct bench *))
{
	int64_t rounds[ROUNDS], start;

	for (int round = 0; round < ROUNDS; round++) {
		start = clock_system.monotonic_ns(&clock_system);
		for (int i = 0; i < STEPS; i++)
			step(bench);
		rounds[round] = (clock_system.monotonic_ns(&clock_system) - start) / STEPS;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), compare);
	printf("{\"name\":\"%s\",\"value\":%lld,\"unit\":\"ns\"}\n", name,
	       (long long)rounds[ROUNDS / 2]);
}

static struct budgets *hundred_budgets(void)
{
	static char names[BUDGETS][16], texts[BUDGETS][32];
	struct make_rule rules[BUDGETS];
	struct budgets *budgets;

	for (int i = 0; i < BUDGETS; i++) {
		struct make_rule *rule = &rules[i];

		snprintf(names[i], sizeof(names[i]), "budget-%d", i);
		*rule = (struct make_rule){ .name = names[i],
					    .limit = INT64_MAX,
					    .mode = BUDGET_ADVISE };
		switch (i % 5) {
		case 0:
			rule->user = texts[i];
			snprintf(texts[i], sizeof(texts[i]), "user-%d", i / 5);
			break;
		case 1:
			rule->exe = texts[i];
			snprintf(texts[i], sizeof(texts[i]), "/usr/bin/python3.%d", i / 5);
			break;
		case 2:
			rule->label_key = "team";
			rule->label_value = texts[i];
			snprintf(texts[i], sizeof(texts[i]), "team-%d", i / 5);
			break;
		case 3:
			rule->provider = texts[i];
			snprintf(texts[i], sizeof(texts[i]), i == 3 ? "openai" : "other-%d", i / 5);
			break;
		default:
			rule->model = texts[i];
			snprintf(texts[i], sizeof(texts[i]), "model-%d", i / 5);
		}
	}
	if (budgets_new(make_rules(rules, BUDGETS), &budgets) < 0)
		abort();
	return budgets;
}

int main(void)
{
	struct bench bench = { .budgets = hundred_budgets(),
			       .process = make_process(100, "user-3", "team=team-5"),
			       .out = buf_with_max(65536),
			       .now_ns = MAKE_SEC(1795608000) };
	struct charge *call = &bench.verdict.charge;

	measure(&bench, "budget_look_100", look);
	measure(&bench, "budget_charge_100", charge);
	measure(&bench, "budget_decide_and_charge_100", decide_and_charge);
	span_copy(SPAN("POST /v1/chat/completions"), call->usage.route, sizeof(call->usage.route));
	span_copy(SPAN("api.openai.com"), call->usage.server, sizeof(call->usage.server));
	call->usage.present = call->rated = 7;
	call->rates_yocto[0] = call->rates_yocto[1] = call->rates_yocto[2] = 150000000000000000;
	measure(&bench, "verdict_json", write_json);
	printf("{\"name\":\"verdict_json_bytes\",\"value\":%zu,\"unit\":\"bytes\"}\n",
	       bench.out.len);
	buf_done(&bench.out);
	budgets_free(bench.budgets);
	return 0;
}
