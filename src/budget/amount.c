/* Amounts of calls. What the wire does not tell is what was reserved for it: a hold that is let go
 * to zero would be unlimited use (enforcement case 78). */
#include "budget/amount.h"

#define TOKEN_BITS (USAGE_BIT(USAGE_REQUESTS) - 1) /* the buckets before it are tokens */

static money_wide at_least_zero(int64_t count)
{
	return count > 0 ? count : 0;
}

money_wide amount_limit(const struct budget_rule *rule, money_wide limit, bool essential)
{
	return limit + (essential ? limit * rule->grace_permyriad / 10000 : 0);
}

/* What a call of unknown price may cost at most; rounded up. */
static money_wide ceiling(const struct budget_rule *rule, money_wide tokens)
{
	if (rule->unpriced != UNPRICED_CEILING)
		return 0;
	return rule->ceiling_per_request ? rule->ceiling_pico
					 : (tokens * rule->ceiling_pico + 999999) / 1000000;
}

money_wide amount_asked(const struct budget_rule *rule, const struct budget_size *size)
{
	money_wide input = at_least_zero(size->input_tokens);
	money_wide output = at_least_zero(size->output_tokens);

	switch ((unsigned)rule->counts) {
	case UNIT_USD:
		return size->priced ? amount_cost_pico(size) : ceiling(rule, input + output);
	case UNIT_TOKENS:
		return input + output;
	case UNIT_BUCKET + USAGE_INPUT:
		return input;
	case UNIT_BUCKET + USAGE_OUTPUT:
		return output;
	default:
		return 1;
	}
}

/* The counts of these buckets. False: not told, though they should be. */
static bool counted(const struct usage *usage, uint64_t bits, money_wide *ret_sum)
{
	money_wide sum = 0;

	if (!(usage->present & bits) && usage->doubt != USAGE_DOUBT_NONE)
		return false;
	for (uint64_t left = usage->present & bits; left; left &= left - 1)
		sum += usage->counts[__builtin_ctzll(left)];
	*ret_sum = sum;
	return true;
}

/* Of unknown price: false when only its reservation can tell. */
static bool at_most(const struct budget_rule *rule, const struct usage *usage,
		    money_wide *ret_amount)
{
	money_wide tokens = 0;

	if (rule->unpriced != UNPRICED_CEILING ||
	    (!rule->ceiling_per_request &&
	     (!(usage->present & TOKEN_BITS) || !counted(usage, TOKEN_BITS, &tokens))))
		return false;
	*ret_amount = ceiling(rule, tokens);
	return true;
}

money_wide amount_charged(const struct budget_rule *rule, const struct charge *charge,
			  const struct budget_size *asked)
{
	const struct usage *usage = &charge->usage;
	money_wide amount = 0;
	bool known = true;

	switch (rule->counts) {
	case UNIT_USD:
		amount = charge->cost_pico;
		known = charge->source != COST_UNPRICED || at_most(rule, usage, &amount);
		break;
	case UNIT_TOKENS:
		known = counted(usage, TOKEN_BITS, &amount);
		break;
	case UNIT_REQUESTS:
		return !usage->beside;
	case UNIT_BYTES:
		return (money_wide)usage->request_bytes + usage->response_bytes;
	default:
		known = counted(usage, USAGE_BIT(rule->counts - UNIT_BUCKET), &amount);
	}
	if (known)
		return amount;
	return asked ? amount_asked(rule, asked) : 0;
}
