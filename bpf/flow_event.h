/* What bpf/flow.bpf.c and src/flow share: records of connections to provider hosts, whatever TLS
 * library made them, and the names of the counters. Fixed-width members, no holes: tests/bpf
 * compares both layouts. */
#pragma once

#ifdef __bpf__
#include "kernel.h"
#else
#include <linux/types.h>
#endif

#define FLOW_NAME_MAX 256 /* server name with its NUL (RFC 1035: 253 characters) */
#define FLOW_COMM_MAX 16

enum flow_type {
	FLOW_HELLO = 1, /* a ClientHello names a provider's host: struct flow_hello */
	FLOW_QUIC = 2,  /* first UDP datagram of a socket to port 443 of such a host: the same */
	FLOW_CLOSE = 3, /* a connection that has said hello is closed: struct flow_close */
	FLOW_OLDER = 4, /* not in the ring, when asked for: struct flow_older */
	FLOW_REFUSED =
	    5, /* bytes of a socket that is to be cut were dropped: struct flow_refused */
};

struct flow_head {
	__u32 type; /* enum flow_type */
	__u32 unused;
	__u64 cookie;  /* of the socket: SO_COOKIE */
	__u64 time_ns; /* CLOCK_MONOTONIC */
};

/* Who is the process that called connect(), or its child where that one speaks. */
struct flow_hello {
	struct flow_head head;
	__u64 start_ns; /* CLOCK_BOOTTIME, when the process started */
	__u64 cgroup_id;
	__u64 host; /* order_host_key() of the pattern that matched; QUIC: 0 */
	__u64 ssl;  /* the SSL object whose hello this is, as in event_head; 0: not known */
	__u64 generation_ns;
	__u64 random[2]; /* of the client's random: a relay passes it on as it is. 0: QUIC */
	__u32 tgid;
	__u32 uid;
	__u32 host_id; /* value of the host filter that matched; QUIC: 0 */
	__u16 remote_port;
	__u16 local_port;
	__u8 remote[16]; /* IPv6, or IPv4 mapped into it */
	__u8 local[16];
	char comm[FLOW_COMM_MAX];
	char name[FLOW_NAME_MAX]; /* as the client wrote it; QUIC: empty */
};

struct flow_close {
	struct flow_head head;
	__u64 sent;     /* bytes that the peer acknowledged, once each */
	__u64 received; /* bytes that arrived in order */
};

struct flow_refused {
	struct flow_head head;
	__u32 tgid; /* whose network namespace it is in */
	__u16 remote_port;
	__u16 local_port;
	__u8 remote[16];
	__u8 local[16];
};

/* An open connection whose hello this agent was not told of: one to port 443, or one of which the
 * kept hooks of a dead agent know the host and who said its hello: then that is the process. */
struct flow_older {
	struct flow_head head;
	__u64 sent; /* as in struct flow_close, so far */
	__u64 received;
	__u64 host; /* as in struct flow_hello; 0: not known, nor are the next three */
	__u64 start_ns;
	__u64 cgroup_id;
	__u32 uid;
	__u32 tgid; /* of a process that has it open: one record each */
	__u16 remote_port;
	__u16 local_port;
	__u32 unused;
	__u8 remote[16];
	__u8 local[16];
};

/* Every ClientHello ends under one of the first five, every refusal under one of the others. */
#define FLOW_COUNTERS(X)                                                                           \
	X(PROVIDER_HELLOS, "provider_hellos") /* with a provider's name */                         \
	X(OTHER_HELLOS, "other_hellos")       /* with another name: nothing else is kept */        \
	X(NAMELESS_HELLOS, "nameless_hellos") /* whole, without a server name */                   \
	X(BROKEN_HELLOS, "broken_hellos")     /* that contradict themselves */                     \
	X(PARTIAL_HELLOS, "partial_hellos")   /* longer than what is put together, or cut */       \
	X(JOINED, "joined")                   /* provider hellos whose SSL object is known */      \
	X(QUIC_SOCKETS, "quic_sockets")       /* UDP sockets that reached a provider's address */  \
	X(HELD, "held")                       /* packets that wait for a budget */                 \
	X(REFUSED, "packets_refused")         /* packets dropped of what a budget cuts */          \
	X(NOT_CONNECTED, "not_connected")     /* sockets refused in connect(), by option */        \
	X(FAILED_OPEN, "failed_open")         /* packets let go as the agent does not answer */    \
	X(SOCKETS_FULL, "sockets_full")       /* sockets not followed: no memory */                \
	X(RING_FULL, "ring_full")             /* records lost: no room in the ring */

enum flow_counter {
#define X(id, name) FLOW_COUNTER_##id,
	FLOW_COUNTERS(X)
#undef X
	    FLOW_COUNTER_MAX
};
