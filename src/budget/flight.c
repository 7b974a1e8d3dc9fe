/* A table of the calls in flight, each with the budgets that it matches. What is over its size is
 * not in it: until it has been empty once, nothing can be said then. */
#define HASH_NONFATAL_OOM 1
#include "budget/flight.h"

#include <errno.h>
#include <stdlib.h>

#include "budget/labels.h"
#include "budget/state.h"

struct flight {
	UT_hash_handle hh;
	struct budget_flight said;
	unsigned n_holds;
	uint16_t holds[VERDICT_BUDGETS_MAX]; /* indices of budgets */
};

struct flights {
	struct flight *all;
	bool overflowed;
};

int flights_new(struct flights **ret_flights)
{
	*ret_flights = calloc(1, sizeof(**ret_flights));
	return *ret_flights ? 0 : -ENOMEM;
}

static void drop(struct flights *flights, struct flight *f)
{
	HASH_DEL(flights->all, f);
	free(f);
}

void flights_free(struct flights *flights)
{
	while (flights && flights->all)
		drop(flights, flights->all);
	free(flights);
}

/* The most of a call in the unit of a budget. */
static bool most_of(const struct budget_rule *rule, const struct budget_flight *said,
		    money_wide *ret_most)
{
	*ret_most = amount_asked(rule, &said->most);
	switch ((unsigned)rule->counts) {
	case UNIT_REQUESTS:
	case UNIT_BUCKET + USAGE_REQUESTS:
	case UNIT_BUCKET + USAGE_INPUT:
		return true;
	case UNIT_USD:
		return said->most.priced;
	case UNIT_TOKENS:
	case UNIT_BUCKET + USAGE_OUTPUT:
		return said->bounded;
	default:
		return false;
	}
}

static void count(const struct budget *budget, struct exposure *e, const struct budget_flight *said,
		  int sign)
{
	money_wide most;
	bool known = most_of(budget->rule, said, &most);

	e->n += (unsigned)sign;
	if (known)
		e->most += sign * most;
	else
		e->n_unknown += (unsigned)sign;
	e->any = true;
	e->any_unknown |= !known;
	if (known && most > e->highest)
		e->highest = most;
}

static void begin(struct exposure *e, int64_t sent_ns)
{
	int64_t slot = sent_ns / FLIGHT_DELAY_NS;

	if (slot > e->slot) {
		e->begun_before = slot == e->slot + 1 ? e->begun : 0;
		e->begun = 0;
		e->slot = slot;
	}
	e->begun++;
	if (e->begun + e->begun_before > e->most_begun)
		e->most_begun = e->begun + e->begun_before;
}

/* Counts it in every budget that it matches. */
static void add(struct budgets *budgets, struct flight *f)
{
	const struct budget_flight *said = &f->said;
	struct process copy;
	const struct match_subject subject = { .process =
						   labels_of(budgets->rules, &said->process, &copy),
					       .provider = span_of(said->provider),
					       .operation = span_of(said->operation),
					       .models = { span_of(said->model) } };

	match_find(budgets->index, &subject, &budgets->matched);
	f->n_holds = 0;
	MATCH_SET_EACH(i, &budgets->matched)
	{
		struct budget *budget = &budgets->all[i];

		if (f->n_holds == VERDICT_BUDGETS_MAX) {
			budgets->flights->overflowed = true;
			return;
		}
		f->holds[f->n_holds++] = (uint16_t)i;
		count(budget, &budget->exposure, said, 1);
	}
}

static void land(struct budgets *budgets, struct flight *f)
{
	for (unsigned i = 0; i < f->n_holds; i++) {
		struct budget *budget = &budgets->all[f->holds[i]];

		count(budget, &budget->exposure, &f->said, -1);
	}
	drop(budgets->flights, f);
	if (!budgets->flights->all)
		budgets->flights->overflowed = false;
}

void flight_take(struct budgets *budgets, const struct budget_flight *flight)
{
	struct flights *flights = budgets->flights;
	struct flight *f;

	HASH_FIND(hh, flights->all, &flight->call, sizeof(flight->call), f);
	if (flight->ended) {
		if (f)
			land(budgets, f);
		return;
	}
	f = f || HASH_COUNT(flights->all) >= FLIGHTS_MAX ? NULL : calloc(1, sizeof(*f));
	if (f) {
		f->said = *flight;
		HASH_ADD(hh, flights->all, said.call, sizeof(f->said.call), f);
	}
	if (!f || !f->hh.tbl) {
		free(f);
		flights->overflowed = true;
		return;
	}
	add(budgets, f);
	for (unsigned i = 0; i < f->n_holds; i++)
		begin(&budgets->all[f->holds[i]].exposure, flight->sent_ns);
}

void flight_carry(struct exposure *heir, const struct exposure *former)
{
	*heir = *former;
	heir->n = heir->n_unknown = 0;
	heir->most = 0;
}

void flights_recount(struct budgets *budgets)
{
	struct flight *f, *next;

	HASH_ITER(hh, budgets->flights->all, f, next) {
		add(budgets, f);
	}
}

static const char *why_unknown(const struct budgets *budgets, const struct budget *budget)
{
	const struct exposure *e = &budget->exposure;

	if (budget->mode < BUDGET_HOLD)
		return "who does not ask is not stopped in this mode";
	if (budgets->flights->overflowed)
		return "more calls are in flight than are counted";
	if (e->any_unknown)
		return "calls do not say what they can take at most";
	return e->any ? NULL : "no call has been seen yet";
}

void flight_bound(struct budgets *budgets, unsigned index, struct budget_bound *ret_bound)
{
	const struct budget *budget = budgets_at(budgets, index);
	const struct exposure *e = &budget->exposure;
	int64_t delay_ns =
	    budgets->stop_delay_ns > FLIGHT_DELAY_NS ? budgets->stop_delay_ns : FLIGHT_DELAY_NS;
	/* Two slots were counted together: one delay lies within them wherever it begins. */
	unsigned more =
	    e->most_begun * (unsigned)((delay_ns + FLIGHT_DELAY_NS - 1) / FLIGHT_DELAY_NS);

	*ret_bound = (struct budget_bound){ .unknown = why_unknown(budgets, budget),
					    .most = e->most + more * e->highest,
					    .in_flight = e->n,
					    .more = more,
					    .delay_ns = delay_ns };
}
