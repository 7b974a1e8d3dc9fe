/* A queue whose items are handled on a loop. `take` handles what it can and leaves the rest: it
 * is called again when more comes, and every few milliseconds while something is left. */
#pragma once

#include "agent/loop.h"
#include "base/queue.h"

struct intake {
	struct queue *queue;
	struct event *readable, *retry;
	void (*take)(void *ctx);
	void *ctx;
};

int intake_init(struct intake *intake, struct loop *loop, struct queue *queue,
		void (*take)(void *ctx), void *ctx);
void intake_done(struct intake *intake);
