/* Texts of a record need not end where they should, and paths come as names from the last to the
 * first. */
#include "capture/facts.h"

#include "base/span.h"

static struct span text_of(const char *bytes, size_t size)
{
	return (struct span){ bytes, strnlen(bytes, size) };
}

/* Puts the names in their order, behind a '/' each; the result ends at the end of `room`. */
static struct span join(const char names[static EVENT_PATH_MAX], char room[static EVENT_PATH_MAX])
{
	struct span rest = { names, EVENT_PATH_MAX };
	size_t at = EVENT_PATH_MAX;

	while (rest.ptr) {
		struct span name = span_cut(&rest, '\0');

		/* As many bytes as there were: a '/' stands for each NUL. */
		if (!name.len || !rest.ptr)
			break;
		at -= name.len + 1;
		room[at] = '/';
		memcpy(room + at + 1, name.ptr, name.len);
	}
	if (at == EVENT_PATH_MAX)
		room[--at] = '/';
	return (struct span){ room + at, EVENT_PATH_MAX - at };
}

void facts_take(const struct event_open *open, struct process *process)
{
	char room[EVENT_PATH_MAX];

	process->uid = open->uid;
	process->cgroup_id = open->cgroup_id;
	process->ns_pid = open->ns_pid;
	span_copy(text_of(open->comm, sizeof(open->comm)), process->comm, sizeof(process->comm));
	if (open->known & EVENT_KNOWS_LABELS) {
		process->labels_known = true;
		span_copy(text_of(open->labels, sizeof(open->labels)), process->labels,
			  sizeof(process->labels));
	}
	if (open->known & EVENT_KNOWS_EXE)
		span_copy(join(open->exe, room), process->exe, sizeof(process->exe));
	if (open->known & EVENT_KNOWS_CGROUP)
		span_copy(join(open->cgroup, room), process->cgroup, sizeof(process->cgroup));
}
