/* The ledger loop: the one SQLite connection and the sinks. Everything that must be durable comes
 * here as a task, in order; a batch of tasks is one transaction. A task waits for others for
 * LEDGER_HOLD_MS at most, or until many wait, a question comes or the loop ends: that much is what
 * a kill -9 can cost, besides what the stages to the left have in hand. */
#pragma once

#include "agent/intake.h"
#include "agent/ledger_task.h"
#include "base/counter.h"
#include "base/emit.h"
#include "sink/sink.h"

#define LEDGER_HOLD_MS 100

/* A question about the ledger, of which all tasks before it are a part. */
struct ledger_ask {
	uint64_t ticket;
	bool alerts; /* else calls */
	struct ledger_query query;
};

/* The answer to it. `lines` is malloc'ed and the receiver's. */
struct ledger_page {
	uint64_t ticket;
	char *lines;
	size_t bytes;
	int64_t last_seq;
	bool last, failed;
};

struct ledger_loop_options {
	struct ledger *ledger; /* becomes the loop's own */
	struct sink_config sinks;
	int64_t keep_ns; /* how long a call is kept that every sink has */
	const char *host_id, *host_name;
	struct queue *tasks;   /* in: struct ledger_task */
	struct queue *queries; /* in: struct ledger_ask, from the same thread */
	struct queue *pages;   /* out: struct ledger_page; has room for every open question */
};

struct ledger_loop_counters {
	struct counter events, transactions, failures;
	struct counter dropped;     /* old calls that left the ledger */
	struct counter former;      /* rows left in the table of a former schema, at the start */
	struct counter unsaid;      /* rows left out of answers: this program cannot say them */
	struct counter unpublished; /* of the slowest sink, at the last look: not a running count */
};

struct ledger_loop;

int ledger_loop_new(const struct ledger_loop_options *options, struct ledger_loop **ret_loop,
		    struct err *err);
int ledger_loop_start(struct ledger_loop *loop, struct err *err);
/* Stores what is queued, gives the sinks a second to send, stops. */
void ledger_loop_stop(struct ledger_loop *loop);
void ledger_loop_free(struct ledger_loop *loop);

/* Any thread: an array `sinks`, an object each with its name, state and counters. */
void ledger_loop_describe(const struct ledger_loop *loop, struct emit *out);
const struct ledger_loop_counters *ledger_loop_counters(const struct ledger_loop *loop);
