/* "May I make this call?" Every budget that matches is asked before any is changed, so a decision
 * reserves in all of them or in none. */
#include <assert.h>
#include <errno.h>

#include "budget/labels.h"
#include "budget/state.h"

/* Anybody can say that a call is essential: who may is the budget's word. */
static bool has_grace(const struct budget_rule *rule, const struct budget_ask *ask)
{
	bool may = ask->trusted;

	for (unsigned i = 0; !may && i < rule->n_essential; i++)
		may = match_text(rule->essential[i], span_of(ask->process->user));
	return ask->essential && may;
}

/* Whether the ask does not fit, and why. */
static bool is_reason(const struct budget *budget, const struct budget_ask *ask, int64_t wait_ns,
		      bool *ret_unpriced)
{
	const struct budget_rule *rule = budget->rule;
	bool priced = ask->size.priced && ask->size.cost_pico >= 0;

	*ret_unpriced = !priced && rule->counts == UNIT_USD && rule->unpriced == UNPRICED_DENY;
	if (*ret_unpriced || budget->is_stopped || (rule->throttles && wait_ns))
		return true;
	if (budget->rate)
		return rate_fits_ns(budget->rate, amount_asked(rule, &ask->size)) > 0;
	return window_used(&budget->totals) + budget->reserved + amount_asked(rule, &ask->size) >
	       amount_limit(rule, budget->limit, has_grace(rule, ask));
}

/* Fills `exceeded`; DENY when a budget that advises is among them, WARN for others. */
static enum decision judge(struct budgets *budgets, const struct budget_ask *ask)
{
	enum decision decision = DECISION_ALLOW;
	bool unpriced;

	match_set_clear(&budgets->exceeded);
	MATCH_SET_EACH(i, &budgets->matched)
	{
		const struct budget *budget = budgets_at(budgets, (unsigned)i);

		if (!is_reason(budget, ask, budgets->wait_ns, &unpriced))
			continue;
		match_set_add(&budgets->exceeded, (unsigned)i);
		if (budget->mode >= BUDGET_ADVISE)
			decision = DECISION_DENY;
		else if (decision == DECISION_ALLOW)
			decision = DECISION_WARN;
	}
	return decision;
}

/* Who waits for its turn takes it with the answer: it is asked for where a budget wants to know. */
static int64_t wait_of(const struct budgets *budgets, const struct budget_ask *ask)
{
	MATCH_SET_EACH(i, &budgets->matched)
	if (budgets->all[i].rule->throttles && ask->wait_ns)
		return ask->wait_ns(ask->wait_ctx, ask->process, budgets->now_ns);
	return 0;
}

static void hold(struct budgets *budgets, const struct budget_ask *ask,
		 const struct match_subject *subject, struct budget_answer *answer)
{
	struct reservation *r;

	if (reserve_add(budgets->reserve, &answer->decision_id, subject, &budgets->matched,
			&ask->size, budgets->now_ns, &r) < 0) {
		answer->decision = DECISION_DENY;
		answer->too_many = true;
		return;
	}
	MATCH_SET_EACH(i, &budgets->matched)
	{
		struct budget *budget = &budgets->all[i];

		if (budget->rate) {
			rate_take(budget->rate, amount_asked(budget->rule, &ask->size));
			continue;
		}
		budget->reserved += amount_asked(budget->rule, &ask->size);
		assert(budget->mode == BUDGET_OBSERVE ||
		       window_used(&budget->totals) + budget->reserved <=
			   amount_limit(budget->rule, budget->limit, has_grace(budget->rule, ask)));
	}
	answer->reservation_id = r->id;
	answer->reserved_pico = amount_cost_pico(&ask->size);
	answer->expires_ns = r->leased_ns + RESERVATION_TTL_NS;
}

/* Reasons first: they must not be the ones that are cut. */
static void show(struct budgets *budgets, const struct budget_ask *ask,
		 struct budget_answer *answer)
{
	unsigned n = 0;

	for (int pass = !budgets->exceeded.count; pass < 2; pass++) {
		MATCH_SET_EACH(i, &budgets->matched)
		{
			bool reason = match_set_has(&budgets->exceeded, (unsigned)i);
			const struct budget *budget = &budgets->all[i];
			struct budget_view *view = &answer->budgets[n];

			if (reason != (pass == 0) || n == VERDICT_BUDGETS_MAX)
				continue;
			budgets_show(budgets, budget, view);
			view->exceeded = reason;
			view->asked = amount_asked(budget->rule, &ask->size);
			view->unusual = reason && budgets->wait_ns && budget->rule->throttles;
			if (reason && budget->rate)
				view->resets_ns = rate_fits_ns(budget->rate, view->asked);
			if (view->unusual)
				view->resets_ns = budgets->now_ns + budgets->wait_ns;
			if (reason)
				is_reason(budget, ask, budgets->wait_ns, &view->unpriced);
			n++;
		}
	}
	answer->n_budgets = n;
	answer->n_cut = budgets->matched.count - n;
}

void budgets_decide(struct budgets *budgets, const struct budget_ask *ask, int64_t now_ns,
		    struct budget_answer *ret_answer)
{
	struct process labelled;
	const struct match_subject subject = {
		.process = labels_of(budgets->rules, ask->process, &labelled),
		.provider = ask->provider,
		.operation = ask->operation,
		.models = { ask->model },
		.labels = ask->labels,
	};
	struct budget_answer *answer = ret_answer;

	budgets_advance(budgets, now_ns);
	match_find(budgets->index, &subject, &budgets->matched);
	budgets->asking = ask;
	budgets->wait_ns = wait_of(budgets, ask);
	answer->decision = judge(budgets, ask);
	answer->decision_id = uuid_make(&budgets->ids, now_ns);
	answer->too_many = false;
	answer->reservation_id = (struct uuid){ 0 };
	answer->reserved_pico = 0;
	answer->expires_ns = 0;
	if (!ask->dry_run && answer->decision != DECISION_DENY)
		hold(budgets, ask, &subject, answer);
	show(budgets, ask, answer);
	budgets->asking = NULL;
	if (!ask->dry_run)
		counter_add(answer->decision == DECISION_DENY ? &budgets->counters.denied
							      : &budgets->counters.allowed,
			    1);
	budgets_check(budgets);
}

bool budgets_pattern(const struct budgets *budgets, unsigned index, const struct process *process,
		     struct budget_pattern *ret_pattern)
{
	const struct budget *budget = &budgets->all[index];
	const struct budget_rule *rule = budget->rule;
	struct process labelled;

	process = labels_of(budgets->rules, process, &labelled);
	if ((rule->mode == BUDGET_OBSERVE && budgets->now_ns >= budget->forced_until_ns) ||
	    !match_process(rule, process) || !match_labels(rule, process->labels))
		return false;
	*ret_pattern = (struct budget_pattern){
		.name = rule->name,
		.provider = rule->provider,
		.model = rule->model,
		.operation = rule->operation,
	};
	return true;
}

unsigned budgets_generation(const struct budgets *budgets)
{
	return budgets->generation;
}
