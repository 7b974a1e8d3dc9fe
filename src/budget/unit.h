/* What a budget counts: money, or something of its calls. An amount is a whole number of it:
 * picodollars of USD, else pieces. */
#pragma once

#include "base/money.h"
#include "meter/usage.h"

enum budget_unit {
	UNIT_USD,
	UNIT_TOKENS, /* all input* and output* */
	UNIT_REQUESTS,
	UNIT_BYTES, /* of request and response, on the wire's inside */
	UNIT_BUCKET /* this and on: a bucket of the usage, by its number */
};

/* "USD", "tokens", "requests", "bytes", "input", "images", ... */
const char *unit_name(enum budget_unit unit);
int unit_find(struct span name, enum budget_unit *ret_unit); /* -ENOENT */

/* Decimal text of an amount, and back: as money_parse. */
char *unit_format(enum budget_unit unit, money_wide amount, char out[static MONEY_TEXT_MAX]);
/* As money_put. */
char *unit_put(enum budget_unit unit, money_wide amount, char out[static MONEY_TEXT_MAX]);
int unit_parse(enum budget_unit unit, struct span text, money_wide *ret_amount);
