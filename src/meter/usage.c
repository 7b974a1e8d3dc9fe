/* Names of the buckets, from the one table in the header. */
#include "meter/usage.h"

#include <errno.h>

static const char *const names[USAGE_BUCKET_MAX] = {
#define X(id, name) name,
	USAGE_BUCKETS(X)
#undef X
};

_Static_assert(USAGE_BUCKET_MAX <= 64, "usage.present holds one bit a bucket");

const char *usage_bucket_name(enum usage_bucket bucket)
{
	return names[bucket];
}

int usage_bucket_find(struct span name, enum usage_bucket *ret_bucket)
{
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		if (!span_eq(span_of(names[i]), name))
			continue;
		*ret_bucket = (enum usage_bucket)i;
		return 0;
	}
	return -ENOENT;
}
