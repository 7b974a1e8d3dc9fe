/* A sink takes events out of the ledger to somewhere else, at least once, in order of seq. The
 * ledger loop drives it: submit as much as it takes, poll, move the cursor to what it acknowledged.
 * To add one: a .c with a struct sink_kind and a row in sink/table.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/err.h"
#include "base/span.h"

enum sink_hook_format { HOOK_JSON, HOOK_CLOUDEVENTS, HOOK_SLACK };

/* Either a URL or a command. Texts are borrowed for as long as the sink is open. */
struct sink_hook {
	const char *name;
	const char *url;
	const char *secret; /* to sign with; NULL = unsigned */
	char *command;      /* absolute path */
	enum sink_hook_format format;
	unsigned level; /* only alerts of this level or a higher one */
};

/* The sinks: part of outlayd.yaml. `kafka: HOST:PORT,HOST:PORT` is the one line that turns it on.
 */
struct sink_config {
	char *kafka;                   /* bootstrap servers; NULL = off */
	char *kafka_topic;             /* of calls; NULL = "outlay.usage.v1" */
	const struct sink_hook *hooks; /* alerts go to each of them: sink/hook.h */
	unsigned n_hooks;
	const char *host_id;
};

/* Any thread may read them. */
struct sink_counters {
	struct counter submitted;    /* sent, also again after a failure */
	struct counter acknowledged; /* safely there */
	struct counter failed;       /* attempts that were not; they are made again */
	struct counter refused;      /* given up: the other side takes this event never */
};

/* An event as published. Spans are borrowed during the call. */
struct sink_event {
	int64_t seq;      /* of its stream */
	struct span id;   /* UUID text: CloudEvents id, the key of deduplication */
	struct span type; /* "io.outlay.usage.v1", NUL behind it: the topic is what follows "io." */
	struct span time; /* RFC 3339 */
	struct span json;
	/* Of alerts: */
	unsigned level; /* 0 to 2 */
	const char *level_name, *subject, *text, *host_name;
};

struct sink;

/* What it takes: each has numbers of its own. */
enum sink_stream { SINK_CALLS, SINK_ALERTS };

struct sink_kind {
	const char *name; /* of its cursor in the ledger */
	enum sink_stream stream;
	bool from_now; /* a new one begins with what comes next, not with what the ledger has */
	/* How many of it are wanted. */
	unsigned (*wanted)(const struct sink_config *config);
	/* Does not wait for the other side to be there. `fd` becomes readable when poll has work.
	 */
	int (*open)(const struct sink_config *config, unsigned index, struct sink **ret_sink,
		    struct err *err);
	/* The name of one of several, behind that of the kind; NULL: there is only one. */
	const char *(*label)(const struct sink *sink);
	/* Drops what is in flight: the ledger has it. Whoever wants it there first polls on. */
	void (*close)(struct sink *sink);
	/* False: full for now, offer the same event again after a poll. */
	bool (*submit)(struct sink *sink, const struct sink_event *event);
	/* Handles acknowledgements; to be called when `fd` is readable and every second or so.
	 * `*ret_acked_seq` = every event up to this seq is safely there, or refused for ever;
	 * unchanged before the first one. An event that failed makes the sink go back:
	 * `*ret_resubmit` = offer again from acked + 1 (those that arrived are not sent twice). */
	void (*poll)(struct sink *sink, int64_t *ret_acked_seq, bool *ret_resubmit);
	/* After a poll: true, and an event that was given up, once for each. NULL: tells none. */
	bool (*dead)(struct sink *sink, int64_t *ret_seq, const char **ret_why);
	int (*fd)(const struct sink *sink);
	const struct sink_counters *(*counters)(const struct sink *sink);
	/* One line of state for people: "connected", "not delivering since ...". Any thread. */
	void (*describe)(const struct sink *sink, char *out, size_t size);
};

extern const struct sink_kind *const sink_kinds[]; /* ends with NULL */
