/* Cgroup paths. Whoever may make cgroups chooses their names, inside of the ones it was given: so
 * the unit is looked for from the front, where only the system writes. */
#include "base/cgroup.h"

#include <ctype.h>

#define CONTAINER_ID_LENGTH 64

struct span cgroup_path(struct span text)
{
	struct span version_2 = { NULL, 0 }, of_systemd = version_2, first = version_2;

	while (text.ptr) {
		struct span path = span_cut(&text, '\n'), id = span_cut(&path, ':');
		struct span controllers = span_cut(&path, ':');

		if (!span_starts(path, SPAN("/")))
			continue;
		if (span_eq(id, SPAN("0")) && !controllers.len)
			version_2 = path;
		if (path.len > 1 && span_eq(controllers, SPAN("name=systemd")))
			of_systemd = path;
		else if (path.len > 1 && !first.len)
			first = path;
	}
	if (version_2.len > 1)
		return version_2;
	if (of_systemd.len)
		return of_systemd;
	return first.len ? first : version_2;
}

static bool ends_with(struct span text, struct span tail)
{
	return text.len > tail.len && span_eq(span_skip(text, text.len - tail.len), tail);
}

static bool is_hex(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!isdigit((unsigned char)text.ptr[i]) &&
		    !(text.ptr[i] >= 'a' && text.ptr[i] <= 'f'))
			return false;
	return true;
}

/* The id in one name of the path: all of it, or what stands behind a '-' or a ':'. */
static struct span container_in(struct span name)
{
	struct span id, before;

	if (ends_with(name, SPAN(".scope")))
		name.len -= sizeof(".scope") - 1;
	if (name.len < CONTAINER_ID_LENGTH)
		return (struct span){ NULL, 0 };
	before = span_head(name, name.len - CONTAINER_ID_LENGTH);
	id = span_skip(name, before.len);
	if (!is_hex(id) || ends_with(before, SPAN("conmon-")) ||
	    (before.len && !strchr("-:", before.ptr[before.len - 1])))
		return (struct span){ NULL, 0 };
	return id;
}

struct span cgroup_container(struct span path)
{
	struct span found = { NULL, 0 };

	while (path.ptr) {
		struct span id = container_in(span_cut(&path, '/'));

		if (id.len)
			found = id;
	}
	return found;
}

struct span cgroup_unit(struct span path)
{
	static const struct span kinds[] = { { ".service", 8 },
					     { ".scope", 6 },
					     { ".socket", 7 },
					     { ".mount", 6 },
					     { ".swap", 5 } };

	while (path.ptr) {
		struct span name = span_cut(&path, '/');

		if (!name.len || ends_with(name, SPAN(".slice")))
			continue;
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (ends_with(name, kinds[i]))
				return name;
		break;
	}
	return (struct span){ NULL, 0 };
}
