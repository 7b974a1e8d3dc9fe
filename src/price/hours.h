/* hours: entries of rates that hold at some times of the day or week only (off-peak prices). */
#pragma once

#include "price/rates.h"

/* "hours": "16:30-00:30" (UTC, the end exclusive, may run over midnight) and "weekdays": [1, 5]
 * (1 is Monday), each absent or not. Weekdays are those of the UTC day, and of a holiday none. */
int hours_parse(const json_t *entry, const struct document_place *at, struct rates *rates,
		struct err *err);

/* Whether the entry is for some hours or days only. */
bool hours_limited(const struct rates *rates);

/* "holidays": ["2026-10-01"], absent or not, ascending. */
int hours_parse_holidays(const json_t *object, const struct document_place *at,
			 struct rates_holidays *ret_holidays, struct err *err);

/* Whether the entry's hours and days take in that time (UTC). */
bool hours_hold(const struct rates *rates, const struct rates_holidays *holidays, int64_t time_ns);
