/* Thresholds: which parts of its limit a budget has reached in this window, each told once. The
 * highest that was told is kept with the window, in the ledger too. */
#include "budget/state.h"

static bool has_reached(const struct budget *budget, unsigned percent)
{
	money_wide used = window_used(&budget->totals);

	return used > 0 && used * 100 >= budget->limit * percent;
}

uint16_t alert_due(const struct budget *budget)
{
	const struct budget_rule *rule = budget->rule;

	for (unsigned i = 0; i < rule->n_thresholds; i++)
		if (rule->thresholds[i] > budget->totals.current.fired_percent &&
		    rule->thresholds[i] > budget->totals.older_fired)
			return has_reached(budget, rule->thresholds[i]) ? rule->thresholds[i] : 0;
	return 0;
}

void alert_rearm(struct budget *budget)
{
	if (!has_reached(budget, budget->totals.current.fired_percent))
		budget->totals.current.fired_percent = 0;
}

unsigned budgets_alerts(struct budgets *budgets, struct budget_alert *alerts)
{
	unsigned n = 0;

	for (unsigned i = 0; budgets->rising && i < budgets->rules->count; i++) {
		struct budget *budget = budgets_at(budgets, i);
		uint16_t percent = alert_due(budget);

		for (; percent; percent = alert_due(budget)) {
			if (n == BUDGET_ALERTS_MAX)
				return n;
			alerts[n].index = i;
			alerts[n].percent = percent;
			budgets_view(budgets, i, budgets->now_ns, &alerts[n++].view);
			budget->totals.current.fired_percent = percent;
			budgets_owe(budgets, &budget->totals.current);
		}
	}
	budgets->rising = false;
	return n;
}
