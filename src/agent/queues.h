/* The queues between the loops: `a` to `b` by value, one producer, one consumer. */
#pragma once

#include "base/queue.h"

struct queues {
	struct queue *charges;         /* capture -> policy: struct charge */
	struct queue *flights;         /* capture -> policy: struct budget_flight */
	struct queue *flows;           /* capture -> flow: struct flow_capture */
	struct queue *tasks;           /* policy -> ledger: struct ledger_task */
	struct queue *queries;         /* policy -> ledger: struct ledger_ask */
	struct queue *pages;           /* ledger -> policy: struct ledger_page */
	struct queue *orders;          /* policy -> flow: struct flow_order */
	struct queue *questions;       /* flow -> policy: struct process */
	struct queue *shown;           /* policy -> main: struct verdict */
	struct queue *capture_reloads; /* main -> capture: struct capture_reload */
	struct queue *policy_reloads;  /* main -> policy: struct policy_reload */
};

/* -errno: free what there is with queues_done. */
int queues_init(struct queues *queues, bool on_terminal);
void queues_done(struct queues *queues);
