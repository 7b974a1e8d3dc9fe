/* override: a person's word on one budget: who, when, why. Made by src/policy, obeyed by
 * src/budget, kept by the ledger, whose rows are told again at the next start. */
#pragma once

#include "budget/verdict.h"

enum override_action {
	OVERRIDE_RAISE,   /* the limit is higher by `amount`; another one takes its place */
	OVERRIDE_HOLD,    /* calls are stopped as in mode hold, whatever is spent */
	OVERRIDE_CUT,     /* ... as in mode cut */
	OVERRIDE_RELEASE, /* nothing is held or cut, whatever is spent */
	OVERRIDE_RESET,   /* what was used in the window is `amount` */
	OVERRIDE_ACTIONS
};

struct budget_override {
	char budget[BUDGET_NAME_MAX];
	enum override_action action;
	enum budget_unit unit; /* of the amount: must be the budget's */
	money_wide amount;     /* 0 or more */
	int64_t time_ns;
	int64_t until_ns; /* 0: not said */
	uint32_t uid, pid;
	char user[33];
	char why[256];
};

/* "raise", "hold", "cut", "release", "reset" */
const char *override_name(enum override_action action);
int override_find(struct span name, enum override_action *ret_action); /* -ENOENT */

struct budgets;

/* Obeys, from `time_ns` on. Of a word without an end: a hold or a cut has none (INT64_MAX), a raise
 * and a release end with the window, of a rolling one after its length; that is filled in. -ENOENT:
 * no such budget; -EINVAL: another unit; -EOPNOTSUPP: a rate,
 * which has nothing to raise or reset; -EDOM: its calls cannot be held or cut, for it matches a
 * model or an operation, which no connection tells; -ERANGE: it is over before it begins. */
int override_obey(struct budgets *budgets, struct budget_override *override);

/* From the ledger, in the order in which they were said, before the totals of windows: what still
 * holds is obeyed, of budgets that still are. */
void override_restore(struct budgets *budgets, const struct budget_override *override,
		      int64_t now_ns);
