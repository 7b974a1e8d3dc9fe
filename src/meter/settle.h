/* What spans two calls: an answer that comes later is billed once, when a poll first brings it; the
 * price of one whose counts were told at once may come so, too; and a request that is sent again
 * under its idempotency key within a day is not billed again. Bounded: of 4096 each the oldest is
 * forgotten; then a poll costs nothing and a replay is billed. */
#pragma once

#include "meter/usage.h"

struct settle;

enum settle_kind {
	SETTLE_ANSWER,
	SETTLE_POLL,        /* brings an answer that another call asked for, */
	SETTLE_PROVISIONAL, /* or the price of this one, if no list has it: usage.told */
};

int settle_new(struct settle **ret_settle); /* -ENOMEM */
void settle_free(struct settle *settle);

/* Of a call that has ended. A poll that brings nothing to bill costs nothing, as does a replay. A
 * NULL `settle` remembers nothing: every call stands for itself. */
void settle_usage(struct settle *settle, enum settle_kind kind, struct usage *usage);
