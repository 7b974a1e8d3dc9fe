/* Instants as nanoseconds of UTC since 1970 in an int64 (to the year 2262), and their text. A loop
 * asks its clock; everything below takes `now_ns` as an argument. */
#pragma once

#include <stdint.h>

#include "base/civil.h"
#include "base/clock.h"
#include "base/span.h"

#define TIMESTAMP_TEXT_MAX 32 /* bytes, NUL included */

/* "2026-11-25T09:40:37.123456Z": RFC 3339, UTC, microseconds, always with Z. Returns `out`. */
char *timestamp_format(int64_t utc_ns, char out[static TIMESTAMP_TEXT_MAX]);

/* RFC 3339 with Z or an offset (its colon may be missing), any number of decimals (over nine are
 * cut), years 1679 to 2261, or a date alone (midnight UTC). A leap second is the second after it.
 * -EINVAL. */
int timestamp_parse(struct span text, int64_t *ret_utc_ns);
