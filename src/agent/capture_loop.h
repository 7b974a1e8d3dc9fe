/* The capture loop: ring -> http -> meter -> price, then each charge to the policy loop. */
#pragma once

#include "agent/canary.h"
#include "agent/intake.h"
#include "budget/flight.h"
#include "capture/capture.h"
#include "http/http.h"
#include "meter/meter.h"
#include "price/ceiling.h"

/* New configuration for the loop: references that become its own. */
struct capture_reload {
	struct providers *providers;
	struct catalog *catalog;
	bool has_budgets;
};

struct capture_loop_options {
	int ring_fd;
	_Atomic uint32_t *wait_bytes;
	struct providers *providers;
	struct catalog *catalog;
	bool has_budgets; /* somebody waits for what a call has cost */
	const uint8_t *secret;
	struct queue *charges; /* out: struct charge */
	struct queue *flights; /* out: struct budget_flight, while there are budgets */
	struct queue *reloads; /* in: struct capture_reload */
	struct queue *flows;   /* out: struct flow_capture */
	struct canary_watch *canary;
	const char *record; /* file to make for --record; NULL: none */
};

struct capture_loop_counters {
	struct counter waits;        /* times the policy loop had to be waited for */
	struct counter flows_untold; /* connections that the flow loop had no room to hear of */
};

struct capture_loop;

int capture_loop_new(const struct capture_loop_options *options, struct capture_loop **ret_loop,
		     struct err *err);
int capture_loop_start(struct capture_loop *loop, struct err *err);
/* Takes what is in the ring, ends every connection, stops. */
void capture_loop_stop(struct capture_loop *loop);
void capture_loop_free(struct capture_loop *loop);

/* Counters of the stages on this loop: read from any thread. */
const struct capture_counters *capture_loop_capture(const struct capture_loop *loop);
const struct http_counters *capture_loop_http(const struct capture_loop *loop);
const struct meter_counters *capture_loop_meter(const struct capture_loop *loop);
const struct relay_counters *capture_loop_relayed(const struct capture_loop *loop);
const struct capture_loop_counters *capture_loop_counters(const struct capture_loop *loop);
