/* Maps of the TLS programs. Sizes are bounds: what does not fit is counted, never silent. */
#pragma once

#include "cookie.h"
#include "shared.h"

/* A read or write that has been entered and has not returned. */
struct call {
	__u64 ssl; /* 0: none */
	__u64 buffer;
	__u64 length;
	__u64 count_at; /* where the byte count goes; 0: it is the return value */
	__u64 sp;       /* stack pointer on entry: tells whose return it is */
	union probe_cookie cookie;
};

/* What a thread is in, by enum event_direction: a read may shake hands, whose callback writes
 * (node does). */
struct thread_calls {
	struct call in[2];
};

/* An object of a process older than the agent, of which no name is known (yet). */
struct stranger {
	__u64 start_ns;
	__u64 looks; /* taken so far */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20); /* set by user space before load */
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_calls);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct connection_id);
	__type(value, struct stranger);
} strangers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVENT_COUNTER_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");
