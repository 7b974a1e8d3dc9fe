/* What a person should know, on the policy loop: asks the breakers and the habits about each call
 * and the other loops once in a while, sees to it that an alert is told once, and gives it to the
 * ledger, the watchers and the journal. */
#pragma once

#include "agent/ledger_loop.h"
#include "alert/breaker.h"
#include "alert/tell.h"
#include "base/counter.h"
#include "policy/policy.h"

struct lookout;

struct lookout_options {
	struct ledger *ledger; /* asked for what was told before, in lookout_new only */
	struct queue *tasks;   /* out: struct ledger_task */
	const char *host_id, *host_name;
	/* Asks the main loop: calls lookout_raise. */
	void (*survey)(void *ctx, struct lookout *lookout);
	void *survey_ctx;
	struct policy *policy; /* its watchers are told */
	struct breaker_limits breaker;
};

struct lookout_counters {
	struct counter told;
	struct counter
	    not_stored; /* the ledger had no room for long: watchers and journal have it */
};

int lookout_new(const struct lookout_options *options, struct lookout **ret_lookout);
void lookout_free(struct lookout *lookout);

/* After a call was charged. */
void lookout_charge(struct lookout *lookout, const struct charge *charge, int64_t now_ns);
/* Whether it was told: before it is made. */
bool lookout_told(const struct lookout *lookout, const struct alert_key *key);
/* Tells it, unless it was told: false. The ledger has it as soon as there is room. */
bool lookout_raise(struct lookout *lookout, struct alert *alert);
/* Once a second: the survey, and what the ledger should know of what was learned. */
void lookout_tick(struct lookout *lookout);
/* Gives the ledger all that is owed; false: no room, call again. */
bool lookout_store(struct lookout *lookout);

const struct lookout_counters *lookout_counters(const struct lookout *lookout);
struct breakers *lookout_breakers(struct lookout *lookout);
struct habits *lookout_habits(struct lookout *lookout);
