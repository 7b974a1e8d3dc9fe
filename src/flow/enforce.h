/* enforce: what the budgets stop, from orders to the kernel's map, and the sockets that are cut.
 * An order is one (scope x host) under the name of a budget; of several the strictest holds until
 * each is released. The map is written first, and counts as a whole from
 * enforce_publish on; then the sockets concerned are destroyed:
 *
 *   a new one              as soon as its hello was dropped
 *   one between two calls  at once, if it is known to be (its plaintext is captured); else when its
 *                          next request was dropped. Many by one walk of the kernel, if it can
 *   one with a call        when that has ended, as the two above; with `at_once` now. Until then
 *                          it may say what it must to be answered (bpf/spare.h)
 *
 * FLOW_ASK at a host means: what the budget stops depends on facts of the process that the kernel
 * does not know. Each process that is connected or connects there is asked for, once; what a new
 * connection says after its hello waits until enforce_judged. Owned by one thread. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/process.h"
#include "bpf/flow_event.h"
#include "flow/flow.h"
#include "flow/order.h"

/* Where it goes, for tests to have their own. */
struct enforce_ports {
	void *ctx;
	/* Writes a key of the map, or removes it with a NULL. 0 or -errno. */
	int (*write)(void *ctx, const struct flow_block *key, const uint32_t *mode);
	/* What the kernel should know of a socket's call. 0 or -errno. */
	int (*tell)(void *ctx, uint64_t cookie, enum flow_call call);
	/* All that was written counts now. */
	void (*publish)(void *ctx);
	/* 0, -ENOENT: it is gone, another -errno. */
	int (*destroy)(void *ctx, const struct flow_refused *socket);
	/* All that the kernel finds due in the network of this process, once a round: how many, or
	 * -errno. */
	int (*sweep)(void *ctx, uint32_t tgid, unsigned round);
	/* Whose budgets concern the process? False: not now, ask again. */
	bool (*ask)(void *ctx, const struct process *process);
};

struct enforce_counters {
	struct counter cut; /* sockets destroyed */
	struct counter
	    cut_failed; /* not destroyed, though they are there: their bytes still wait */
	struct counter asked;
	struct counter orders_refused; /* the table or the kernel's map is full */
	struct counter evicted;
};

#define ENFORCE_MANY 128 /* that are due at once: a walk takes no longer than one by one */

struct enforce;

int enforce_new(const struct enforce_ports *ports, const char *proc, struct enforce **ret_enforce);
void enforce_free(struct enforce *enforce);

/* An order, in the place of the one of the same budget and key. -ESRCH: no such process has a
 * connection; -ENOSPC, or the errno of the map. */
int enforce_block(struct enforce *enforce, const char *who, const struct flow_block *key,
		  enum flow_mode mode, bool at_once);
/* Takes back all orders of a budget, or with an empty name of all; returns how many. */
unsigned enforce_release(struct enforce *enforce, const char *who);
/* The answer to `ask`: its orders are given, or none concerns it. */
void enforce_judged(struct enforce *enforce, uint64_t process_id);
/* The end of a series of orders. */
void enforce_publish(struct enforce *enforce);

/* Whether any order is in force, or the mark of a process that was judged under one. */
bool enforce_stops_any(const struct enforce *enforce);

/* Whether a connection has calls in flight. */
void enforce_captured(struct enforce *enforce, const struct flow_capture *capture);
/* Every record of the ring. */
void enforce_record(struct enforce *enforce, const void *record, size_t bytes);
/* Forgets processes that are gone, asks again; call it every few seconds. */
void enforce_sweep(struct enforce *enforce);

const struct enforce_counters *enforce_counters(const struct enforce *enforce);
