/* What an answer tells of a provider's limits on the rate of calls: its headers, by the rules of
 * the provider's file (meter/provider.h, "limits"), and the two that mean the same everywhere,
 * Retry-After (RFC 9110, 10.2.3) and Retry-After-Ms. */
#pragma once

#include "meter/provider_file.h"

/* "x-ratelimit-{}-requests": what stands before and behind {}, within `header`. */
struct limit_rule {
	char name[sizeof(((struct usage_limit *)NULL)->name)];
	char header[64];
	struct span before, behind;
};

struct limits {
	unsigned n;
	uint32_t letters[2]; /* of the first and the third letter of a header, a bit each: c & 31 */
	struct limit_rule rules[USAGE_LIMITS_MAX];
};

/* In place: the rules point into themselves. -EINVAL with file, line and key. */
int limits_compile(const char *path, const struct provider_file *file, struct limits *limits,
		   struct err *err);

/* Writes `limits` and `n_limits` of the usage. What is no number or time is left out. */
void limits_read(const struct limits *limits, const struct exchange *ex, struct usage *usage);
