/* How much of a budget's unit a call takes: before it, by what is said of it; after it, by what
 * was captured. Never negative before it. */
#pragma once

#include "budget/rules.h"

/* 0 when it is not known. */
static inline int64_t amount_cost_pico(const struct budget_size *size)
{
	return size->priced && size->cost_pico > 0 ? size->cost_pico : 0;
}

/* A limit for one call, with the grace of the rule. */
money_wide amount_limit(const struct budget_rule *rule, money_wide limit, bool essential);

/* A count that nobody knows before the call (bytes, images, ...) is taken for one. */
money_wide amount_asked(const struct budget_rule *rule, const struct budget_size *size);

/* `asked`: of its reservation, for what the wire does not tell; NULL = there was none. A call of
 * unknown price costs what was reserved for it; under a ceiling the ceiling for its tokens. */
money_wide amount_charged(const struct budget_rule *rule, const struct charge *charge,
			  const struct budget_size *asked);
