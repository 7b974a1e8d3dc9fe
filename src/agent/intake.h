/* A queue whose items are handled on a loop. `take` handles what it can and leaves the rest: it
 * is called again when more comes, and every few milliseconds while something is left. With `hold`,
 * the first item that comes waits so long for others, and its producer does not wake the loop for
 * them before the queue is half full. */
#pragma once

#include "agent/loop.h"
#include "base/queue.h"

struct intake {
	struct queue *queue;
	struct event *readable, *retry;
	struct timeval hold; /* none after intake_init */
	void (*take)(void *ctx);
	void *ctx;
};

int intake_init(struct intake *intake, struct loop *loop, struct queue *queue,
		void (*take)(void *ctx), void *ctx);
void intake_done(struct intake *intake);
