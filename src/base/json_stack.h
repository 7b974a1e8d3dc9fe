/* The open containers of a scan, a bit each: set for an object. Private to base/json*.c. */
#pragma once

#include <errno.h>

#include "base/json.h"

/* The innermost open container is an object. */
static inline bool json_stack_in_object(const struct json_scan *scan)
{
	unsigned level = scan->depth - 1u;

	return scan->is_object[level / 64] >> (level % 64) & 1;
}

/* 0, or E2BIG. */
static inline int json_stack_push(struct json_scan *scan, char bracket)
{
	unsigned level = scan->depth;
	uint64_t bit = 1ULL << (level % 64);

	if (level == JSON_DEPTH_MAX)
		return E2BIG;
	if (bracket == '{')
		scan->is_object[level / 64] |= bit;
	else
		scan->is_object[level / 64] &= ~bit;
	scan->depth++;
	return 0;
}

/* 0, or EBADMSG: another one is open. */
static inline int json_stack_pop(struct json_scan *scan, char bracket)
{
	if (json_stack_in_object(scan) != (bracket == '}'))
		return EBADMSG;
	scan->depth--;
	return 0;
}
