/* The last line of a tz file: what repeats each year after its last entry, in the words of POSIX
 * TZ ("CET-1CEST,M3.5.0,M10.5.0/3") with the hours of RFC 9636. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* A day of the year and a second of it, which may lie on another day. */
struct zone_date {
	char kind;            /* 'M': weekday of a week; 'J': 1..365 without leap day; 'N': 0.. */
	int month, week, day; /* J and N use `day` only */
	int32_t second;
};

struct zone_rule {
	int32_t standard_s, summer_s; /* ahead of UTC */
	bool has_summer;
	struct zone_date begins, ends; /* of summer time, by the clock in force until then */
};

/* -EINVAL. */
int zone_rule_parse(struct span text, struct zone_rule *ret_rule);

/* The instants of one year. */
int64_t zone_rule_begins(const struct zone_rule *rule, int64_t year);
int64_t zone_rule_ends(const struct zone_rule *rule, int64_t year);
