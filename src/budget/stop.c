/* The rule of hold and cut. What is in force stands with the budget, so that a reload carries it
 * to the budget of the same name. */
#include "budget/stop.h"

#include "budget/labels.h"
#include "budget/match.h"
#include "budget/state.h"

#define DELAY_NS_MAX 1000000000

static enum stop due(const struct budget_view *view)
{
	if (view->mode < BUDGET_HOLD || (view->spent < view->limit && !view->stopped))
		return STOP_NONE;
	return view->mode == BUDGET_HOLD ? STOP_HOLD : STOP_CUT;
}

const struct match_set *stop_charged(const struct budgets *budgets)
{
	return &budgets->charged;
}

void stop_looked(struct budgets *budgets)
{
	match_set_clear(&budgets->charged);
}

bool stop_due(struct budgets *budgets, unsigned index, int64_t now_ns,
	      struct stop_action *ret_action)
{
	const struct budget *budget = &budgets->all[index];
	struct stop_action *action = ret_action;
	bool by_person;

	if (budget->rule->mode < BUDGET_HOLD && !budget->stop && !budget->forced_until_ns)
		return false;
	budgets_view(budgets, index, now_ns, &action->view);
	action->index = index;
	action->stop = due(&action->view);
	action->is_new = action->stop != budget->stop;
	by_person = action->stop ? action->view.stopped : now_ns < budget->forced_until_ns;
	action->who = by_person ? budget->forced_by : "outlayd";
	action->why = action->stop ? by_person ? "a person says so" : "it is spent"
		      : by_person  ? "a person let it go"
				   : "it has room again";
	return action->is_new || (action->stop && !budget->is_ordered);
}

/* How long it took from the end of the call that spent the budget. */
static void measure(struct budgets *budgets, const struct budget *budget)
{
	int64_t took_ns = budgets->now_ns - budget->charged_end_ns;

	/* Else it was no call. */
	if (took_ns > budgets->stop_delay_ns && took_ns < DELAY_NS_MAX)
		budgets->stop_delay_ns = took_ns;
}

void stop_done(struct budgets *budgets, const struct stop_action *action)
{
	if (action->is_new && action->stop && budgets->all[action->index].charged_end_ns)
		measure(budgets, &budgets->all[action->index]);
	budgets->all[action->index].stop = action->stop;
	budgets->all[action->index].is_ordered = true;
}

enum stop stop_of(const struct budgets *budgets, unsigned index, const struct process *process)
{
	const struct budget *budget = &budgets->all[index];
	struct process copy;

	if (!budget->stop || !match_process(budget->rule, process))
		return STOP_NONE;
	process = labels_of(budgets->rules, process, &copy);
	return match_labels(budget->rule, process->labels) ? budget->stop : STOP_NONE;
}

enum stop_reach stop_reach(const struct budget_rule *rule)
{
	bool by_user = rule->user[0] || rule->uid[0],
	     by_cgroup = rule->unit[0] || rule->container[0] || rule->cgroup[0];

	if (rule->exe[0] || rule->n_labels || (by_user && by_cgroup))
		return STOP_PROCESS;
	return by_user ? STOP_USER : by_cgroup ? STOP_CGROUP : STOP_ALL;
}
