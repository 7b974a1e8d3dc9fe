/* What budgets stop (budget/stop.h) -> orders to the flow loop (flow/order.h), on the policy loop.
 * Wires the two: neither knows the other. */
#pragma once

#include "alert/tell.h"
#include "base/queue.h"
#include "base/span.h"
#include "budget/budget.h"
#include "meter/provider.h"

struct enforcement_options {
	struct budgets *budgets; /* borrowed */
	struct queue *orders;    /* out: struct flow_order */
	/* An action was taken by a budget: {"time","action","who","why","budget":{...}}. */
	void (*tell)(void *ctx, unsigned budget, struct alert *alert, struct span json);
	void *ctx;
};

struct enforcement;

/* Call enforcement_reload next. */
int enforcement_new(const struct enforcement_options *options,
		    struct enforcement **ret_enforcement);
void enforcement_free(struct enforcement *enforcement);

/* The budgets or the providers are new ones: what is in force is ordered anew. `providers` is
 * borrowed until the next one. */
void enforcement_reload(struct enforcement *enforcement, const struct providers *providers,
			int64_t now_ns);

/* Gives the orders that are due: once in a while, for time goes on, and after a person's word. */
void enforcement_look(struct enforcement *enforcement, int64_t now_ns);
/* After charges: looks at the budgets that were charged, however many others there are. */
void enforcement_charged(struct enforcement *enforcement, int64_t now_ns);

/* Whose budgets in force concern the process; its user's name is filled in. False: no room for the
 * orders now. */
bool enforcement_answer(struct enforcement *enforcement, const struct process *process);
