/* What the TLS and the flow programs both use. The maps are made with the TLS programs; the flow
 * programs borrow them. */
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
	__u32 has_said_hello; /* set by the flow programs: its ClientHello has left the host */
	__u32 whole;          /* what is sent has no middle that may be left out: no HTTP/1 */
	__u32 unused;
};

/* The object that a thread named, or read or wrote, last: whose ClientHello it will send next. */
struct handshake {
	__u64 ssl;
	__u64 generation_ns;
	__u64 is_unsure; /* another object that it named has not said hello yet */
};

/* Hash of a host name, and of what follows the * of a wildcard -> host_id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, EVENT_HOSTS_MAX);
	__type(key, __u64);
	__type(value, __u32);
} hosts SEC(".maps"), wildcards SEC(".maps");

#define CONNECTIONS_MAX 16384

/* LRU: connections that were abandoned make room for new ones. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, CONNECTIONS_MAX);
	__type(key, struct connection_id);
	__type(value, struct connection_state);
} connections SEC(".maps");

/* By thread (pid_tgid). What is pushed out of it is not joined, never joined wrongly. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct handshake);
} handshakes SEC(".maps");
