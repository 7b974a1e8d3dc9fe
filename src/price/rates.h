/* rates: what each bucket costs under one price, as one entry of a catalog's model says it. */
#pragma once

#include "base/document.h"
#include "base/money.h"
#include "meter/usage.h"

#define RATES_TIER_MAX 24                    /* bytes, NUL included */
#define RATE_USD_MAX   ((money_wide)1000000) /* of a million units, and of one unit */

struct rates {
	int64_t from_ns;           /* UTC midnight, inclusive */
	char from[11];             /* the same as text */
	char tier[RATES_TIER_MAX]; /* empty: the standard price */
	int64_t input_over; /* holds when the input* counts sum to more than this; -1: always */
	uint32_t rated;     /* one bit a bucket */
	money_wide yocto[USAGE_BUCKET_MAX]; /* USD x 10^24 a unit */
};

/* One entry of "rates". On failure `err` names the place, and `*ret_rates` is unchanged. */
int rates_parse(const json_t *entry, const struct document_place *at, struct rates *ret_rates,
		struct err *err);

/* Whether `next` may stand below `former` in a list: each tier rises by date, and within a date by
 * `input_over`. Entries of two tiers do not mind each other. */
bool rates_ascend(const struct rates *former, const struct rates *next);
