/* A queue whose items are handled on a loop. `take` handles what it can and leaves the rest: it
 * is called again when more comes, and every few milliseconds while something is left. With `hold`,
 * an item waits so long for others at most: while they come its producer does not wake the loop
 * before the queue is half full. One that is lazy is never woken before that: others call `take`
 * when they need to know. */
#pragma once

#include "agent/loop.h"
#include "base/queue.h"

struct intake {
	struct queue *queue;
	struct event *readable, *retry;
	struct timeval hold; /* none after intake_init */
	bool is_lazy;        /* not after intake_init */
	void (*take)(void *ctx);
	void *ctx;
};

int intake_init(struct intake *intake, struct loop *loop, struct queue *queue,
		void (*take)(void *ctx), void *ctx);
void intake_set_lazy(struct intake *intake, bool is_lazy);
void intake_done(struct intake *intake);
