/* A clock is a struct, so that a test or a replay brings its own. */
#pragma once

#include <stdint.h>

#define NS_PER_SEC 1000000000LL
#define NS_PER_MS  1000000LL
#define NS_PER_DAY (86400 * NS_PER_SEC)

struct clock {
	int64_t (*now_ns)(const struct clock *clock);       /* UTC */
	int64_t (*monotonic_ns)(const struct clock *clock); /* as bpf_ktime_get_ns() */
};

extern const struct clock clock_system;
