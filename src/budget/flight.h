/* Calls in flight, and by how much callers that never ask can take a budget over its limit:
 *
 *   the most that the calls in flight can take
 *   + as many calls as ever began within the time until the kernel refuses (FLIGHT_DELAY_NS, or
 *     the longest that it took) x the most that one of them could take
 *
 * Only a budget that holds or cuts has such a bound. Where the most of one call is not known, the
 * bound is not: never zero. */
#pragma once

#include "budget/decision.h"

#define FLIGHT_DELAY_NS 20000000 /* from the end of the call that spends a budget */
#define FLIGHTS_MAX     8192

/* A call was sent, or has ended: then only its number counts. */
struct budget_flight {
	uint64_t call;
	bool ended;
	bool bounded;    /* `most` is all that it can take */
	int64_t sent_ns; /* UTC */
	struct process process;
	char provider[32], operation[32], model[96];
	struct budget_size most;
};

struct budgets;
void flight_take(struct budgets *budgets, const struct budget_flight *flight);

struct budget_bound {
	const char *unknown; /* why it is not known; NULL: it is */
	money_wide most;     /* over the limit, in the unit of the budget */
	unsigned in_flight;  /* calls that match it */
	unsigned more;       /* that can begin until the kernel refuses */
	int64_t delay_ns;
};
void flight_bound(struct budgets *budgets, unsigned index, struct budget_bound *ret_bound);

/* --- inside of src/budget */

/* Of one budget. */
struct exposure {
	unsigned n, n_unknown;
	money_wide most;       /* of those in flight, */
	money_wide highest;    /* and of one call ever */
	bool any, any_unknown; /* ever */
	int64_t slot;          /* of FLIGHT_DELAY_NS: the calls that began in it and before */
	unsigned begun, begun_before, most_begun;
};

struct flights;
int flights_new(struct flights **ret_flights); /* -ENOMEM */
void flights_free(struct flights *flights);
/* What was seen of a budget before a reload; those in flight are left out. */
void flight_carry(struct exposure *heir, const struct exposure *former);
/* Under new rules: those in flight count where they belong now. */
void flights_recount(struct budgets *budgets);
