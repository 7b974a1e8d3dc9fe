/* Paths and queries as they are on the wire: cut, compared, never decoded. */
#include "meter/target.h"

#define SCHEME_MAX 8 /* "https://" */

void target_split(struct span target, struct span *ret_path, struct span *ret_query)
{
	struct span rest = target, path;

	if (target.len && target.ptr[0] != '/') {
		const char *colons =
		    memmem(target.ptr, span_head(target, SCHEME_MAX).len, "://", 3);
		const char *slash = NULL;

		if (colons) {
			rest = span_skip(target, (size_t)(colons - target.ptr) + 3);
			slash = memchr(rest.ptr, '/', rest.len);
		}
		if (slash)
			rest = span_skip(rest, (size_t)(slash - rest.ptr));
	}
	path = span_cut(&rest, '?');
	*ret_path = path;
	*ret_query = rest;
}

static bool is_name(struct span segment)
{
	return segment.len > 2 && segment.ptr[0] == '{' && segment.ptr[segment.len - 1] == '}';
}

static struct span name_of(struct span segment)
{
	return (struct span){ segment.ptr + 1, segment.len - 2 };
}

const char *target_check_template(struct span template)
{
	struct span rest = span_skip(template, 1);

	if (!span_starts(template, SPAN("/")))
		return "a path that starts with /";
	for (size_t i = 0; i < template.len; i++)
		if (template.ptr[i] <= ' ' || template.ptr[i] >= 0x7f ||
		    strchr("?#%", template.ptr[i]))
			return "a path without spaces, ?, # and %";
	while (rest.ptr) {
		struct span segment = span_cut(&rest, '/');

		if (!is_name(segment) && (memchr(segment.ptr, '{', segment.len) ||
					  memchr(segment.ptr, '}', segment.len)))
			return "a {name} to be a whole segment";
		if (is_name(segment) &&
		    (memchr(segment.ptr + 1, '{', segment.len - 1) ||
		     (rest.ptr && target_segment_of(rest, name_of(segment)) >= 0)))
			return "each {name} once";
	}
	return NULL;
}

bool target_matches(struct span path, struct span template)
{
	while (path.ptr && template.ptr) {
		struct span segment = span_cut(&path, '/'), wanted = span_cut(&template, '/');

		if (is_name(wanted) ? !segment.len : !span_eq(segment, wanted))
			return false;
	}
	return !path.ptr && !template.ptr;
}

int target_segment_of(struct span template, struct span name)
{
	for (int i = 0; template.ptr; i++) {
		struct span segment = span_cut(&template, '/');

		if (is_name(segment) && span_eq(name_of(segment), name))
			return i;
	}
	return -1;
}

struct span target_segment(struct span path, unsigned index)
{
	struct span segment = { NULL, 0 };

	for (unsigned i = 0; i <= index; i++) {
		if (!path.ptr)
			return (struct span){ NULL, 0 };
		segment = span_cut(&path, '/');
	}
	return segment;
}

struct span target_query(struct span query, struct span name)
{
	while (query.ptr) {
		struct span value = span_cut(&query, '&'), key = span_cut(&value, '=');

		if (span_eq(key, name))
			return value.ptr ? value : span_skip(key, key.len);
	}
	return (struct span){ NULL, 0 };
}
