/* /proc/PID, read defensively: the process may end between two reads, and chooses its comm, its
 * environment and the name of its executable. */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/cgroup.h"
#include "base/cleanup.h"
#include "base/span.h"
#include "base/timestamp.h"

#define LABELS_KEY  "OUTLAY_LABELS="
#define ENVIRON_MAX (128u << 10) /* bytes looked at for the labels */

/* The kernel tells start times to user space in ticks of USER_HZ, 100 on every architecture. */
#define TICK_NS (NS_PER_SEC / 100)

bool process_same(const struct process *a, const struct process *b)
{
	return a->pid == b->pid && a->start_ns / TICK_NS == b->start_ns / TICK_NS;
}

/* Bytes read, without NUL; 0 when there is no such file. */
static size_t read_file(const char *proc, uint32_t pid, const char *name, char *out, size_t size)
{
	CLOSE_FD int fd = -1;
	size_t length = 0;
	char path[128];

	snprintf(path, sizeof(path), "%s/%" PRIu32 "/%s", proc, pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && length < size) {
		ssize_t n = read(fd, out + length, size - length);

		if (n <= 0)
			break;
		length += (size_t)n;
	}
	return length;
}

/* stat: "pid (comm) state ppid ... starttime": comm may hold anything, so the fields are counted
 * from the last ')'. starttime is the 22nd (proc(5)). */
static int read_start(const char *proc, uint32_t pid, uint64_t *ret_start_ns)
{
	char text[1024];
	size_t n = read_file(proc, pid, "stat", text, sizeof(text));
	struct span rest = { text, n }, field;
	uint64_t ticks;

	while (rest.len && rest.ptr[rest.len - 1] != ')')
		rest.len--;
	rest = (struct span){ rest.ptr + rest.len, n - rest.len };
	span_cut(&rest, ' ');
	for (int i = 3; i < 22; i++)
		span_cut(&rest, ' ');
	field = span_cut(&rest, ' ');
	if (span_u64(field, &ticks) < 0)
		return -ESRCH;
	*ret_start_ns = ticks * TICK_NS;
	return 0;
}

static void read_comm(const char *proc, struct process *process)
{
	char text[64];
	struct span comm = { text, read_file(proc, process->pid, "comm", text, sizeof(text)) };

	if (comm.len && comm.ptr[comm.len - 1] == '\n')
		comm.len--;
	span_copy(comm, process->comm, sizeof(process->comm));
}

static void read_exe(const char *proc, struct process *process)
{
	char path[128], text[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%" PRIu32 "/exe", proc, process->pid);
	n = readlink(path, text, sizeof(text));
	if (n > 0)
		span_copy((struct span){ text, (size_t)n }, process->exe, sizeof(process->exe));
}

static void read_uid(const char *proc, struct process *process)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%" PRIu32, proc, process->pid);
	if (stat(path, &st) == 0)
		process->uid = st.st_uid;
}

/* status: "NSpid:\t10\t1", the number in each namespace from ours to the innermost. */
static void read_ns_pid(const char *proc, struct process *process)
{
	char text[4096];
	struct span rest = { text, read_file(proc, process->pid, "status", text, sizeof(text)) };

	while (rest.ptr) {
		struct span line = span_cut(&rest, '\n'), last = { NULL, 0 };
		uint64_t pid;

		if (!span_starts(line, SPAN("NSpid:")))
			continue;
		while (line.ptr)
			last = span_cut(&line, '\t');
		if (span_u64(last, &pid) == 0 && pid <= UINT32_MAX)
			process->ns_pid = (uint32_t)pid;
		return;
	}
}

static void read_cgroup(const char *proc, struct process *process)
{
	char text[8192];
	size_t n = read_file(proc, process->pid, "cgroup", text, sizeof(text));
	struct span path = cgroup_path((struct span){ text, n });

	if (path.len)
		span_copy(path, process->cgroup, sizeof(process->cgroup));
}

static void read_labels(const char *proc, struct process *process)
{
	FREE_PTR char *text = malloc(ENVIRON_MAX);
	struct span rest = { text, 0 };

	if (!text)
		return;
	rest.len = read_file(proc, process->pid, "environ", text, ENVIRON_MAX);
	/* Without memory of its own (it is ending) it has no environment either. */
	process->labels_known = rest.len && rest.len < ENVIRON_MAX;
	while (rest.ptr) {
		struct span entry = span_cut(&rest, '\0');

		if (span_starts(entry, SPAN(LABELS_KEY))) {
			span_copy(span_skip(entry, sizeof(LABELS_KEY) - 1), process->labels,
				  sizeof(process->labels));
			process->labels_known = true;
			break;
		}
	}
	/* The rest of the environment is none of our business. */
	explicit_bzero(text, ENVIRON_MAX);
}

int process_read(const char *proc, struct process *process)
{
	struct process at_hand = { .pid = process->pid };

	if (read_start(proc, process->pid, &at_hand.start_ns) < 0)
		return -ESRCH;
	if (process->start_ns && !process_same(process, &at_hand))
		return -ESRCH;
	if (!process->start_ns)
		process->start_ns = at_hand.start_ns;
	if (process->uid == UINT32_MAX)
		read_uid(proc, process);
	if (!process->comm[0])
		read_comm(proc, process);
	if (!process->ns_pid)
		read_ns_pid(proc, process);
	if (!process->exe[0])
		read_exe(proc, process);
	if (!process->labels_known)
		read_labels(proc, process);
	/* A root says nothing: the process may be in a hierarchy of version 1. */
	if (!process->cgroup[0] || strcmp(process->cgroup, "/") == 0)
		read_cgroup(proc, process);
	return 0;
}
