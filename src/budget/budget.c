/* The state of all budgets: made from rules, shown. A budget turns to its current window when it is
 * next looked at; nothing walks all of them when a day ends. */
#define HASH_NONFATAL_OOM 1
#include "budget/budget.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "budget/limit.h"
#include "budget/room.h"

CLEANUP_FOR(match_index, struct match_index *, match_index_free)
CLEANUP_FOR(budgets, struct budgets *, budgets_free)

/* --- made from rules */

static void done_totals(struct budget *all, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		window_done(&all[i].totals);
		free(all[i].rate);
	}
}

int budgets_set_rules(struct budgets *budgets, struct budget_rules *rules)
{
	CLEANUP(cleanup_match_index) struct match_index *index = NULL;
	FREE_PTR struct budget *all = calloc(rules->count + 1, sizeof(*all));
	struct budget *by_name = NULL;

	if (!all || match_index_new(rules, &index) < 0)
		return -ENOMEM;
	for (unsigned i = 0; i < rules->count; i++) {
		struct budget *budget = &all[i];

		budget->rule = &rules->rules[i];
		if (window_init(&budget->totals, &budget->rule->kind) == 0 &&
		    (!budget->rule->rate.kind || rate_new(&budget->rule->rate, &budget->rate) == 0))
			HASH_ADD_KEYPTR(hh, by_name, budget->rule->name, strlen(budget->rule->name),
					budget);
		if (!budget->hh.tbl) {
			HASH_CLEAR(hh, by_name);
			done_totals(all, i + 1);
			return -ENOMEM;
		}
	}
	budgets->generation++;
	match_set_clear(&budgets->charged);
	budgets->rules = rules;
	budgets->index = TAKE_PTR(index);
	budgets->all = TAKE_PTR(all);
	budgets->by_name = by_name;
	return 0;
}

void budgets_free_rules(struct budgets *budgets)
{
	HASH_CLEAR(hh, budgets->by_name);
	if (budgets->all)
		done_totals(budgets->all, budgets->rules->count);
	free(budgets->all);
	match_index_free(budgets->index);
	budget_rules_free(budgets->rules);
}

int budgets_new(struct budget_rules *rules, struct budgets **ret_budgets)
{
	CLEANUP(cleanup_budgets) struct budgets *budgets = calloc(1, sizeof(*budgets));

	if (!budgets || reserve_new(&budgets->reserve) < 0 || flights_new(&budgets->flights) < 0 ||
	    budgets_set_rules(budgets, rules) < 0) {
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
	flights_free(budgets->flights);
	budgets_free_rules(budgets);
	free(budgets);
}

/* --- time */

static void release_lapsed(struct budgets *budgets)
{
	struct reservation *r = reserve_expired(budgets->reserve, budgets->now_ns);

	for (; r; r = reserve_expired(budgets->reserve, budgets->now_ns)) {
		budgets_give_back(budgets, r);
		reserve_end(budgets->reserve, r, RESERVATION_LAPSED, budgets->now_ns);
		counter_add(&budgets->counters.expired, 1);
	}
}

void budgets_advance(struct budgets *budgets, int64_t now_ns)
{
	if (now_ns < budgets->now_ns - RESERVATION_SLACK_NS)
		reserve_rewind(budgets->reserve, now_ns);
	budgets->now_ns = now_ns;
	release_lapsed(budgets);
}

void budgets_look(struct budgets *budgets, struct budget *budget)
{
	if (room_look(budget, budgets->now_ns))
		budgets_owe(budgets, &budget->totals.current);
}

static uint64_t whose(const struct budget_ask *ask)
{
	return ask ? rate_whose(ask->provider, ask->model) : 0;
}

struct budget *budgets_at(struct budgets *budgets, unsigned index)
{
	struct budget *budget = &budgets->all[index];
	struct window former = budget->totals.current.window;
	money_wide used = budget->totals.current.used;

	budgets->owes |= window_turn(&budget->totals, &budget->rule->kind, budgets->now_ns);
	if (budget->rate) {
		if (former.end_ns <= budget->totals.current.window.start_ns)
			rate_learn(budget->rate, former.start_ns, used);
		rate_look(budget->rate, whose(budgets->asking), budgets->now_ns);
	}
	budgets_look(budgets, budget);
	return budget;
}

void budgets_tick(struct budgets *budgets, int64_t now_ns)
{
	budgets_advance(budgets, now_ns);
	budgets_check(budgets);
}

/* --- money */

void budgets_let_go(struct budgets *budgets, const struct reservation *reservation)
{
	for (unsigned i = 0; i < reservation->n_holds; i++) {
		struct budget *budget = &budgets->all[reservation->holds[i]];

		if (budget->rate)
			rate_unbook(budget->rate, amount_asked(budget->rule, &reservation->size),
				    reservation->made_ns);
		else
			budget->reserved -= amount_asked(budget->rule, &reservation->size);
	}
}

void budgets_give_back(struct budgets *budgets, const struct reservation *reservation)
{
	budgets_let_go(budgets, reservation);
	for (unsigned i = 0; i < reservation->n_holds; i++)
		if (budgets->all[reservation->holds[i]].rate)
			rate_take(budgets_at(budgets, reservation->holds[i])->rate, 0);
}

void budgets_tell(const struct budget *budget, struct window_total *total,
		  struct budget_touch *ret_touch)
{
	*ret_touch = (struct budget_touch){
		.unit = budget->rule->counts,
		.window_start_ns = total->window.start_ns,
		.window_end_ns = total->window.end_ns,
		.spent = total->used,
		.estimated = total->estimated,
		.fired_percent = total->fired_percent,
		.granted = total->granted,
	};
	span_copy(span_of(budget->rule->name), ret_touch->name, sizeof(ret_touch->name));
	total->owed = false;
}

void budgets_owe(struct budgets *budgets, struct window_total *total)
{
	total->owed = true;
	budgets->owes = true;
}

static struct window_total *next_owed(struct budget *budget)
{
	for (unsigned i = 0; i < budget->totals.n_formers; i++)
		if (budget->totals.formers[i].owed)
			return &budget->totals.formers[i];
	return budget->totals.current.owed ? &budget->totals.current : NULL;
}

unsigned budgets_owed(struct budgets *budgets, struct budget_touch *touches)
{
	unsigned n = 0;

	for (unsigned i = 0; budgets->owes && i < budgets->rules->count; i++) {
		struct budget *budget = &budgets->all[i];
		struct window_total *total;

		for (total = next_owed(budget); total; total = next_owed(budget)) {
			if (n == VERDICT_BUDGETS_MAX)
				return n;
			budgets_tell(budget, total, &touches[n++]);
		}
	}
	budgets->owes = false;
	return n;
}

#ifndef NDEBUG
struct sums {
	const struct budget *all;
	money_wide *sums;
};

static void add_holds(void *ctx, struct reservation *r)
{
	struct sums *s = ctx;

	for (unsigned i = 0; r->state == RESERVATION_OPEN && i < r->n_holds; i++)
		if (!s->all[r->holds[i]].rate)
			s->sums[r->holds[i]] += amount_asked(s->all[r->holds[i]].rule, &r->size);
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
	reserve_each(budgets->reserve, add_holds, &(struct sums){ budgets->all, sums });
	for (unsigned i = 0; i < budgets->rules->count; i++)
		assert(budgets->all[i].reserved == sums[i] && sums[i] >= 0);
#else
	(void)budgets;
#endif
}

/* --- shown */

unsigned budgets_count(const struct budgets *budgets)
{
	return budgets->rules->count;
}

int budgets_find(const struct budgets *budgets, const char *name)
{
	const struct budget *budget;

	HASH_FIND_STR(budgets->by_name, name, budget);
	return budget ? (int)(budget - budgets->all) : -1;
}

/* Rolling: when the oldest piece that holds something stops to count. */
static int64_t resets_at(const struct budget *budget)
{
	const struct window_totals *totals = &budget->totals;
	int64_t oldest_ns = totals->current.window.start_ns;

	if (!budget->rule->kind.rolling)
		return totals->current.window.end_ns;
	for (unsigned i = 0; i < totals->n_formers; i++)
		if (window_counts(totals, &budget->rule->kind, &totals->formers[i].window) &&
		    totals->formers[i].used && totals->formers[i].window.start_ns < oldest_ns)
			oldest_ns = totals->formers[i].window.start_ns;
	return oldest_ns + window_length_ns(budget->rule->kind.period) +
	       totals->current.window.end_ns - totals->current.window.start_ns;
}

const struct budget_rule *budgets_rule(const struct budgets *budgets, unsigned index)
{
	return budgets->all[index].rule;
}

/* Of a rate the figures say what is left of it now, and when all of that is there again. */
static void view_rate(const struct rate *rate, int64_t now_ns, struct budget_view *view)
{
	view->rate = rate->limit;
	view->limit = rate_size(rate);
	view->spent = rate_used(rate);
	view->estimated = -1;
	view->raised = 0;
	view->former = -1;
	view->rolling = true;
	view->window_start_ns = now_ns - rate->rule.period_ns;
	view->resets_ns = view->spent > 0 ? rate_fits_ns(rate, view->limit) : now_ns;
	view->exceeded = view->spent > view->limit;
}

void budgets_show(const struct budgets *budgets, const struct budget *budget,
		  struct budget_view *ret_view)
{
	const struct budget_rule *rule = budget->rule;

	*ret_view = (struct budget_view){
		.name = rule->name,
		.index = (unsigned)(budget - budgets->all),
		.unit = rule->counts,
		.window = limit_window_name(rule),
		.limit = budget->limit,
		.carried = budget->totals.current.carried,
		.raised = budget->limit - rule->limit - budget->totals.current.carried,
		.spent = window_used(&budget->totals),
		.estimated = window_estimated(&budget->totals, &rule->kind),
		.reserved = budget->reserved,
		.window_start_ns = budget->totals.current.window.start_ns,
		.resets_ns = resets_at(budget),
		.former = window_former(&budget->totals, &rule->kind),
		.rolling = rule->kind.rolling,
		.mode = budget->mode,
		.stopped = budget->is_stopped,
		.exceeded = window_used(&budget->totals) + budget->reserved > budget->limit,
	};
	if (budget->rate)
		view_rate(budget->rate, budgets->now_ns, ret_view);
	if (rule->kind.rolling)
		ret_view->window_start_ns -= window_length_ns(rule->kind.period);
}

void budgets_view(struct budgets *budgets, unsigned index, int64_t now_ns,
		  struct budget_view *ret_view)
{
	if (now_ns != budgets->now_ns)
		budgets_advance(budgets, now_ns);
	budgets_show(budgets, budgets_at(budgets, index), ret_view);
}

bool budgets_concern(const struct budgets *budgets, unsigned index, const struct process *process)
{
	return match_process(budgets->all[index].rule, process);
}

const struct budget_counters *budgets_counters(const struct budgets *budgets)
{
	return &budgets->counters;
}
