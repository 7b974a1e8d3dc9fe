/* Maps of the flow programs, their counters and their ring. */
#pragma once

#include "flow_event.h"
#include "hello.h"
#include "shared.h"
#include "sock.h"

#define HTTPS      443
#define RING_BYTES (128 << 10)
#define AF_INET    2 /* of the address families of a user-space header */

enum state { STATE_NEW, STATE_PREFACE, STATE_PIECES, STATE_PROVIDER, STATE_QUIC };

/* A client's socket, from connect() until it is known to be none of ours, or closed. */
struct flow_socket {
	__u64 start_ns;
	__u64 cgroup_id;
	__u64 host; /* order_host_key() of the provider's host */
	__u32 tgid;
	__u32 uid;
	__u32 state;
	__u32 generation; /* as of which `mode` was judged */
	__u32 mode;
	__u32 is_asked; /* said its hello under FLOW_ASK */
	__u32 next;     /* TCP sequence number of the byte that is due */
	__u32 have;     /* bytes in `pieces` */
	__u32 skipped;  /* bytes of the preface */
	__u32 agent;    /* that was told of its hello: flow_control */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct flow_socket);
} sockets SEC(".maps");

/* The start of a ClientHello that came in pieces. Of the socket, not of the CPU: the work of one
 * packet may be interrupted by that of another. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct pieces);
} pieces SEC(".maps");

/* Addresses at which provider hosts were found: UDP to their port 443 is QUIC. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct address);
	__type(value, __u32);
} addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_BYTES);
} records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, FLOW_COUNTER_MAX);
	__type(key, __u32);
	__type(value, __u64);
} flow_counters SEC(".maps");

static __always_inline void count(enum flow_counter counter)
{
	__u32 key = counter;
	__u64 *value = bpf_map_lookup_elem(&flow_counters, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

/* Processes that were told of at once: LRU, so a long-lived one may be told of again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u32);
} announced SEC(".maps");

/* Also makes it the youngest of an LRU map: an update would take a free entry first. */
static __always_inline bool is_known(void *map, const void *key)
{
	const __u32 known = 1;

	return bpf_map_lookup_elem(map, key) || bpf_map_update_elem(map, key, &known, BPF_NOEXIST);
}

/* The reader looks four times a second. It is woken when that may be too late: for a process that
 * nobody else reports and that may be gone in a moment, and as the ring becomes half full. */
static __always_inline void submit(void *record, bool urgent)
{
	__u64 waiting = bpf_ringbuf_query(&records, BPF_RB_AVAIL_DATA);

	if (waiting - RING_BYTES / 2 < RING_BYTES / 32)
		urgent = true;
	bpf_ringbuf_submit(record, urgent ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}
