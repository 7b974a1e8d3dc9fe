/* Budgets that say hold or cut: when they stop their calls at the kernel, whether those ask or not,
 * and how the kernel can tell whom. A budget stops from when it is spent until its window turns or
 * its limit is raised, or while a person says so; not while a person has released it. */
#pragma once

#include "budget/match.h"

enum stop { STOP_NONE, STOP_HOLD, STOP_CUT };

/* Those that are alike in this are stopped alike. */
enum stop_reach { STOP_ALL, STOP_USER, STOP_CGROUP, STOP_PROCESS };

struct stop_action {
	unsigned index; /* of the budget */
	enum stop stop;
	bool is_new; /* else in force already: to be ordered anew, for the rules are new ones */
	const char *who, *why; /* "outlayd", or the person; until the next reload */
	struct budget_view view;
};

/* Those that were charged since stop_looked. Of others something can only be due because time went
 * on, a person said so, or the rules are new. */
const struct match_set *stop_charged(const struct budgets *budgets);
void stop_looked(struct budgets *budgets);

/* Whether there is something to do for a budget; it stays so until stop_done. */
bool stop_due(struct budgets *budgets, unsigned index, int64_t now_ns,
	      struct stop_action *ret_action);
void stop_done(struct budgets *budgets, const struct stop_action *action);

/* What is in force against this process; its user's name is filled in. */
enum stop stop_of(const struct budgets *budgets, unsigned index, const struct process *process);

enum stop_reach stop_reach(const struct budget_rule *rule);
