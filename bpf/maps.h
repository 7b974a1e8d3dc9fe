/* Maps of the TLS programs. Sizes are bounds: what does not fit is counted, never silent. */
#pragma once

#include "event.h"

struct connection_id {
	__u64 ssl;
	__u32 tgid;
	__u32 unused; /* no hole in a hash key */
};

struct connection_state {
	__u64 start_ns;
	__u64 generation_ns;
	__u64 sent; /* bytes moved so far: the offset of the next record */
	__u64 received;
	__u32 host_id;
	__u32 unused;
};

/* A read or write that has been entered and has not returned. */
struct call {
	__u64 ssl; /* 0: none */
	__u64 buffer;
	__u64 count_at; /* where the _ex variants store the byte count; 0: it is the return value */
	__u32 direction;
	__u32 unused;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20); /* set by user space before load */
} events SEC(".maps");

/* Hash of a host name, and of the part after its first dot for wildcards -> host_id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EVENT_HOSTS_MAX);
	__type(key, __u64);
	__type(value, __u32);
} hosts SEC(".maps"), wildcards SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct connection_id);
	__type(value, struct connection_state);
} connections SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct call);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVENT_COUNTER_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");
