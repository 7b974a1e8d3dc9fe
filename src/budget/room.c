/* Roll-over: a window takes what the one before has left. That is kept as `granted`, what could be
 * used in it until its end, so that a late charge to it, or a restart, changes what it leaves. */
#include "budget/room.h"

/* What may be used in a window besides what is carried into it. */
static money_wide fresh(const struct budget *budget, const struct window *window)
{
	return budget->rule->limit +
	       (window->end_ns <= budget->raised_until_ns ? budget->raised : 0);
}

static money_wide at_most(money_wide amount, money_wide cap)
{
	return amount < 0 ? 0 : amount < cap ? amount : cap;
}

/* The windows in between were not used at all: each leaves the limit more, until the cap. */
static money_wide carried(const struct budget *budget, const struct window_total *former)
{
	const struct budget_rule *rule = budget->rule;
	money_wide cap = rule->limit * rule->rollover_permyriad / 10000;
	money_wide left = at_most(former->granted - former->used, cap);
	struct window idle = former->window;

	while (left < cap && idle.end_ns < budget->totals.current.window.start_ns) {
		idle = window_at(&rule->kind, idle.end_ns);
		left = at_most(left + fresh(budget, &idle), cap);
	}
	return left;
}

bool room_look(struct budget *budget, int64_t now_ns)
{
	const struct budget_rule *rule = budget->rule;
	struct window_total *current = &budget->totals.current;
	const struct window_total *former = &budget->totals.formers[0];
	money_wide granted = current->granted;
	bool is_forced = now_ns < budget->forced_until_ns;

	/* With the clock set back the former one is a later one: what was carried then stays. */
	if (!rule->rollover_permyriad)
		current->carried = 0;
	else if (former->window.end_ns && former->window.end_ns <= current->window.start_ns)
		current->carried = carried(budget, former);
	if (!budget->rate)
		current->granted = fresh(budget, &current->window) + current->carried;
	budget->limit = rule->limit + current->carried +
			(now_ns < budget->raised_until_ns ? budget->raised : 0);
	budget->mode = rule->mode;
	budget->is_stopped = is_forced && budget->forced_mode >= BUDGET_HOLD;
	if (is_forced && (budget->is_stopped || rule->mode > budget->forced_mode))
		budget->mode = budget->forced_mode;
	return rule->rollover_permyriad && current->granted != granted;
}
