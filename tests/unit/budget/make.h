/* Rules, processes and calls for tests of budgets. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "budget/rules.h"

/* Of a decimal literal, exact to the microdollar. */
#define USD(n)      ((int64_t)((n)*1000000) * 1000000)
#define MAKE_SEC(n) ((int64_t)(n)*NS_PER_SEC)

/* What a test says about a rule; NULL texts match all. */
struct make_rule {
	const char *name;
	const char *provider, *model, *operation, *user, *exe, *unit, *container, *cgroup, *uid;
	const char *label_key, *label_value;
	int64_t limit;
	enum budget_unit counts;
	enum budget_period period; /* 0 is a day here */
	bool rolling;
	const struct zone *zone;
	enum budget_mode mode;
	enum budget_unpriced unpriced;
	struct rate_rule rate;
	int64_t ceiling_pico; /* a million tokens */
	unsigned grace_permyriad, rollover_permyriad;
	const char *essential; /* one pattern */
	bool thresholds;       /* 80 %, 100 % */
	bool throttles;
};

static inline char *make_text(const char *text)
{
	return strdup(text ? text : "");
}

/* Owned by whoever takes rules. */
static inline struct budget_rules *make_rules(const struct make_rule *from, unsigned n)
{
	struct budget_rules *rules = calloc(1, sizeof(*rules));

	rules->rules = calloc(n + 1, sizeof(*rules->rules));
	rules->count = n;
	for (unsigned i = 0; i < n; i++) {
		rules->rules[i] = (struct budget_rule){
			.name = make_text(from[i].name),
			.provider = make_text(from[i].provider),
			.model = make_text(from[i].model),
			.operation = make_text(from[i].operation),
			.user = make_text(from[i].user),
			.exe = make_text(from[i].exe),
			.unit = make_text(from[i].unit),
			.container = make_text(from[i].container),
			.cgroup = make_text(from[i].cgroup),
			.uid = make_text(from[i].uid),
			.limit = from[i].limit,
			.counts = from[i].counts,
			.kind = { from[i].period ? from[i].period : BUDGET_DAY, from[i].rolling,
				  from[i].zone },
			.mode = from[i].mode,
			.throttles = from[i].throttles,
			.rate = from[i].rate,
			.unpriced = from[i].unpriced,
			.ceiling_pico = from[i].ceiling_pico,
			.grace_permyriad = from[i].grace_permyriad,
			.rollover_permyriad = from[i].rollover_permyriad,
			.n_thresholds = from[i].thresholds ? 2 : 0,
			.thresholds = { 80, 100 },
		};
		rules->rules[i].essential = calloc(1, sizeof(char *));
		if (from[i].essential)
			rules->rules[i].essential[rules->rules[i].n_essential++] =
			    strdup(from[i].essential);
		if (!from[i].label_key)
			continue;
		rules->rules[i].labels = calloc(1, sizeof(struct budget_label));
		rules->rules[i].labels[0].key = make_text(from[i].label_key);
		rules->rules[i].labels[0].value = make_text(from[i].label_value);
		rules->rules[i].n_labels = 1;
	}
	return rules;
}

static inline struct process make_process(uint32_t pid, const char *user, const char *labels)
{
	struct process process = { .pid = pid, .uid = pid % 7, .start_ns = pid * 20000000ull };

	span_copy(span_of(user), process.user, sizeof(process.user));
	span_copy(SPAN("/usr/bin/python3.11"), process.exe, sizeof(process.exe));
	span_copy(span_of(labels), process.labels, sizeof(process.labels));
	return process;
}

/* A call of openai that took a second; a negative cost = unpriced. */
static inline struct charge make_charge(const struct process *process, const char *model,
					int64_t end_ns, int64_t cost_pico)
{
	struct charge charge = { .source = COST_CATALOG };
	struct usage *usage = &charge.usage;

	usage->process = *process;
	usage->time_start_ns = end_ns - NS_PER_SEC;
	usage->time_end_ns = end_ns;
	span_copy(SPAN("openai"), usage->provider, sizeof(usage->provider));
	span_copy(span_of(model), usage->model_requested, sizeof(usage->model_requested));
	span_copy(span_of(model), usage->model, sizeof(usage->model));
	if (cost_pico < 0) {
		charge.source = COST_UNPRICED;
		charge.doubt = PRICE_DOUBT_MODEL_UNKNOWN;
	} else {
		charge.cost_pico = cost_pico;
	}
	return charge;
}

static inline struct budget_ask make_ask(const struct process *process, const char *model,
					 int64_t cost_pico)
{
	return (struct budget_ask){
		.process = process,
		.provider = SPAN("openai"),
		.model = span_of(model),
		.operation = SPAN("chat"),
		.size = { .priced = cost_pico >= 0, .cost_pico = cost_pico },
	};
}
