/* The state of all budgets: made from rules, carried over a reload, restored from the ledger,
 * shown. A budget turns to its current window when it is next looked at; nothing walks all of them
 * when a day ends. */
#define HASH_NONFATAL_OOM 1
#include "budget/budget.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "budget/state.h"

CLEANUP_FOR(match_index, struct match_index *, match_index_free)
CLEANUP_FOR(budgets, struct budgets *, budgets_free)

/* --- made from rules */

/* All or nothing: rules, index, budgets and their names. */
static int set_rules(struct budgets *budgets, struct budget_rules *rules)
{
	CLEANUP(cleanup_match_index) struct match_index *index = NULL;
	FREE_PTR struct budget *all = calloc(rules->count + 1, sizeof(*all));
	struct budget *by_name = NULL;

	if (!all || match_index_new(rules, &index) < 0)
		return -ENOMEM;
	for (unsigned i = 0; i < rules->count; i++) {
		struct budget *budget = &all[i];

		budget->rule = &rules->rules[i];
		HASH_ADD_KEYPTR(hh, by_name, budget->rule->name, strlen(budget->rule->name),
				budget);
		if (!budget->hh.tbl) {
			HASH_CLEAR(hh, by_name);
			return -ENOMEM;
		}
	}
	budgets->rules = rules;
	budgets->index = TAKE_PTR(index);
	budgets->all = TAKE_PTR(all);
	budgets->by_name = by_name;
	return 0;
}

static void free_rules(struct budgets *budgets)
{
	HASH_CLEAR(hh, budgets->by_name);
	free(budgets->all);
	match_index_free(budgets->index);
	budget_rules_free(budgets->rules);
}

int budgets_new(struct budget_rules *rules, struct budgets **ret_budgets)
{
	CLEANUP(cleanup_budgets) struct budgets *budgets = calloc(1, sizeof(*budgets));

	if (!budgets || reserve_new(&budgets->reserve) < 0 || set_rules(budgets, rules) < 0) {
		budget_rules_free(rules);
		return -ENOMEM;
	}
	*ret_budgets = TAKE_PTR(budgets);
	return 0;
}

void budgets_free(struct budgets *budgets)
{
	if (!budgets)
		return;
	reserve_free(budgets->reserve);
	free_rules(budgets);
	free(budgets);
}

/* --- time */

static void release_lapsed(struct budgets *budgets)
{
	struct reservation *r = reserve_expired(budgets->reserve, budgets->now_ns);

	for (; r; r = reserve_expired(budgets->reserve, budgets->now_ns)) {
		budgets_release(budgets, r);
		reserve_end(budgets->reserve, r, RESERVATION_LAPSED, budgets->now_ns);
		counter_add(&budgets->counters.expired, 1);
	}
}

void budgets_advance(struct budgets *budgets, int64_t now_ns)
{
	if (now_ns < budgets->now_ns - RESERVATION_SLACK_NS)
		reserve_rewind(budgets->reserve, now_ns);
	budgets->now_ns = now_ns;
	for (enum budget_period p = BUDGET_DAY; p <= BUDGET_MONTH; p++)
		if (!window_holds(&budgets->windows[p], now_ns))
			budgets->windows[p] = window_at(p, now_ns);
	release_lapsed(budgets);
}

struct budget *budgets_at(struct budgets *budgets, unsigned index)
{
	struct budget *budget = &budgets->all[index];

	window_turn(&budget->totals, &budgets->windows[budget->rule->period]);
	return budget;
}

void budgets_tick(struct budgets *budgets, int64_t now_ns)
{
	budgets_advance(budgets, now_ns);
	budgets_check(budgets);
}

/* --- money */

void budgets_release(struct budgets *budgets, const struct reservation *reservation)
{
	for (unsigned i = 0; i < reservation->n_holds; i++)
		budgets->all[reservation->holds[i]].reserved_pico -= reservation->amount_pico;
}

void budgets_tell(const struct budget *budget, struct window_total *total,
		  struct budget_touch *ret_touch)
{
	*ret_touch = (struct budget_touch){
		.window_start_ns = total->window.start_ns,
		.spent_pico = total->pico,
	};
	span_copy(span_of(budget->rule->name), ret_touch->name, sizeof(ret_touch->name));
	total->owed = false;
}

void budgets_owe(struct budgets *budgets, struct window_total *total)
{
	total->owed = true;
	budgets->owes = true;
}

unsigned budgets_owed(struct budgets *budgets, struct budget_touch *touches)
{
	unsigned n = 0;

	for (unsigned i = 0; budgets->owes && i < budgets->rules->count; i++) {
		struct window_totals *totals = &budgets->all[i].totals;

		if (n + 2 > VERDICT_BUDGETS_MAX)
			return n;
		if (totals->former.owed)
			budgets_tell(&budgets->all[i], &totals->former, &touches[n++]);
		if (totals->current.owed)
			budgets_tell(&budgets->all[i], &totals->current, &touches[n++]);
	}
	budgets->owes = false;
	return n;
}

#ifndef NDEBUG
static void add_holds(void *ctx, struct reservation *r)
{
	money_wide *sums = ctx;

	for (unsigned i = 0; r->state == RESERVATION_OPEN && i < r->n_holds; i++)
		sums[r->holds[i]] += r->amount_pico;
}
#endif

void budgets_check(const struct budgets *budgets)
{
#ifndef NDEBUG
	FREE_PTR money_wide *sums = NULL;
	unsigned n_open = reserve_n_open(budgets->reserve);

	/* A sum over all of them after each step: of many, now and then. */
	if (n_open > 1024 && n_open % 1024)
		return;
	sums = calloc(budgets->rules->count + 1, sizeof(*sums));
	if (!sums)
		return;
	reserve_each(budgets->reserve, add_holds, sums);
	for (unsigned i = 0; i < budgets->rules->count; i++)
		assert(budgets->all[i].reserved_pico == sums[i] && sums[i] >= 0);
#else
	(void)budgets;
#endif
}

/* --- reload and restore */

struct carry {
	struct budgets *budgets;
	const struct budget *former;
};

/* A budget of before, by its index then: the one of the same name now, or NULL. */
static struct budget *heir(const struct carry *carry, unsigned index)
{
	const char *name = carry->former[index].rule->name;
	struct budget *budget;

	HASH_FIND_STR(carry->budgets->by_name, name, budget);
	return budget;
}

static void carry_holds(void *ctx, struct reservation *r)
{
	struct carry *carry = ctx;
	unsigned n = 0;

	for (unsigned i = 0; i < r->n_holds; i++) {
		struct budget *budget = heir(carry, r->holds[i]);
		bool same_period =
		    budget && budget->rule->period == carry->former[r->holds[i]].rule->period;

		/* Totals that began anew do not have a caller's figure to be replaced. */
		if (!budget || (r->state == RESERVATION_BY_CALLER && !same_period))
			continue;
		r->holds[n++] = (uint16_t)(budget - carry->budgets->all);
		if (r->state == RESERVATION_OPEN)
			budget->reserved_pico += r->amount_pico;
	}
	r->n_holds = n;
}

int budgets_reload(struct budgets *budgets, struct budget_rules *rules, int64_t now_ns)
{
	struct budgets former = *budgets;
	struct carry carry = { budgets, former.all };

	budgets_advance(budgets, now_ns);
	if (set_rules(budgets, rules) < 0) {
		budget_rules_free(rules);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < former.rules->count; i++) {
		struct budget *budget = heir(&carry, i);

		if (!budget)
			continue;
		if (budget->rule->period == former.all[i].rule->period)
			budget->totals = former.all[i].totals;
		else /* the ledger may have another period's total under this very start */
			budgets_owe(budgets, &budgets_at(budgets, (unsigned)(budget - budgets->all))
						  ->totals.current);
	}
	reserve_each(budgets->reserve, carry_holds, &carry);
	free_rules(&former);
	budgets_check(budgets);
	return 0;
}

void budgets_restore(struct budgets *budgets, const struct budget_touch *touch, int64_t now_ns)
{
	struct window_total total = { .pico = touch->spent_pico };
	struct budget *budget;

	budgets_advance(budgets, now_ns);
	HASH_FIND_STR(budgets->by_name, touch->name, budget);
	if (!budget)
		return;
	budget = budgets_at(budgets, (unsigned)(budget - budgets->all));
	total.window = window_at(budget->rule->period, touch->window_start_ns);
	if (total.window.start_ns != touch->window_start_ns)
		return; /* of another period: the rule was changed */
	if (total.window.start_ns == budget->totals.current.window.start_ns)
		budget->totals.current = total;
	else if (total.window.start_ns < budget->totals.current.window.start_ns)
		budget->totals.former = total;
}

/* --- shown */

unsigned budgets_count(const struct budgets *budgets)
{
	return budgets->rules->count;
}

void budgets_view(const struct budgets *budgets, unsigned index, int64_t now_ns,
		  struct budget_view *ret_view)
{
	const struct budget *budget = &budgets->all[index];
	const struct budget_rule *rule = budget->rule;
	struct window_totals totals = budget->totals; /* a view turns no budget */
	struct window window = budgets->windows[rule->period];

	if (!window_holds(&window, now_ns))
		window = window_at(rule->period, now_ns);
	window_turn(&totals, &window);
	*ret_view = (struct budget_view){
		.name = rule->name,
		.limit_pico = rule->limit_pico,
		.spent_pico = totals.current.pico,
		.reserved_pico = budget->reserved_pico,
		.window_start_ns = window.start_ns,
		.resets_ns = window.end_ns,
		.mode = rule->mode,
		.exceeded = totals.current.pico + budget->reserved_pico > rule->limit_pico,
	};
}

bool budgets_concern(const struct budgets *budgets, unsigned index, const struct process *process)
{
	return match_process(budgets->all[index].rule, process);
}

const struct budget_counters *budgets_counters(const struct budgets *budgets)
{
	return &budgets->counters;
}
