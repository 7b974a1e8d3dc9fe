/* usage -> usage: of two legs of one call, one. Legs in flight are in the order in which they
 * began, so an outer leg stands before its inner one. The invariant: what is held waits for open
 * legs alone, and every usage is handed on once or counted as relayed. */
#include "meter/relay.h"
#include "base/pages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* What tells whether two legs are one call. */
struct trace {
	const void *route;
	uint32_t pid;
	uint64_t process_ns;
	uint64_t opened;     /* of the leg */
	uint64_t begin, end; /* in the order of events, which no clock can upset */
	bool in_doubt;       /* its counts are not known */
	struct relay_ids ids;
};

struct held {
	struct held *prev, *next;
	struct usage usage;
	struct trace trace;
	unsigned n_outer;
	const struct leg *outer[RELAY_OUTER_MAX];
};

struct relay {
	struct relay_options options;
	struct relay_counters counters;
	struct leg *legs;
	struct held *held;
	unsigned n_held;
	struct trace told[RELAY_TOLD]; /* a ring */
	unsigned next_told;
	uint64_t told_end; /* the latest of them */
	uint64_t events;   /* begins and ends so far */
};

int relay_new(const struct relay_options *options, struct relay **ret_relay)
{
	struct relay *relay = pages_new(sizeof(*relay));

	if (!relay)
		return -ENOMEM;
	relay->options = *options;
	*ret_relay = relay;
	return 0;
}

static void forget(struct relay *relay, struct held *held)
{
	DL_DELETE(relay->held, held);
	relay->n_held--;
	free(held);
}

void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	while (relay->held)
		forget(relay, relay->held);
	pages_free(relay, sizeof(*relay));
}

/* --- one call? */

enum match { MATCH_OTHER, MATCH_UNKNOWN, MATCH_SAME };

static enum match match_ids(const struct relay_ids *a, const struct relay_ids *b)
{
	if (a->response[0] && b->response[0])
		return strcmp(a->response, b->response) ? MATCH_OTHER : MATCH_SAME;
	if (a->request[0] && b->request[0])
		return strcmp(a->request, b->request) ? MATCH_OTHER : MATCH_SAME;
	return MATCH_UNKNOWN;
}

static enum match match_traces(const struct trace *a, const struct trace *b)
{
	if (a->route != b->route || (a->pid == b->pid && a->process_ns == b->process_ns) ||
	    a->begin > b->end || b->begin > a->end)
		return MATCH_OTHER;
	return match_ids(&a->ids, &b->ids);
}

static struct trace trace_of(const struct leg *leg, uint64_t end, const struct usage *usage)
{
	struct trace trace = { .route = leg->route,
			       .pid = leg->process->pid,
			       .process_ns = leg->process->start_ns,
			       .opened = leg->opened,
			       .begin = leg->begin,
			       .end = end,
			       .in_doubt = usage->doubt != USAGE_DOUBT_NONE };

	memcpy(trace.ids.response, usage->response_id, sizeof(trace.ids.response));
	memcpy(trace.ids.request, usage->request_id, sizeof(trace.ids.request));
	return trace;
}

static bool has_equal_counts(const struct usage *a, const struct usage *b)
{
	return a->present && a->present == b->present && a->status == b->status &&
	       memcmp(a->counts, b->counts, sizeof(a->counts)) == 0;
}

/* --- ways out */

static void hand_on(struct relay *relay, const struct trace *trace, const struct usage *usage)
{
	relay->told[relay->next_told++ % RELAY_TOLD] = *trace;
	if (trace->end > relay->told_end)
		relay->told_end = trace->end;
	relay->options.usage(relay->options.ctx, usage);
}

static void release(struct relay *relay, struct held *held)
{
	hand_on(relay, &held->trace, &held->usage);
	forget(relay, held);
}

/* The outer leg says whose call it is; what it did not get to see, the inner one may have. */
static void take_over(struct usage *outer, const struct usage *inner)
{
	struct process process = outer->process;

	if (!outer->doubt || inner->doubt)
		return;
	*outer = *inner;
	outer->process = process;
}

/* False: the leg that is held began first, so this one is the inner. */
static bool drop_inner(struct relay *relay, const struct trace *trace, struct usage *usage)
{
	struct held *held, *next;

	DL_FOREACH_SAFE(relay->held, held, next)
	{
		enum match match = match_traces(&held->trace, trace);

		if (match == MATCH_UNKNOWN && has_equal_counts(&held->usage, usage))
			counter_add(&relay->counters.unsure, 1);
		if (match != MATCH_SAME)
			continue;
		if (held->trace.opened < trace->opened)
			return false;
		take_over(usage, &held->usage);
		counter_add(&relay->counters.relayed, 1);
		forget(relay, held);
	}
	return true;
}

/* One that was told without its counts does not stand for one that has them. */
static bool was_told(const struct relay *relay, const struct trace *trace)
{
	if (trace->begin > relay->told_end)
		return false; /* what does not overlap is another call: mostly all of them */
	for (const struct trace *told = relay->told; told < relay->told + RELAY_TOLD; told++)
		if (match_traces(told, trace) == MATCH_SAME && told->in_doubt <= trace->in_doubt)
			return true;
	return false;
}

/* --- what may be an inner leg */

static bool may_be_outer(const struct relay *relay, const struct leg *outer,
			 const struct leg *inner, const struct trace *trace)
{
	const struct process *p = outer->process;
	struct relay_ids ids = { 0 };

	if (outer->route != inner->route || outer->answers != inner->answers ||
	    (p->pid == trace->pid && p->start_ns == trace->process_ns))
		return false;
	/* Of many answers the next is still to come, whatever the last one was. */
	if (outer->answers)
		return true;
	relay->options.ids(relay->options.ctx, outer, &ids);
	return match_ids(&ids, &trace->ids) != MATCH_OTHER;
}

/* False: no open leg can be the outer one, or there is no memory. */
static bool hold(struct relay *relay, const struct leg *leg, const struct trace *trace,
		 const struct usage *usage)
{
	const struct leg *outer[RELAY_OUTER_MAX], *at = leg;
	unsigned n = 0;
	struct held *held;

	for (unsigned i = 0; i < RELAY_LOOKS && n < RELAY_OUTER_MAX && at != relay->legs; i++) {
		at = at->prev;
		if (may_be_outer(relay, at, leg, trace))
			outer[n++] = at;
	}
	held = n ? malloc(sizeof(*held)) : NULL;
	if (!held)
		return false;
	held->usage = *usage;
	held->trace = *trace;
	held->n_outer = n;
	memcpy(held->outer, outer, n * sizeof(*outer));
	if (relay->n_held == RELAY_HELD_MAX)
		release(relay, relay->held);
	DL_APPEND(relay->held, held);
	relay->n_held++;
	return true;
}

/* --- life of a leg */

void relay_begin(struct relay *relay, struct leg *leg)
{
	leg->opened = leg->begin = ++relay->events;
	DL_APPEND(relay->legs, leg);
}

void relay_tell(struct relay *relay, struct leg *leg, struct usage *usage)
{
	struct trace trace = trace_of(leg, ++relay->events, usage);

	leg->begin = trace.end; /* of the next answer */
	if (!drop_inner(relay, &trace, usage) || was_told(relay, &trace))
		counter_add(&relay->counters.relayed, 1);
	else if (!hold(relay, leg, &trace, usage))
		hand_on(relay, &trace, usage);
}

void relay_end(struct relay *relay, struct leg *leg)
{
	struct held *held, *next;

	DL_DELETE(relay->legs, leg);
	DL_FOREACH_SAFE(relay->held, held, next)
	{
		unsigned n = 0;

		for (unsigned i = 0; i < held->n_outer; i++)
			if (held->outer[i] != leg)
				held->outer[n++] = held->outer[i];
		held->n_outer = n;
		if (!n)
			release(relay, held);
	}
}

bool relay_settle(struct relay *relay, int64_t now_utc_ns)
{
	struct held *held, *next;

	DL_FOREACH_SAFE(relay->held, held, next)
	{
		int64_t since = now_utc_ns - held->usage.time_end_ns;

		/* The wall clock may have been set back. */
		if (since >= RELAY_HOLD_NS || since < 0)
			release(relay, held);
	}
	return relay->held;
}

const struct relay_counters *relay_counters(const struct relay *relay)
{
	return &relay->counters;
}
