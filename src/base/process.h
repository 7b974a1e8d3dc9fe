/* Facts of a process: who makes a call, who asks for one. Texts are safe to print. An empty text or
 * a uid of UINT32_MAX is "not known"; labels may be known to be none. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct process {
	uint32_t pid; /* tgid in the initial pid namespace */
	uint32_t uid;
	uint64_t start_ns; /* CLOCK_BOOTTIME; of /proc: cut to 10 ms */
	uint64_t cgroup_id;
	uint32_t ns_pid; /* in its own pid namespace; 0: not known */
	bool labels_known;
	char comm[16];
	char user[33];
	char exe[256];    /* path of the executable as the process sees it */
	char labels[256]; /* "key=value,key=value" of OUTLAY_LABELS in its environment */
	char cgroup[256]; /* its path, for base/cgroup.h; of version 2 where there are both */
};

/* Fills what is still "not known" in `process`, but for the user's name, from PROC/PID, given its
 * pid. With a `start_ns` that is not 0, a process that started at another time is not the one
 * meant: -ESRCH, as for none. */
int process_read(const char *proc, struct process *process);

/* Whether two records mean one process: the same pid, started in the same 10 ms. */
bool process_same(const struct process *a, const struct process *b);
