/* Paths and queries as they are on the wire: cut, compared, and decoded only when a value is taken
 * out of them. */
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
	/* Of a base URL that ends in a slash; servers take it for one. */
	while (span_starts(path, SPAN("//")))
		path = span_skip(path, 1);
	*ret_path = path;
	*ret_query = rest;
}

/* "name" of "{name}" and of "{name}:method"; ptr NULL for other segments. */
static struct span name_of(struct span segment)
{
	struct span name = span_skip(segment, 1);

	if (!span_starts(segment, SPAN("{")))
		return (struct span){ NULL, 0 };
	name = span_cut(&name, '}');
	if (!name.len || name.len + 2 > segment.len || memchr(name.ptr, '{', name.len))
		return (struct span){ NULL, 0 };
	return name;
}

/* ":method" of "{name}:method". */
static struct span suffix_of(struct span segment)
{
	return span_skip(segment, name_of(segment).len + 2);
}

static bool is_name(struct span segment)
{
	struct span suffix;

	if (!name_of(segment).ptr)
		return false;
	suffix = suffix_of(segment);
	return !suffix.len ||
	       (suffix.len > 1 && suffix.ptr[0] == ':' && !memchr(suffix.ptr, '{', suffix.len) &&
		!memchr(suffix.ptr, '}', suffix.len));
}

/* "{name...}" */
static bool is_rest(struct span segment)
{
	struct span name = name_of(segment);

	return name.len > 3 && name.len + 2 == segment.len &&
	       memcmp(name.ptr + name.len - 3, "...", 3) == 0;
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
			return "a {name} to be a whole segment, or to end at a :method";
		if (is_rest(segment) && rest.ptr)
			return "nothing behind a {name...}";
		if (is_name(segment) && rest.ptr && target_segment_of(rest, name_of(segment)) >= 0)
			return "each {name} once";
	}
	return NULL;
}

static bool ends_after_name(struct span segment, struct span suffix)
{
	return segment.len > suffix.len &&
	       span_eq(span_skip(segment, segment.len - suffix.len), suffix);
}

bool target_matches(struct span path, struct span template)
{
	while (path.ptr && template.ptr) {
		struct span wanted = span_cut(&template, '/'), segment;

		if (is_rest(wanted))
			return path.len;
		segment = span_cut(&path, '/');
		if (is_name(wanted) ? !ends_after_name(segment, suffix_of(wanted))
				    : !span_eq(segment, wanted))
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

size_t target_suffix_of(struct span template, struct span name)
{
	while (template.ptr) {
		struct span segment = span_cut(&template, '/');

		if (is_name(segment) && span_eq(name_of(segment), name))
			return suffix_of(segment).len;
	}
	return 0;
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

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct span target_decode(struct span raw, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.len && n < size; i++) {
		bool escape = raw.ptr[i] == '%' && raw.len - i > 2 && hex(raw.ptr[i + 1]) >= 0 &&
			      hex(raw.ptr[i + 2]) >= 0;

		out[n++] =
		    escape ? (char)(hex(raw.ptr[i + 1]) << 4 | hex(raw.ptr[i + 2])) : raw.ptr[i];
		i += escape ? 2 : 0;
	}
	return (struct span){ out, n };
}
