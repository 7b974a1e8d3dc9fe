/* alert: something that a person should know. Made on the policy loop from charges, decisions and
 * what other loops tell; kept in the ledger, published like events of calls, told to watchers, the
 * journal and the hooks. An alert of a window is told once for each kind, subject and step in it,
 * also over restarts. To add a kind: a row, and an entry in alert.schema.json. */
#pragma once

#include "base/buf.h"
#include "base/uuid.h"

#define ALERTS_KNOWN_MAX  4096 /* the one told longest ago may be told again */
#define ALERT_DETAILS_MAX 1536

/* Name, and the CloudEvents type and Kafka topic behind it. */
#define ALERT_KINDS(X)                                                                             \
	X(THRESHOLD, "threshold", "budget")     /* a part of a budget is used */                   \
	X(FORECAST, "forecast", "budget")       /* a budget will be used before its window ends */ \
	X(ENFORCEMENT, "enforcement", "budget") /* held, cut or let go, by a budget */             \
	X(OVERRIDE, "override", "budget")       /* what a person did to a budget */                \
	X(DENIAL, "denial", "decision")         /* a budget began to refuse */                     \
	X(BREAKER, "breaker", "health")         /* a provider fails, or is well again */           \
	X(ANOMALY, "anomaly", "health")         /* a program departs from its habit */             \
	X(UNMETERED, "unmetered", "health")     /* traffic that cannot be read */                  \
	X(CANARY, "canary", "health")           /* our own probes were not hit */                  \
	X(UNPRICED, "unpriced", "health")       /* calls that have no price */

enum alert_kind {
#define X(id, name, topic) ALERT_##id,
	ALERT_KINDS(X)
#undef X
	    ALERT_KIND_MAX
};

enum alert_level { ALERT_INFO, ALERT_WARNING, ALERT_CRITICAL };

struct alert {
	struct uuid event_id;
	int64_t time_ns; /* UTC */
	enum alert_kind kind;
	enum alert_level level;
	char subject[256]; /* name of the budget or provider, path of the executable */
	int64_t window_ns; /* start of the window in which it is told once; 0 = told each time */
	uint32_t step;     /* of the steps in it: percent, 1 for "began" */
	char text[256];    /* one sentence */
	char details[ALERT_DETAILS_MAX]; /* JSON object of the figures; empty = none */
};

/* By which it is told once. */
struct alert_key {
	enum alert_kind kind;
	uint32_t step;
	int64_t window_ns;
	char subject[256]; /* its end is zeroes: the key is compared whole */
};

struct alert_key alert_key_of(enum alert_kind kind, const char *subject, int64_t window_ns,
			      uint32_t step);

const char *alert_kind_name(enum alert_kind kind);
int alert_kind_find(struct span name, enum alert_kind *ret_kind); /* -ENOENT */
const char *alert_level_name(enum alert_level level);
int alert_level_find(struct span name, enum alert_level *ret_level); /* -ENOENT */
/* "io.outlay.budget.v1": the topic is what follows "io.". */
const char *alert_type(enum alert_kind kind);

/* One flat JSON object, one line, without the newline: include/outlay/alert.schema.json. */
void alert_json(struct buf *out, const struct alert *alert, const char *host_id,
		const char *host_name);

/* Which alerts have been told. */
struct alerts;
struct alerts *alerts_new(void); /* NULL: no memory */
void alerts_free(struct alerts *alerts);
/* False: it was told before; else it is from now on, with an id of its own. Without a window it is
 * never told before. */
bool alerts_first(struct alerts *alerts, struct alert *alert);
/* Whether it was told, before it is made. */
bool alerts_told(const struct alerts *alerts, const struct alert_key *key);
/* From the ledger: it was told. */
void alerts_restore(struct alerts *alerts, const struct alert *alert);
