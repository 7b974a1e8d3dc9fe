/* What budgets take with them: from the rules before to new ones, and from the ledger at a start. A
 * budget is known by its name. */
#define HASH_NONFATAL_OOM 1
#include "budget/budget.h"

#include <errno.h>

#include "budget/room.h"

struct carry {
	struct budgets *budgets;
	const struct budget *former;
};

/* A budget of before, by its index then: the one of the same name now, or NULL. */
static struct budget *heir(const struct carry *carry, unsigned index)
{
	int now = budgets_find(carry->budgets, carry->former[index].rule->name);

	return now < 0 ? NULL : &carry->budgets->all[now];
}

/* Among the first n, which ascend: two that hold the same do so in the same order. */
static void insert(uint16_t *holds, unsigned n, uint16_t hold)
{
	for (; n && holds[n - 1] > hold; n--)
		holds[n] = holds[n - 1];
	holds[n] = hold;
}

static void carry_holds(void *ctx, struct reservation *r)
{
	struct carry *carry = ctx;
	unsigned n = 0;

	for (unsigned i = 0; i < r->n_holds; i++) {
		const struct budget *former = &carry->former[r->holds[i]];
		struct budget *budget = heir(carry, r->holds[i]);

		/* Only a rate has taken what a rate may give back. */
		if (budget && !budget->rate != !former->rate)
			continue;
		/* Totals that began anew do not have a caller's figure to be replaced. */
		if (!budget || (r->state == RESERVATION_BY_CALLER &&
				!window_knows(&former->totals, r->ended_ns)))
			continue;
		insert(r->holds, n++, (uint16_t)(budget - carry->budgets->all));
		if (r->state == RESERVATION_OPEN && !budget->rate)
			budget->reserved += amount_asked(budget->rule, &r->size);
	}
	r->n_holds = n;
}

/* What its heir has no use for is emptied, so that nothing is taken back from it either. */
static void carry_total(struct budgets *budgets, struct budget *heir, const struct budget *former,
			struct window_total *total)
{
	if (heir->rule->counts != former->rule->counts ||
	    !window_restore(&heir->totals, &heir->rule->kind, total, budgets->now_ns))
		*total = (struct window_total){ .used = 0 };
}

/* A rate of the same kind goes on with what is used of it. */
static void carry_rate(struct budget *heir, struct budget *former, int64_t now_ns)
{
	struct rate *rate = former->rate;

	if (!rate || !heir->rate || heir->rule->counts != former->rule->counts ||
	    rate->rule.kind != heir->rate->rule.kind ||
	    rate->rule.period_ns != heir->rate->rule.period_ns)
		return;
	rate_look(rate, 0, now_ns);
	rate->rule = heir->rule->rate;
	former->rate = heir->rate;
	heir->rate = rate;
}

static void carry_totals(struct budgets *budgets, struct budget *heir, struct budget *former)
{
	carry_rate(heir, former, budgets->now_ns);
	budgets_at(budgets, (unsigned)(heir - budgets->all));
	heir->stop = former->stop;
	if (heir->rule->counts == former->rule->counts)
		flight_carry(&heir->exposure, &former->exposure);
	carry_total(budgets, heir, former, &former->totals.current);
	for (unsigned i = 0; i < former->totals.n_formers; i++)
		if (former->totals.formers[i].window.end_ns)
			carry_total(budgets, heir, former, &former->totals.formers[i]);
	if (heir->rule->counts == former->rule->counts) {
		heir->raised = former->raised;
		heir->raised_until_ns = former->raised_until_ns;
	}
	heir->forced_mode = former->forced_mode;
	heir->forced_until_ns = former->forced_until_ns;
	memcpy(heir->forced_by, former->forced_by, sizeof(heir->forced_by));
	budgets_look(budgets, heir);
	/* Under another limit a threshold that is not reached any more may be told again. */
	if (heir->limit != former->limit)
		alert_rearm(heir);
	budgets->rising = true;
	/* The ledger may have a total of another kind under this very start. */
	if (!heir->totals.exact)
		heir->totals.current.owed = true;
	budgets->owes = true;
}

int budgets_reload(struct budgets *budgets, struct budget_rules *rules, int64_t now_ns)
{
	struct budgets former = *budgets;
	struct carry carry = { budgets, former.all };

	budgets_advance(budgets, now_ns);
	if (budgets_set_rules(budgets, rules) < 0) {
		budget_rules_free(rules);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < former.rules->count; i++) {
		struct budget *budget = heir(&carry, i);

		if (budget)
			carry_totals(budgets, budget, &former.all[i]);
	}
	reserve_each(budgets->reserve, carry_holds, &carry);
	flights_recount(budgets);
	budgets_free_rules(&former);
	budgets_check(budgets);
	return 0;
}

void budgets_restore(struct budgets *budgets, const struct budget_touch *touch, int64_t now_ns)
{
	struct window_total total = {
		.window = { touch->window_start_ns, touch->window_end_ns },
		.used = touch->spent,
		.estimated = touch->estimated,
		.fired_percent = touch->fired_percent,
		.granted = touch->granted,
	};
	struct budget *budget;
	struct window own;
	int index = budgets_find(budgets, touch->name);

	budgets_advance(budgets, now_ns);
	if (index < 0 || budgets->all[index].rule->counts != touch->unit)
		return;
	budget = budgets_at(budgets, (unsigned)index);
	own = window_at(&budget->rule->kind, touch->window_start_ns);
	if (budget->rate && touch->window_end_ns <= now_ns)
		rate_learn(budget->rate, touch->window_start_ns, touch->spent);
	/* Of an hour in which it was no rate yet nothing is known. */
	if (budget->rate && window_same(&total.window, &own)) {
		rate_restore(budget->rate, touch->granted,
			     own.end_ns < now_ns ? own.end_ns : now_ns);
		rate_look(budget->rate, 0, now_ns);
	}
	/* Of a release that knew but one kind of each start. */
	if (!total.window.end_ns)
		total.window = own;
	if (total.window.start_ns == touch->window_start_ns)
		window_restore(&budget->totals, &budget->rule->kind, &total, now_ns);
	budgets->owes |= budget->totals.current.owed;
}
