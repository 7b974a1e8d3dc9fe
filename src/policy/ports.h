/* What the policy server needs from others, and what it asks of the ledger loop. */
#pragma once

#include "alert/alert.h"
#include "alert/breaker.h"
#include "base/buf.h"
#include "base/emit.h"
#include "base/timestamp.h"
#include "budget/budget.h"
#include "budget/flight.h"
#include "budget/override.h"
#include "price/charge.h"

/* A question to the ledger loop: the next page of a response. It is answered later, by one call of
 * policy_calls_page on the policy loop, with as many events as fit in about 64 KiB; the next page
 * is asked for when the caller has read that one, so a slow reader costs nobody memory. */
struct policy_calls_query {
	uint64_t ticket; /* which response it belongs to: goes back with the page */
	bool alerts;     /* not calls: `uid` and `event_id` say nothing */
	int64_t after_seq, since_ns;
	int64_t limit;        /* events still wanted, INT64_MAX = all */
	bool newest;          /* of those that match, the newest `limit`, still oldest first */
	uint32_t uid;         /* UINT32_MAX = all */
	struct uuid event_id; /* that one alone; zero = all */
};

struct policy_calls_page {
	uint64_t ticket;
	struct span lines; /* whole JSON lines, each with its newline; borrowed during the call */
	int64_t last_seq;  /* of the last line */
	bool last;         /* nothing follows */
	bool failed;       /* the ledger could not be read */
};

/* What the server needs from others. Called on the policy loop; none may wait. */
struct policy_ports {
	void *ctx;
	struct budgets *budgets;
	const struct clock *clock;
	/* Estimates a call that was only described (usage with provider, model and counts), which
	 * may be that of the charge. */
	void (*price)(void *ctx, const struct usage *usage, struct charge *ret_charge);
	/* Whether this provider name is configured. */
	bool (*knows_provider)(void *ctx, struct span name);
	/* Whether the ledger's queue has room for the touches of one settlement: asked before one
	 * is made, so that none is made that cannot be kept. False = the answer is a 503. */
	bool (*store_room)(void *ctx);
	void (*store_touch)(void *ctx, const struct budget_touch *touches, unsigned n);
	/* The same for a call that its caller told, and for a person's word. */
	void (*store_call)(void *ctx, const struct verdict *verdict);
	void (*store_override)(void *ctx, const struct budget_override *override);
	/* False = its queue is full: 503. */
	bool (*query_calls)(void *ctx, const struct policy_calls_query *query);
	/* How well a provider is; false: nothing is known. What is told to people, once. */
	bool (*breaker)(void *ctx, struct span provider, int64_t now_ns,
			struct breaker_view *ret_view);
	bool (*is_told)(void *ctx, const struct alert_key *key);
	void (*alert)(void *ctx, struct alert *alert);
	int64_t (*wait_ns)(void *ctx, const struct process *process, int64_t now_ns);
	/* Takes the calls that have begun and that nobody was woken for: before they are shown. */
	void (*catch_up)(void *ctx);
	/* Once a second, behind the server's own work. NULL: nothing. */
	void (*tick)(void *ctx);
	/* Writes the members of the status object that come after those of the server. */
	void (*status)(void *ctx, struct emit *out);
};
