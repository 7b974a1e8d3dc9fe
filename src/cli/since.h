/* "--since": an RFC 3339 time, a date, or how long ago: 90s, 15m, 2h, 7d, 4w. */
#pragma once

#include <stdint.h>

int since_parse(const char *text, int64_t now_ns, int64_t *ret_utc_ns); /* -EINVAL */
