/* The only file that kernel and user space share: records in the ring buffer, the host filter, and
 * the names of the counters. Fixed-width members, no holes: tests/bpf compares both layouts.
 *
 * A connection is (tgid, start of the process, SSL object, generation). The generation is the time
 * at which the server name was set on the object, so an object that is freed and reused is another
 * connection. */
#pragma once

#ifdef __bpf__
#include "kernel.h"
#else
#include <linux/types.h>
#endif

#define EVENT_CHUNK_MAX     16384 /* bytes of plaintext in one record */
#define EVENT_CALL_CHUNKS   64    /* records of one read or write: 1 MiB; the rest is counted */
#define EVENT_CUT_MAX       (1u << 30)   /* bytes of a write whose middle may be left out */
#define EVENT_KEEP_MAX      (256u << 10) /* bytes kept at each end of it */
#define EVENT_NAME_MAX      256          /* server name with its NUL (RFC 1035: 253 characters) */
#define EVENT_COMM_MAX      16
#define EVENT_LABELS_MAX    256
#define EVENT_PATH_MAX      512 /* names of a path with their NULs */
#define EVENT_PATH_NAME_MAX 256 /* one of them (NAME_MAX of the kernel: 255) */

enum event_type {
	EVENT_OPEN = 1,  /* a provider's server name was set: struct event_open */
	EVENT_DATA = 2,  /* plaintext of one call, or a piece of it: struct event_data */
	EVENT_CLOSE = 3, /* the SSL object was freed: struct event_close */
};

enum event_direction { EVENT_SENT = 0, EVENT_RECEIVED = 1 };

/* Offset of the first byte that is seen of a connection older than the agent: how many came before
 * is not known. */
#define EVENT_LATE_OFFSET 1

struct event_head {
	__u32 type;          /* enum event_type */
	__u32 tgid;          /* process, as the initial pid namespace numbers it */
	__u64 time_ns;       /* CLOCK_MONOTONIC, when the call returned */
	__u64 start_ns;      /* CLOCK_BOOTTIME, when the process started */
	__u64 ssl;           /* address of the SSL object in the process */
	__u64 generation_ns; /* CLOCK_MONOTONIC, when the server name was set */
};

/* Facts of the process that an open record holds in full. */
enum event_known { EVENT_KNOWS_LABELS = 1, EVENT_KNOWS_EXE = 2, EVENT_KNOWS_CGROUP = 4 };

struct event_open {
	struct event_head head;
	__u64 cgroup_id;
	__u32 uid;
	__u32 host_id; /* value of the host filter that matched */
	__u32 ns_pid;  /* the process, as its own pid namespace numbers it */
	__u32 known;   /* bits of enum event_known */
	__u32 late;    /* 1: older than the agent, offsets begin at EVENT_LATE_OFFSET */
	__u32 file;    /* with the probe, below EVENT_FILES_MAX */
	char comm[EVENT_COMM_MAX];
	char name[EVENT_NAME_MAX];     /* empty: that of the generation before */
	char labels[EVENT_LABELS_MAX]; /* value of OUTLAY_LABELS in its environment */
	/* The names of a path from the last to the first, each with its NUL, then an empty one:
	 * of the executable, from the root of its mount namespace, and of the cgroup (version 2).
	 */
	char exe[EVENT_PATH_MAX];
	char cgroup[EVENT_PATH_MAX];
};

struct event_data {
	struct event_head head;
	__u64 offset;    /* of the first byte, in this direction of this connection */
	__u32 length;    /* bytes that the process moved and that this record stands for */
	__u32 captured;  /* bytes that follow: <= length, <= EVENT_CHUNK_MAX */
	__u32 cut;       /* 1: the bytes were left out on purpose, captured is 0 */
	__u32 direction; /* enum event_direction */
	__u8 bytes[];
};

struct event_close {
	struct event_head head;
	__u64 sent; /* bytes of the whole connection: what is missing before them was lost */
	__u64 received;
};

/* Host filter: FNV-1a 64 of the lower-case name -> host_id. A one-level wildcard (*.example.com)
 * is stored as the hash of "example.com" in the second map. */
#define EVENT_HOSTS_MAX  4096
#define EVENT_FNV_OFFSET 0xcbf29ce484222325ULL
#define EVENT_FNV_PRIME  0x100000001b3ULL

/* Numbers of files with probes; 0: one without a number of its own. */
#define EVENT_FILES_MAX 4096

/* Every path that refuses something counts it under one of these names. */
#define EVENT_COUNTERS(X)                                                                          \
	X(CALLS_SEEN, "calls_seen")           /* probed calls on a provider's connection */        \
	X(BYTES_CAPTURED, "bytes_captured")   /* plaintext given to user space */                  \
	X(RING_FULL, "ring_full")             /* records lost: no room in the ring */              \
	X(RING_FULL_BYTES, "ring_full_bytes") /* plaintext in them */                              \
	X(CALL_TOO_LONG_BYTES, "call_too_long_bytes") /* beyond EVENT_CALL_CHUNKS records */       \
	X(READ_FAULT, "read_fault")                   /* records whose bytes could not be read */  \
	X(CONNECTIONS_FULL, "connections_full")       /* connections not followed: map full */     \
	X(CALLS_FULL, "calls_full")                   /* calls not followed: map full */           \
	X(NAME_UNREADABLE, "name_unreadable")         /* server names that could not be read */    \
	X(CONNECTIONS_EVICTED, "connections_evicted") /* idle ones that made room: at least */     \
	X(LATE_CONNECTIONS, "late_connections")       /* followed, but not from their start */     \
	X(LATE_LOOKS, "late_looks")                   /* objects looked at for their host */       \
	X(SERVER_SIDE, "server_side")                 /* objects that turned out to be servers */  \
	X(UNSEEN_BYTES, "unseen_bytes") /* that pass no buffer: sendfile, a packet of GnuTLS */

enum event_counter {
#define X(id, name) EVENT_COUNTER_##id,
	EVENT_COUNTERS(X)
#undef X
	    EVENT_COUNTER_MAX
};
