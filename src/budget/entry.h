/* One entry of budgets.yaml as it is written, and the rule that it says. */
#pragma once

#include "base/err.h"
#include "budget/rules.h"

/* NULL: not said. */
struct match_entry {
	char *provider, *model, *operation, *user, *exe, *unit, *container, *cgroup;
	uint32_t *uid;
};

struct entry {
	char *name;
	struct match_entry match;
	char *limit, *rate, *burst, *timezone;
	enum budget_mode mode;
	unsigned cut_at_once, throttles;
	char *grace, *rollover, *unpriced;
	char **thresholds; /* NULL: not said */
	unsigned thresholds_count;
	char **essential;
	unsigned essential_count;
};

/* Fills rules->rules[index]; labels are read apart. -EINVAL: what is wrong and where. */
int entry_read(const char *path, unsigned index, const struct entry *entry,
	       struct budget_rules *rules, struct err *err);

/* -EINVAL: "FILE:LINE: budgets[INDEX].KEY: EXPECTED"; NULL: of no key. */
int entry_refuse(const char *path, unsigned index, const char *key, struct err *err,
		 const char *expected);
