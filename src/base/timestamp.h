/* Instants as nanoseconds of UTC since 1970 in an int64 (to the year 2262), and their text. The
 * clock is a struct, so that a test or a replay brings its own; a loop asks its clock, everything
 * below takes `now_ns` as an argument. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define NS_PER_SEC 1000000000LL
#define NS_PER_MS  1000000LL
#define NS_PER_DAY (86400 * NS_PER_SEC)

struct clock {
	int64_t (*now_ns)(const struct clock *clock);       /* UTC */
	int64_t (*monotonic_ns)(const struct clock *clock); /* as bpf_ktime_get_ns() */
};

extern const struct clock clock_system;

#define TIMESTAMP_TEXT_MAX 32 /* bytes, NUL included */

/* "2026-11-25T09:40:37.123456Z": RFC 3339, UTC, microseconds, always with Z. Returns `out`. */
char *timestamp_format(int64_t utc_ns, char out[static TIMESTAMP_TEXT_MAX]);

/* RFC 3339 with Z or an offset (its colon may be missing), any number of decimals (over nine are
 * cut), years 1679 to 2261, or a date alone (midnight UTC). A leap second is the second after it.
 * -EINVAL. */
int timestamp_parse(struct span text, int64_t *ret_utc_ns);

/* Days since 1970-01-01 of a proleptic Gregorian date, and back (H. Hinnant, "chrono-compatible
 * low-level date algorithms"). month 1..12, day 1..31. */
int64_t civil_to_days(int64_t year, int month, int day);
void civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);
