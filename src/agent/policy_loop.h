/* The policy loop: budgets and the policy socket. Charges come in, verdicts go out to the ledger
 * loop and, while somebody watches the terminal, to the main loop. */
#pragma once

#include "agent/intake.h"
#include "agent/ledger_loop.h"
#include "agent/lookout.h"
#include "budget/budget.h"
#include "flow/flow.h"
#include "meter/provider.h"
#include "policy/policy.h"
#include "price/catalog.h"

/* New configuration for the loop: everything becomes its own. */
struct policy_reload {
	struct providers *providers;
	struct catalog *catalog;
	struct budget_rules *rules;
};

struct policy_loop_options {
	const char *socket;
	struct policy_reload config; /* becomes the loop's own */
	struct ledger *ledger;       /* read once, for what was spent before */
	const char *host_id, *host_name;
	struct queue *charges;   /* in: struct charge */
	struct queue *flights;   /* in: struct budget_flight */
	struct queue *pages;     /* in: struct ledger_page */
	struct queue *reloads;   /* in: struct policy_reload */
	struct queue *tasks;     /* out: struct ledger_task */
	struct queue *queries;   /* out: struct ledger_ask */
	struct queue *questions; /* in: struct process, to be judged */
	struct queue *orders;    /* out: struct flow_order */
	struct queue *shown;     /* out: struct verdict; NULL when there is no terminal */
	void (*status)(void *ctx, struct emit *out);
	unsigned (*unmetered)(void *ctx, const struct flow_unmetered **ret_rows);
	/* Raises what other loops have found. */
	void (*survey)(void *ctx, struct lookout *lookout);
	void *ctx;
	struct breaker_limits breaker;
};

struct policy_loop;

int policy_loop_new(const struct policy_loop_options *options, struct policy_loop **ret_loop,
		    struct err *err);
int policy_loop_start(struct policy_loop *loop, struct err *err);
/* Charges what is queued, stops. */
void policy_loop_stop(struct policy_loop *loop);
void policy_loop_free(struct policy_loop *loop);
