/* The window of a sink: a ring of entries by ticket. The head never stands on an entry that has
 * landed, so `acked_seq` follows from moving it. */
#include "sink/flight.h"

#include <stdbool.h>

#define ENTRY(flight, ticket) (&(flight)->entries[(ticket) % FLIGHT_MAX])

static void advance(struct flight *f)
{
	while (f->head < f->tail && ENTRY(f, f->head)->state == FLIGHT_LANDED)
		f->acked_seq = ENTRY(f, f->head++)->seq;
	if (f->next < f->head)
		f->next = f->head;
}

/* Moves `next` to the entry of `seq`, or to the end when there is none. */
static void find(struct flight *f, int64_t seq)
{
	if (f->next > f->head && ENTRY(f, f->next - 1)->seq >= seq)
		f->next = f->head;
	while (f->next < f->tail && ENTRY(f, f->next)->seq < seq) {
		/* It is offered no more: it has left the ledger and must not hold up the rest. */
		if (ENTRY(f, f->next)->state == FLIGHT_FAILED)
			ENTRY(f, f->next)->state = FLIGHT_LANDED;
		f->next++;
	}
	advance(f);
}

enum flight_answer flight_offer(struct flight *f, int64_t seq, uint64_t *ret_ticket)
{
	if (seq <= f->acked_seq)
		return FLIGHT_SKIP;
	find(f, seq);
	if (f->next < f->tail) {
		bool known = ENTRY(f, f->next)->seq == seq;

		if (!known || ENTRY(f, f->next)->state != FLIGHT_FAILED) {
			f->next += known;
			return FLIGHT_SKIP;
		}
	}
	if (f->next - f->head == FLIGHT_MAX)
		return FLIGHT_FULL;
	*ret_ticket = f->next;
	return FLIGHT_SEND;
}

void flight_sent(struct flight *f, uint64_t ticket, int64_t seq)
{
	ENTRY(f, ticket)->seq = seq;
	ENTRY(f, ticket)->state = FLIGHT_PENDING;
	f->n_pending++;
	f->next = ticket + 1;
	if (f->tail < f->next)
		f->tail = f->next;
}

static bool take_pending(struct flight *f, uint64_t ticket, enum flight_state state)
{
	if (ticket < f->head || ticket >= f->tail || ENTRY(f, ticket)->state != FLIGHT_PENDING)
		return false;
	ENTRY(f, ticket)->state = state;
	f->n_pending--;
	return true;
}

void flight_landed(struct flight *f, uint64_t ticket)
{
	if (take_pending(f, ticket, FLIGHT_LANDED))
		advance(f);
}

void flight_failed(struct flight *f, uint64_t ticket)
{
	(void)take_pending(f, ticket, FLIGHT_FAILED);
}

void flight_failed_all(struct flight *f)
{
	for (uint64_t ticket = f->head; ticket < f->tail; ticket++)
		(void)take_pending(f, ticket, FLIGHT_FAILED);
}
