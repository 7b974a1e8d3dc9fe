/* Times as people say them. */
#include "cli/since.h"

#include <errno.h>

#include "base/timestamp.h"

static int64_t seconds_of(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 7 * 86400;
	default:
		return 0;
	}
}

int since_parse(const char *text, int64_t now_ns, int64_t *ret_utc_ns)
{
	struct span span = span_of(text);
	uint64_t count;
	int64_t ago_ns;

	if (span.len < 2 || !seconds_of(span.ptr[span.len - 1]))
		return timestamp_parse(span, ret_utc_ns);
	if (span_u64(span_head(span, span.len - 1), &count) < 0 || count > INT64_MAX ||
	    __builtin_mul_overflow((int64_t)count, seconds_of(span.ptr[span.len - 1]) * NS_PER_SEC,
				   &ago_ns))
		return -EINVAL;
	*ret_utc_ns = ago_ns < now_ns ? now_ns - ago_ns : 0;
	return 0;
}
