/* When the current process started, on CLOCK_BOOTTIME. */
#pragma once

#include "kernel.h"

/* Set by user space before the load. */
const volatile __u64 agent_start_ns;

static __always_inline __u64 process_start_ns(void)
{
	return bpf_get_current_task_btf()->group_leader->start_boottime;
}

#define PF_FORKNOEXEC 0x40 /* linux/sched.h */

/* A process older than the agent, or one that goes on with its parent's memory, may have objects
 * whose name was set before. */
static __always_inline bool process_has_past(void)
{
	const struct task_struct *leader = bpf_get_current_task_btf()->group_leader;

	return leader->start_boottime < agent_start_ns || leader->flags & PF_FORKNOEXEC;
}
