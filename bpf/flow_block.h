/* What bpf/block.h and src/flow share: the map of what budgets stop. Layouts as those of
 * flow_event.h. */
#pragma once

#ifdef __bpf__
#include "kernel.h"
#else
#include <linux/types.h>
#endif

/* What a budget says of a scope and a host: of several the greatest holds. */
enum flow_mode {
	FLOW_PASS,    /* written with host 0 for a process that FLOW_ASK need not stop any more */
	FLOW_ASK,     /* the hello may go; until the process is known, no more than that */
	FLOW_HOLD,    /* bytes wait: TCP sends them again until they may go */
	FLOW_CUT,     /* bytes are dropped, and the socket is destroyed */
	FLOW_CUT_NOW, /* the same, in the middle of a call too. In the map alone */
};

/* What the agent tells of the call of a socket that is stopped. */
enum flow_call {
	FLOW_NO_CALL,
	FLOW_MAY_END, /* one is in flight: spare.h */
	FLOW_IS_OVER, /* none is: sweep.h */
};

enum flow_scope { FLOW_ALL, FLOW_UID, FLOW_CGROUP, FLOW_PROCESS };

struct flow_block {
	__u32 scope; /* enum flow_scope */
	__u32 unused;
	__u64 id;   /* uid, cgroup id, or flow_process_id(); 0 for FLOW_ALL */
	__u64 host; /* order_host_key() of the pattern of the host filter */
};

struct flow_spare {
	__u32 call; /* enum flow_call; the kernel's are: */
	__u32 next; /* TCP sequence number behind what has passed */
	__u64 passed_bytes;
	__u64 began_ns, received_bytes; /* when the first of it passed */
};

#define FLOW_BLOCKS_MAX  16384
#define FLOW_SOCKETS_MAX 16384 /* that the agent can cut before they send */

/* Written by the agent, read by the kernel. A socket is judged once a generation, so that of many
 * blocks none counts before all are there. */
struct flow_control {
	__u64 beat_ns;     /* CLOCK_MONOTONIC: the agent lives */
	__u64 patience_ns; /* without a beat for so long nothing is refused, */
	__u32 fail_closed; /* but for this option */
	__u32 generation;
	__u32 refuse_connect; /* option: refuse.h */
	__u32 agent;          /* a number of its own */
};

static inline __u64 flow_process_id(__u32 tgid, __u64 start_ns)
{
	return start_ns ^ (__u64)tgid << 32;
}
