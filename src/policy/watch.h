/* GET /v1/watch: server-sent events. A watcher that does not read loses events, and is told how
 * many; nobody else waits for it. Events: `call`, `decision`, `budget`, `resumed` (a budget that
 * was spent has room again), `threshold`, `enforcement`, `unmetered`, `alert`, `override`,
 * `dropped`. */
#pragma once

#include "policy/server.h"

#define WATCH_BEAT_SECONDS 15

/* What watchers were last told of a budget. */
struct watch_state {
	money_wide limit, spent, reserved;
	int64_t window_start_ns;
	bool is_spent; /* no room was left */
};

void watch_event(struct policy *policy, const char *name, struct span json, uint32_t uid);

/* To those whom a budget concerns, by its index. */
void watch_concerned(struct policy *policy, unsigned index, const char *name, struct span json);

/* A `budget` event, and perhaps `resumed`, for each budget that changed since the last time, to
 * those whom it concerns. */
void watch_budgets(struct policy *policy);

/* A `threshold` event for each threshold that was reached, to those whom its budget concerns. */
void watch_thresholds(struct policy *policy);

/* A call was refused: those who cannot look are told of each budget that did, once a window. */
void watch_denial(struct policy *policy, const struct budget_answer *answer, int64_t now_ns);

/* Now and then: people are told of each budget that will be used up, once a tenth of its window has
 * shown the pace. */
void watch_forecasts(struct policy *policy);

void watch_beat(struct client *client, int64_t now_ns); /* a comment, when it is time for one */
void watch_probe(struct client *client);                /* a comment, now */
