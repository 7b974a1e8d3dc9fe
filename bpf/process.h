/* When the current process started, on CLOCK_BOOTTIME. */
#pragma once

#include "kernel.h"

/* Set by user space before the load. */
const volatile __u64 agent_start_ns;

static __always_inline __u64 process_start_ns(void)
{
	return bpf_get_current_task_btf()->group_leader->start_boottime;
}

/* A process older than the agent may have objects whose name was set before. */
static __always_inline bool process_is_old(void)
{
	return process_start_ns() < agent_start_ns;
}
