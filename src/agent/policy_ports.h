/* What the policy server asks of the other stages and loops, by the policy loop. */
#pragma once

#include "agent/enforcement.h"
#include "agent/policy_loop.h"
#include "base/users.h"

struct policy_loop {
	struct loop loop;
	struct policy_loop_options options;
	struct budgets *budgets;
	struct policy *policy;
	struct enforcement *enforcement;
	struct lookout *lookout;
	struct users *users;
	struct intake charges, flights, pages, reloads, questions;
	struct buf json;
	struct process question; /* waits for room among the orders */
	bool has_question;
};

struct policy_ports policy_ports_of(struct policy_loop *loop);

/* What the capture loop has told: charges, then who is in flight. */
void policy_loop_take_calls(void *ctx);
/* What is looked at once a second. */
void policy_loop_tick(void *ctx);

/* A verdict, to the ledger and to whoever looks on; there is room. */
void policy_ports_hand_on(struct policy_loop *loop, const struct ledger_task *task);
