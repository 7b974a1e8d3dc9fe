/* liboutlay: a look without asking, at the budgets of this process in memory that the agent keeps
 * up to date. Not before every call, but before work that a refused call would make useless. */
#pragma once

#include "outlay/outlay.h"

#ifdef __cplusplus
extern "C" {
#endif

struct outlay_peek;

struct outlay_peek_answer {
	enum outlay_decision decision; /* DENY: decide would refuse; ALLOW: nothing says so, ask */
	char budget[48];               /* of a deny: the budget that has no room */
	long resets;                   /* and when it begins anew; seconds, UTC; 0: never */
};

/* -EAGAIN: the agent shares all the memory that it does. */
int outlay_peek_open(struct outlay *outlay, struct outlay_peek **ret_peek);
/* Makes no system call, reserves nothing and takes some tens of nanoseconds. What it knows is a
 * millisecond old, of the labels it knows those of the process, of prices none: a budget in money
 * refuses when nothing is left of it. -ESTALE: the agent is gone; decide, and open another.
 * -EAGAIN: not now. Any number of threads at once. */
int outlay_peek(const struct outlay_peek *peek, const struct outlay_ask *ask,
		struct outlay_peek_answer *ret_answer);
void outlay_peek_close(struct outlay_peek *peek); /* when no thread is in it. NULL is allowed */

#ifdef __cplusplus
}
#endif
