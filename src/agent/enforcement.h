/* Budgets that say hold or cut -> orders to the flow loop, on the policy loop. A budget is enforced
 * from when it is spent until its window turns, its limit is raised, or a person releases it: that
 * holds until it has been below its limit. A person may also hold or cut one that is not spent,
 * until a person releases it. */
#pragma once

#include "base/queue.h"
#include "base/span.h"
#include "budget/budget.h"
#include "meter/provider.h"

enum enforcement_act { ENFORCEMENT_RELEASE, ENFORCEMENT_HOLD, ENFORCEMENT_CUT };

struct enforcement_options {
	struct budgets *budgets; /* borrowed */
	struct queue *orders;    /* out: struct flow_order */
	/* An action was taken: {"time","action","who","why","budget":{...}}. */
	void (*tell)(void *ctx, struct span json);
	void *ctx;
};

struct enforcement;

/* Call enforcement_reload next. */
int enforcement_new(const struct enforcement_options *options,
		    struct enforcement **ret_enforcement);
void enforcement_free(struct enforcement *enforcement);

/* The budgets or the providers are new ones: what is in force is ordered anew. `providers` is
 * borrowed until the next one. -ENOMEM. */
int enforcement_reload(struct enforcement *enforcement, const struct providers *providers,
		       int64_t now_ns);

/* Looks at what is spent, gives the orders that are due: after charges, and once in a while. */
void enforcement_look(struct enforcement *enforcement, int64_t now_ns);

/* Whose budgets in force concern the process; its user's name is filled in. False: no room for the
 * orders now. */
bool enforcement_answer(struct enforcement *enforcement, const struct process *process);

/* A person says so: `who` and `why` go into the event. -ENOENT: no such budget; -EINVAL: it matches
 * a model or an operation, which no connection tells. */
int enforcement_order(struct enforcement *enforcement, struct span budget, enum enforcement_act act,
		      const char *who, const char *why, int64_t now_ns);
