/* One entry of budgets.yaml. Texts are never NULL; an empty match text matches all; provider,
 * model, operation, exe, unit and container may hold `*`. */
#pragma once

#include "budget/budget.h"
#include "budget/rate.h"
#include "budget/window.h"

#define RULE_LABELS_MAX     16 /* of one entry */
#define RULE_THRESHOLDS_MAX 16
#define RULE_ESSENTIAL_MAX  64

struct budget_label {
	char *key;
	char *value;
};

struct budget_rule {
	char *name;
	char *provider, *model, *operation, *user, *exe, *unit, *container, *cgroup;
	char *uid; /* in decimal */
	struct budget_label *labels;
	unsigned n_labels;
	enum budget_unit counts;
	money_wide limit;
	struct window_kind kind;
	struct rate_rule rate; /* of a rate limit: `limit` is its `max`, `kind` the hour */
	enum budget_mode mode;
	bool cut_at_once; /* also what is in the middle of a call */
	bool throttles;   /* programs that depart from their habit */
	unsigned n_thresholds;
	uint16_t thresholds[RULE_THRESHOLDS_MAX]; /* percent of the limit, ascending */
	unsigned grace_permyriad;                 /* of the limit, for essential calls */
	char **essential;                         /* patterns of users whose calls may be */
	unsigned n_essential;
	unsigned rollover_permyriad; /* of the limit: so much is carried into the next window */
	enum budget_unpriced unpriced;
	int64_t ceiling_pico; /* UNPRICED_CEILING: a million tokens, or a request */
	bool ceiling_per_request;
};

struct named_zone {
	char *name;
	struct zone *zone;
};

struct budget_rules {
	unsigned count;
	struct budget_rule *rules;
	unsigned n_zones;
	struct named_zone *zones; /* those that the rules name */
	unsigned n_labellers;
	struct budget_rule *labellers; /* what matches gets their labels: budget/labels.h */
};

/* Matches all, says nothing. -ENOMEM. */
int rules_blank(struct budget_rule *rule);

/* Of the budget with this index: valid until the next reload. */
const struct budget_rule *budgets_rule(const struct budgets *budgets, unsigned index);
