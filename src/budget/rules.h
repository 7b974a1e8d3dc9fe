/* One entry of budgets.yaml. Texts are never NULL; an empty match text matches all; provider,
 * model, exe, unit and container may hold `*`. */
#pragma once

#include "budget/budget.h"

#define RULE_LABELS_MAX 16 /* of one entry */

struct budget_label {
	char *key;
	char *value;
};

struct budget_rule {
	char *name;
	char *provider, *model, *user, *exe, *unit, *container;
	char *uid; /* in decimal */
	struct budget_label *labels;
	unsigned n_labels;
	money_wide limit_pico;
	enum budget_period period;
	enum budget_mode mode;
	enum budget_unpriced unpriced;
};

struct budget_rules {
	unsigned count;
	struct budget_rule *rules;
};
