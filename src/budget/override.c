/* Persons' words on budgets. One of each kind is in force: a raise, and one of hold, cut and
 * release; the next of its kind takes its place. */
#define HASH_NONFATAL_OOM 1
#include "budget/override.h"

#include <errno.h>

#include "budget/room.h"

static const char *const names[OVERRIDE_ACTIONS] = { "raise", "hold", "cut", "release", "reset" };

const char *override_name(enum override_action action)
{
	return names[action];
}

int override_find(struct span name, enum override_action *ret_action)
{
	for (unsigned i = 0; i < OVERRIDE_ACTIONS; i++) {
		if (!span_eq(name, span_of(names[i])))
			continue;
		*ret_action = (enum override_action)i;
		return 0;
	}
	return -ENOENT;
}

/* When a word ends that says nothing of it. */
static int64_t usual_end(const struct budget *budget, const struct budget_override *word)
{
	const struct window_kind *kind = &budget->rule->kind;

	if (word->action == OVERRIDE_HOLD || word->action == OVERRIDE_CUT)
		return INT64_MAX;
	if (kind->rolling)
		return word->time_ns + window_length_ns(kind->period);
	return window_at(kind, word->time_ns).end_ns;
}

/* All that was used is of now: nothing is left of former pieces. */
static void reset(struct budgets *budgets, struct budget *budget, money_wide amount)
{
	struct window_totals *totals = &budget->totals;

	for (unsigned i = 0; budget->rule->kind.rolling && i < totals->n_formers; i++)
		if (totals->formers[i].used) {
			window_add(totals, &budget->rule->kind, &totals->formers[i],
				   -totals->formers[i].used);
			totals->formers[i].estimated = 0;
			budgets_owe(budgets, &totals->formers[i]);
		}
	totals->current.used = amount;
	totals->current.estimated = 0;
	budgets_owe(budgets, &totals->current);
}

static void apply(struct budgets *budgets, struct budget *budget,
		  const struct budget_override *word)
{
	static const enum budget_mode modes[] = { [OVERRIDE_HOLD] = BUDGET_HOLD,
						  [OVERRIDE_CUT] = BUDGET_CUT,
						  [OVERRIDE_RELEASE] = BUDGET_ADVISE };

	if (word->action == OVERRIDE_RAISE) {
		budget->raised = word->amount;
		budget->raised_until_ns = word->until_ns;
	} else if (word->action == OVERRIDE_RESET) {
		reset(budgets, budget, word->amount);
	} else {
		budget->forced_mode = modes[word->action];
		budget->forced_until_ns = word->until_ns;
		memcpy(budget->forced_by, word->user, sizeof(budget->forced_by));
	}
	budgets_look(budgets, budget);
	budgets->generation++; /* an observing one may refuse now */
	alert_rearm(budget);
	budgets->rising = true;
}

static struct budget *find(struct budgets *budgets, const struct budget_override *word)
{
	int index = budgets_find(budgets, word->budget);

	return index < 0 ? NULL : budgets_at(budgets, (unsigned)index);
}

int override_obey(struct budgets *budgets, struct budget_override *word)
{
	bool stops = word->action == OVERRIDE_HOLD || word->action == OVERRIDE_CUT;
	bool counts = word->action == OVERRIDE_RAISE || word->action == OVERRIDE_RESET;
	struct budget *budget;

	budgets_advance(budgets, word->time_ns);
	budget = find(budgets, word);
	if (!budget)
		return -ENOENT;
	if (counts && budget->rate)
		return -EOPNOTSUPP;
	if (counts && word->unit != budget->rule->counts)
		return -EINVAL;
	if (stops && (budget->rule->model[0] || budget->rule->operation[0]))
		return -EDOM;
	if (!word->until_ns && word->action != OVERRIDE_RESET)
		word->until_ns = usual_end(budget, word);
	if (word->action != OVERRIDE_RESET && word->until_ns <= word->time_ns)
		return -ERANGE;
	apply(budgets, budget, word);
	budgets_check(budgets);
	return 0;
}

void override_restore(struct budgets *budgets, const struct budget_override *word, int64_t now_ns)
{
	struct budget *budget;

	budgets_advance(budgets, now_ns);
	budget = find(budgets, word);
	/* What was reset is in the totals. */
	if (budget && word->action != OVERRIDE_RESET &&
	    (word->action != OVERRIDE_RAISE || word->unit == budget->rule->counts))
		apply(budgets, budget, word);
}
