/* Names of units, and amounts of them as text. */
#include "budget/unit.h"

#include <errno.h>

static const char *const names[UNIT_BUCKET] = { "USD", "tokens", "requests", "bytes" };

const char *unit_name(enum budget_unit unit)
{
	return unit < UNIT_BUCKET ? names[unit]
				  : usage_bucket_name((enum usage_bucket)(unit - UNIT_BUCKET));
}

int unit_find(struct span name, enum budget_unit *ret_unit)
{
	/* The own names first: `requests` are calls, whatever a bill calls so. */
	for (unsigned unit = 0; unit < UNIT_BUCKET + USAGE_BUCKET_MAX; unit++) {
		if (!span_eq(name, span_of(unit_name((enum budget_unit)unit))))
			continue;
		*ret_unit = (enum budget_unit)unit;
		return 0;
	}
	return -ENOENT;
}

static int digits(enum budget_unit unit)
{
	return unit == UNIT_USD ? MONEY_PICO_DIGITS : 0;
}

char *unit_format(enum budget_unit unit, money_wide amount, char out[static MONEY_TEXT_MAX])
{
	return money_format(amount, digits(unit), out);
}

char *unit_put(enum budget_unit unit, money_wide amount, char out[static MONEY_TEXT_MAX])
{
	return money_put(amount, digits(unit), out);
}

int unit_parse(enum budget_unit unit, struct span text, money_wide *ret_amount)
{
	return money_parse(text, digits(unit), ret_amount);
}
