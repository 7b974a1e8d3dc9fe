/* Clocks of named time zones, from the files of the system's tz database (RFC 9636), without the
 * one TZ of the process. Instants are seconds of UTC since 1970, in the years of int64
 * nanoseconds; a local time is what the clock shows there, counted as if it were UTC. */
#pragma once

#include <stdint.h>

#include "base/err.h"

struct zone;

/* "Europe/Berlin". Does I/O. -ENOENT: no such zone; -EINVAL: a name or a file that is none. */
int zone_load(const char *name, struct zone **ret_zone, struct err *err);
void zone_free(struct zone *zone);

/* How far the clock is ahead of UTC, and since and until when: [from, until). */
struct zone_offset {
	int64_t from_s, until_s;
	int32_t ahead_s;
};

/* A zone of NULL is UTC. */
struct zone_offset zone_at(const struct zone *zone, int64_t utc_s);

/* The first instant at which the clock shows that time or a later one: of a time that it shows
 * twice the first, of one that it leaps over the leap. */
int64_t zone_reach(const struct zone *zone, int64_t local_s);
