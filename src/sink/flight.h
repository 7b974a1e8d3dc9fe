/* What a sink has on its way: a window over the events from the first that is not safely there to
 * the last that was taken, in order of seq. Reports come in any order; `acked_seq` only ever covers
 * a whole row of arrivals. After a failure its owner is offered the events from acked_seq + 1
 * again: those that have arrived or are still under way are told apart from those to send.
 *
 * Zeroed is ready. A ticket names a place in the window and is never given to another event. */
#pragma once

#include <stdint.h>

#define FLIGHT_MAX 16384 /* events; a power of two */

enum flight_state { FLIGHT_PENDING, FLIGHT_LANDED, FLIGHT_FAILED };

struct flight {
	int64_t acked_seq;         /* 0 = nothing yet */
	uint64_t head, tail, next; /* tickets: first, one after the last, expected to be offered */
	unsigned n_pending;
	struct {
		int64_t seq;
		enum flight_state state;
	} entries[FLIGHT_MAX];
};

enum flight_answer {
	FLIGHT_SEND, /* under *ret_ticket; then flight_sent */
	FLIGHT_SKIP, /* it has arrived, or is on its way */
	FLIGHT_FULL,
};

/* Events are offered with rising seq, and from acked_seq + 1 again at any time; none ever appears
 * between two that were offered before. One that is no longer offered is taken as gone. */
enum flight_answer flight_offer(struct flight *flight, int64_t seq, uint64_t *ret_ticket);
void flight_sent(struct flight *flight, uint64_t ticket, int64_t seq);

/* A report on a ticket that is not under way changes nothing. */
void flight_landed(struct flight *flight, uint64_t ticket);
void flight_failed(struct flight *flight, uint64_t ticket);
void flight_failed_all(struct flight *flight); /* all that is under way */
