/* The words of a charge: what its enums are called in events. */
#include "price/charge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const source_names[] = {
	[COST_PROVIDER] = "provider",
	[COST_CATALOG] = "catalog",
	[COST_ESTIMATED] = "estimated",
	[COST_UNPRICED] = "unpriced",
};

/* To add a reason: its enum in the header, a row here or below. */
static const char *const usage_reasons[] = {
	[USAGE_DOUBT_ROUTE_UNKNOWN] = "route_unknown", [USAGE_DOUBT_NO_USAGE] = "no_usage",
	[USAGE_DOUBT_UNPARSED] = "unparsed",           [USAGE_DOUBT_INCONSISTENT] = "inconsistent",
	[USAGE_DOUBT_NO_ANSWER] = "no_answer",
};

static const char *const price_reasons[] = {
	[PRICE_DOUBT_PROVIDER_UNKNOWN] = "provider_unknown",
	[PRICE_DOUBT_NO_MODEL] = "no_model",
	[PRICE_DOUBT_MODEL_UNKNOWN] = "model_unknown",
	[PRICE_DOUBT_NO_RATE] = "no_rate",
	[PRICE_DOUBT_DATE] = "no_rate_for_date",
	[PRICE_DOUBT_OVERFLOW] = "overflow",
};

const char *charge_source_name(enum cost_source source)
{
	return source_names[source];
}

const char *charge_doubt_name(const struct charge *charge)
{
	if (charge->source != COST_UNPRICED)
		return NULL;
	if (charge->doubt == PRICE_DOUBT_USAGE)
		return usage_reasons[charge->usage.doubt];
	return price_reasons[charge->doubt];
}

void charge_put_context(struct charge *charge, const char *format, ...)
{
	size_t used = strlen(charge->context), size = sizeof(charge->context);
	va_list args;

	if (used && used + 1 < size)
		charge->context[used++] = ' ';
	va_start(args, format);
	vsnprintf(charge->context + used, size - used, format, args);
	va_end(args);
}
