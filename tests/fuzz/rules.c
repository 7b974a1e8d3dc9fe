/* budgets.yaml of any content, and outlayd.yaml for its labels: refused with a line for a person,
 * or rules that can be used. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "budget/labels.h"
#include "budget/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct budget_rules *rules)
{
	struct process process = { .pid = 1, .user = "alice", .labels = "team=search" };
	struct budget_ask ask = { .process = &process,
				  .provider = SPAN("openai"),
				  .model = SPAN("gpt-4o"),
				  .size = { .priced = true, .cost_pico = 1 } };
	struct budget_answer answer;
	struct budgets *budgets;

	for (unsigned i = 0; i < rules->count; i++) {
		const struct budget_rule *rule = &rules->rules[i];

		if (!rule->name[0] || strlen(rule->name) >= BUDGET_NAME_MAX || rule->limit < 0 ||
		    rule->n_labels > RULE_LABELS_MAX)
			abort();
	}
	if (budgets_new(rules, &budgets) < 0)
		return;
	budgets_decide(budgets, &ask, 1000, &answer);
	budgets_free(budgets);
}

static void label(const char *path)
{
	struct process process = { .pid = 1, .user = "ann", .labels = "team=search,=,x" };
	struct budget_rules *rules = calloc(1, sizeof(*rules));
	struct err err = { 0 };
	int rc = rules ? labels_load_rules(path, rules, &err) : -1;

	if (rc == 0)
		labels_apply(rules, &process);
	else if (rules && (!err.text[0] || strchr(err.text, '\n')))
		abort();
	budget_rules_free(rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct budget_rules *rules = NULL;
	struct err err = { 0 };
	char path[64];
	FILE *file;
	int rc;

	snprintf(path, sizeof(path), "/dev/shm/outlay-fuzz-rules-%d", (int)getpid());
	file = fopen(path, "we");
	if (!file)
		return 0;
	fwrite(data, 1, size, file);
	fclose(file);
	label(path);
	rc = budget_rules_load(path, &rules, &err);
	unlink(path);
	if (rc == 0)
		use(rules);
	else if (!err.text[0] || strchr(err.text, '\n') || rules)
		abort();
	return 0;
}
