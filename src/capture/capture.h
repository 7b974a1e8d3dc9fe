/* The kernel's ring -> connections and chunks. Reads records, checks every length in them, keeps
 * the table of connections with the facts of their processes, calls the next stage. One thread. */
#pragma once

#include <stdatomic.h>

#include "base/counter.h"
#include "base/timestamp.h"
#include "bpf/event.h"
#include "capture/chunk.h"

#define CAPTURE_CONNECTIONS_MAX 65536 /* the oldest is closed when one more comes */

struct capture;

struct capture_counters {
	struct counter records, bytes;
	struct counter lost_bytes;  /* jumps in the offsets: what the kernel could not hand over */
	struct counter cut_bytes;   /* left out on purpose: the middles of big requests */
	struct counter bad_records; /* refused: lengths that cannot be */
	struct counter connections; /* opened */
	struct counter unnamed;     /* opened by bytes: the record with the name was lost */
	struct counter evicted;     /* closed because the table was full or the process is gone */
	struct counter live;        /* in the table now */
	struct counter processes;   /* that these belong to */
	struct counter of_file[EVENT_FILES_MAX]; /* records, by the number of the probed file; 0: of
						  * connections whose open record was lost too */
};

struct capture_options {
	int ring_fd;                  /* BPF map; -1: records come by capture_record alone */
	_Atomic uint32_t *wait_bytes; /* in the ring: wake us at so many; 0 while we are awake */
	const struct clock *clock;
	const char *proc; /* "/proc"; tests have their own */
	const struct chunk_handler *next;
	void *ctx;
};

int capture_new(const struct capture_options *options, struct capture **ret_capture);
void capture_free(struct capture *capture); /* closes every connection first */

/* Has an edge when the reader is to be woken: after capture_sleep at once, after capture_nap when
 * the ring fills up. (It is readable whenever a record is there: no use while they flow.) */
int capture_fd(const struct capture *capture);
/* Takes at most `max` records; returns how many. */
unsigned capture_drain(struct capture *capture, unsigned max);
/* Say so before waiting on the fd; false = there is something, drain first. */
bool capture_sleep(struct capture *capture);
/* The same before waiting for a time: what comes until then may lie in the ring, up to a quarter of
 * it. */
void capture_nap(struct capture *capture);

/* One record, as the ring would give it: for tests and replay. */
void capture_record(struct capture *capture, const void *record, size_t bytes);

/* Closes connections of processes that are gone; call it every few seconds. */
void capture_sweep(struct capture *capture);

const struct capture_counters *capture_counters(const struct capture *capture);
