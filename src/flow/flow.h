/* flow: one connection of a process to a provider's host, by whatever TLS library. Each is metered,
 * or unmetered with a reason; what is not sure is said to be so. A flow is joined to its SSL object
 * by the thread that shook hands; where that cannot be, the connections of one process to one host
 * are counted on both sides. One thread owns it all. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/process.h"
#include "bpf/flow_event.h"

#define FLOW_MAX           16384        /* the oldest is judged as it stands when one more comes */
#define FLOW_UNMETERED_MAX 256          /* rows of who is not metered; the one seen last is kept */
#define FLOW_LINGER_NS     2000000000LL /* for what the capture stage has still to say */

enum flow_verdict {
	FLOW_METERED,   /* its plaintext was captured */
	FLOW_INFERRED,  /* metered by count: as many captured as made, of this process and host */
	FLOW_UNUSED,    /* its SSL object is known and moved no plaintext: a handshake, no call */
	FLOW_RELAYED,   /* carries the TLS session of another flow: a proxy's own leg */
	FLOW_UNMETERED, /* with one of the reasons below */
	FLOW_VERDICTS,
};

#define FLOW_REASONS(X)                                                                            \
	X(NO_PROBE, "no_probe") /* no known TLS library of the process spoke to the host */        \
	X(UNSURE, "unsure")     /* one of several, of which not all were captured */               \
	X(LOST, "lost")         /* its plaintext did not fit into the ring */                      \
	X(SILENT, "silent")     /* more bytes than a handshake, past the probes */                 \
	X(NO_HTTP, "no_http")   /* more than a few bytes, and no HTTP that could be read */        \
	X(LATE, "late")         /* older than the agent; its host is inferred */                   \
	X(QUIC, "quic")         /* UDP to the port 443 of a provider's address */

enum flow_reason {
#define X(id, name) FLOW_REASON_##id,
	FLOW_REASONS(X)
#undef X
	    FLOW_REASON_MAX
};

const char *flow_reason_name(enum flow_reason reason);

/* What the capture stage tells of a TLS connection. */
enum flow_news {
	FLOW_CAPTURED,     /* its first plaintext is there: once */
	FLOW_CAPTURE_LOST, /* some was lost: once, at its end */
	FLOW_UNREAD,       /* and there was no call in it: once, at its end */
	FLOW_BUSY,         /* it has a call in flight, */
	FLOW_IDLE,         /* and none any more */
};

/* An SSL object: as in struct event_head. */
struct tls_key {
	uint64_t ssl, start_ns, generation_ns, tgid;
};

struct flow_capture {
	struct tls_key tls;
	enum flow_news news;
	char server[FLOW_NAME_MAX];
};

/* Connections of one executable to one host that were not metered, for one reason. */
struct flow_unmetered {
	char exe[256];            /* or the process's name in brackets: it was gone at once */
	char host[FLOW_NAME_MAX]; /* or the address in brackets */
	char user[33];
	enum flow_reason reason;
	uint32_t pid;         /* of the latest */
	uint64_t connections; /* open ones too */
	uint64_t open;
	uint64_t sent, received; /* bytes on the wire, of those that have ended */
	int64_t last_seen_ns;    /* UTC */
};

struct flow_counters {
	struct counter verdicts[FLOW_VERDICTS]; /* of flows that have ended */
	struct counter records, bad_records;
	struct counter captures;           /* notices of the capture stage */
	struct counter captures_unmatched; /* of connections that no flow is known for */
	struct counter evicted;            /* judged early: the table was full */
	struct counter orphans;       /* ended because the process is gone: no close was seen */
	struct counter older_dropped; /* connections older than the agent, beyond the limit */
	struct counter rows_dropped;  /* rows of the unmetered that made room */
	_Atomic uint64_t live;
};

struct flows;

/* `proc`: "/proc"; tests have their own. */
int flows_new(const struct clock *clock, const char *proc, struct flows **ret_flows);
void flows_free(struct flows *flows);

/* A record of bpf/flow_event.h; every length in it is checked. */
void flows_record(struct flows *flows, const void *record, size_t bytes);
void flows_captured(struct flows *flows, const struct flow_capture *capture);
/* Judges what has ended; call it a few times a second. */
void flows_tick(struct flows *flows);

/* A round of the connections that are older than the agent: begin, a record each, end. */
void flows_older_begin(struct flows *flows);
void flows_older_end(struct flows *flows);
/* How many of them are open; 0: no further round is needed. */
unsigned flows_older(const struct flows *flows);

/* The rows with the most connections first; returns how many. */
unsigned flows_unmetered(struct flows *flows, struct flow_unmetered *ret_rows, unsigned max);

const struct flow_counters *flows_counters(const struct flows *flows);
