/* liboutlay: ask the agent of this host before a paid call, and tell it what a call has cost that
 * it cannot see. Nothing but libc behind it; a C89 header; link with -loutlay.
 *
 * An agent that is away, slow or restarting never holds a caller up: each function returns within
 * the deadline of its handle, and decide then says what the caller wished for that case. A handle
 * may be used by any number of threads at once and after fork(). No function raises a signal or
 * prints.
 *
 *	struct outlay *outlay;
 *	struct outlay_answer answer;
 *	struct outlay_ask ask = { "openai", "gpt-4o-mini" };
 *
 *	ask.input_tokens = 1200;
 *	ask.max_output_tokens = 400;
 *	if (outlay_open(NULL, &outlay) < 0)
 *		...
 *	outlay_decide(outlay, &ask, &answer);
 *	if (answer.decision == OUTLAY_DENY)
 *		puts(answer.reason);
 *
 * Functions return 0 or a negative errno: -ETIMEDOUT (not within the deadline), -ECONNREFUSED or
 * -ENOENT (no agent there), -EPROTO (what came is no answer), -ENOMEM, and what each says besides.
 * Texts in answers end in NUL and are empty when there is nothing to say. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

#define OUTLAY_SOCKET_DEFAULT "/run/outlay/policy.sock"
#define OUTLAY_DEADLINE_MS    100
#define OUTLAY_ID             37 /* bytes of an id as text, with its NUL */

struct outlay;

enum outlay_failure {
	OUTLAY_FAIL_OPEN, /* allow when the agent cannot be asked */
	OUTLAY_FAIL_CLOSED
};

struct outlay_options {
	const char *socket;          /* NULL: $OUTLAY_SOCKET, else the default */
	unsigned deadline_ms;        /* of each function as a whole; 0: the default */
	enum outlay_failure failure; /* what decide says when it cannot ask */
};

/* `options` may be NULL: all defaults. Connects to nothing yet. -ENAMETOOLONG: of the socket. */
int outlay_open(const struct outlay_options *options, struct outlay **ret_outlay);
/* When no thread is in it any more. NULL is allowed. Reservations stay until they expire. */
void outlay_close(struct outlay *outlay);

struct outlay_ask {
	const char *provider;  /* name of its provider file: "openai" */
	const char *model;     /* as the call will name it */
	const char *operation; /* "chat", ...; NULL: not said */
	const char *labels;    /* "team=search,app=x", as in OUTLAY_LABELS; NULL: none */
	unsigned long input_tokens;
	unsigned long max_output_tokens;
	int dry_run;   /* not 0: reserve nothing */
	int essential; /* not 0: may use the grace of budgets that allow it to this user */
};

enum outlay_decision {
	OUTLAY_DENY,
	OUTLAY_ALLOW,
	OUTLAY_WARN /* allowed; a budget that only observes is over its limit */
};

struct outlay_answer {
	enum outlay_decision decision;
	char decision_id[OUTLAY_ID];
	char reservation[OUTLAY_ID]; /* empty after a dry run and a deny. A call that carries it as
				      * header x-outlay-reservation settles this one and no other */
	char reserved_usd[48];       /* decimal text */
	char expires[40];            /* of the reservation; RFC 3339, UTC */
	char reason[256];            /* of a deny, or why the agent was not asked; cut to fit */
};

/* May I make this call? `ret_answer` is always filled. 0: the agent has decided. -EINVAL: it does
 * not take the question, `reason` says why, and decision is DENY. Any other: it could not be asked,
 * and decision is by `failure`. */
int outlay_decide(struct outlay *outlay, const struct outlay_ask *ask,
		  struct outlay_answer *ret_answer);

/* What a call has cost that was reserved for and that the agent cannot see; calls that it captures
 * settle themselves. `usd`: decimal text, NULL: as much as was reserved. -ENOENT: this process has
 * no such reservation, or it has expired. -EALREADY: settled before. -EINVAL: malformed. */
int outlay_settle(struct outlay *outlay, const char *reservation, const char *usd);

/* The call is still under way: its reservation holds for another ten minutes from now. Or it will
 * not be made: what was reserved is free at once. -ENOENT as above. -EALREADY: it is not open any
 * more. */
int outlay_renew(struct outlay *outlay, const char *reservation);
int outlay_release(struct outlay *outlay, const char *reservation);

/* --- what happens: budgets as they change, decisions that refuse */

struct outlay_watch;

struct outlay_event {
	const char *name; /* "budget", "decision", "dropped", ... */
	const char *json; /* one object; its schema is include/outlay/watch.NAME.schema.json */
};

/* A stream of its own. -EAGAIN: the agent has all the watchers that it takes. */
int outlay_watch_open(struct outlay *outlay, struct outlay_watch **ret_watch);
/* Waits for the next event, for `deadline_ms` at most. What it points to lasts until the next call.
 * -ETIMEDOUT: none came. -EPIPE: the stream has ended, open another. One thread at a time. */
int outlay_watch_next(struct outlay_watch *watch, unsigned deadline_ms,
		      struct outlay_event *ret_event);
void outlay_watch_close(struct outlay_watch *watch); /* NULL is allowed */

#ifdef __cplusplus
}
#endif
