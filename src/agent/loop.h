/* A thread with an event loop of its own. What it owns is touched by it alone while it runs. */
#pragma once

#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"

struct loop {
	const char *name;
	struct event_base *base;
	pthread_t thread;
	bool running;
	struct event *stop;         /* activated from outside */
	void (*stopped)(void *ctx); /* last call on the thread, after the loop has ended */
	void *ctx;
};

/* Makes the event base; events may then be added from the thread that will start it. */
int loop_init(struct loop *loop, const char *name, struct err *err);
void loop_done(struct loop *loop);

/* Runs until loop_stop, then calls `stopped` on the same thread: the place to drain and flush. */
int loop_start(struct loop *loop, void (*stopped)(void *ctx), void *ctx, struct err *err);
/* Ends the loop and waits for its thread. */
void loop_stop(struct loop *loop);

/* event_free that takes NULL. */
void loop_free_event(struct event *event);
