/* Reservations: who was told "go on", for how much, and whether the call has come. A table by id
 * with three orders: open ones by their lease, ended ones by age, and those that a captured call
 * may still claim by process and provider. Budgets' own counters are the caller's work. */
#pragma once

#include <uthash.h>

#include "budget/match.h"

enum reservation_state {
	RESERVATION_OPEN,      /* holds the amount of `size` in its budgets */
	RESERVATION_LAPSED,    /* not settled in time: holds nothing, can still be settled */
	RESERVATION_BY_CALLER, /* its figure is in the totals until a captured call replaces it */
	RESERVATION_BY_CAPTURE,
};

struct reservation {
	struct uuid id;
	enum reservation_state state;
	uint32_t pid, uid;
	uint64_t start_ns;
	uint64_t provider_hash, model_hash;
	struct budget_size size; /* reserved; BY_CALLER: its figure */
	int64_t made_ns, leased_ns;
	int64_t ended_ns;
	unsigned n_holds;
	uint16_t *holds; /* indices of budgets */
	uint16_t few_holds[VERDICT_BUDGETS_MAX];
	struct reservation *prev, *next;
	struct reservation *process_prev, *process_next;
	UT_hash_handle hh;
};

struct reserve;

int reserve_new(struct reserve **ret_reserve); /* -ENOMEM */
void reserve_free(struct reserve *reserve);

/* A new open one that holds in the budgets of `holds`. -ENOSPC: as many are open as may be, in
 * all or of this user; -ENOMEM. */
int reserve_add(struct reserve *reserve, const struct uuid *id, const struct match_subject *subject,
		const struct match_set *holds, const struct budget_size *size, int64_t now_ns,
		struct reservation **ret_reservation);

/* NULL: not known (any more). */
struct reservation *reserve_find(struct reserve *reserve, const struct uuid *id);

/* The reservation that a captured call belongs to, as budget.h says; NULL: none. Ambiguous: others
 * are as likely and hold in other budgets. Of one process and provider only the oldest
 * RESERVE_SCAN_MAX are looked at. */
#define RESERVE_SCAN_MAX 1024
struct reservation *reserve_claim(struct reserve *reserve, const struct match_subject *subject,
				  int64_t call_start_ns, bool *ret_ambiguous);

/* An open one is held for as long as a new one from now on. */
void reserve_renew(struct reserve *reserve, struct reservation *reservation, int64_t now_ns);

/* It is not open any more, or ended once more: from now on it is kept for a while. */
void reserve_end(struct reserve *reserve, struct reservation *reservation,
		 enum reservation_state state, int64_t now_ns);

/* The oldest open one when its time is over, else NULL. Forgets what was kept long enough. */
struct reservation *reserve_expired(struct reserve *reserve, int64_t now_ns);

/* The clock was set back: what is open counts as made now at the latest, what has ended is
 * forgotten, for its figures belong to a time that has not come. */
void reserve_rewind(struct reserve *reserve, int64_t now_ns);

/* Visits all that are known. */
typedef void reserve_fn(void *ctx, struct reservation *reservation);
void reserve_each(struct reserve *reserve, reserve_fn *fn, void *ctx);
unsigned reserve_n_open(const struct reserve *reserve);
