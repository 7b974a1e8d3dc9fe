/* The flow loop: connections to providers by any TLS library, and which of them are not metered.
 * Without what the kernel needs for it the loop runs all the same, and says why it sees nothing. */
#pragma once

#include "agent/intake.h"
#include "attach/attach.h"
#include "base/emit.h"
#include "flow/enforce.h"
#include "flow/flow.h"

#define FLOW_ORDERS_MAX 4096 /* that wait: more than there are hosts of all providers */

struct flow_loop_options {
	struct attach_shared shared;
	struct queue *captures;  /* in: struct flow_capture */
	struct queue *orders;    /* in: struct flow_order */
	struct queue *questions; /* out: struct process, to be judged */
	bool fail_closed, refuse_connect;
};

struct flow_loop;

int flow_loop_new(const struct flow_loop_options *options, struct flow_loop **ret_loop,
		  struct err *err);
int flow_loop_start(struct flow_loop *loop, struct err *err);
void flow_loop_stop(struct flow_loop *loop);
void flow_loop_free(struct flow_loop *loop);

/* The rows with the most connections that are not metered: valid until the next call. The thread of
 * flow_loop_describe. */
unsigned flow_loop_unmetered(struct flow_loop *loop, const struct flow_unmetered **ret_rows);
void flow_loop_describe_row(const struct flow_unmetered *row, struct emit *out);

/* An object `flows` with features and counters, an array `unmetered`. One thread, always the
 * same. */
void flow_loop_describe(struct flow_loop *loop, struct emit *out);
