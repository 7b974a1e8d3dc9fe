/* The reader of the memory that the agent shares: include/outlay/shared.h. It never reads outside
 * of it, whatever stands there. */
#pragma once

#include "outlay/peek.h"
#include "outlay/shared.h"

/* 0, or -ESTALE: nobody has kept it up to date at `now_ns`; -EAGAIN: it was written all the time;
 * -EPROTO: it is another memory. */
int peek_read(const struct outlay_shared *shared, const struct outlay_ask *ask, int64_t now_ns,
	      struct outlay_peek_answer *ret_answer);
