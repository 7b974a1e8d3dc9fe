/* The policy socket: HTTP/1.1 + JSON on a Unix socket (and nothing else): decide, settle, budgets,
 * calls, status, watch. Who calls is known by SO_PEERCRED. The server runs on the event loop it is
 * given, owns no budget and waits for no disk: what it needs from others comes through `ports`.
 *
 *   POST /v1/decide   GET /v1/budgets   GET /v1/status
 *   POST /v1/settle   GET /v1/calls     GET /v1/watch (server-sent events)
 *   POST /v1/renew    GET /v1/limits    GET /v1/alerts
 *   POST /v1/release  GET /metrics      GET /v1/peek (memory)
 *   POST /v1/usage    POST /v1/override (root alone)
 *
 * Errors are problem+json (RFC 9457); a refusal is 429 with RateLimit fields. A user sees its own
 * calls and the budgets that concern it; root and group `outlay` see all. */
#pragma once

#include "base/counter.h"
#include "base/err.h"
#include "policy/ports.h"

#define POLICY_BODY_MAX            65536 /* bytes of a request body; one more is a 413 */
#define POLICY_CONNECTIONS_MAX     12288 /* 1.5 KiB each */
#define POLICY_PER_UID_MAX         256   /* connections of one user (root: no limit of its own) */
#define POLICY_RATE                20000 /* requests of one user a second, not of root */
#define POLICY_BURST               2000  /* of them at once: 429 to the next */
#define POLICY_QUESTIONS_MAX       1024  /* to the ledger at once */
#define POLICY_WATCHERS_MAX        64
#define POLICY_PEEKERS_MAX         64
#define POLICY_PEEKERS_PER_UID_MAX 8            /* not of root */
#define POLICY_HEAD_MAX            8192         /* bytes of a request's head; one more is a 431 */
#define POLICY_WATCH_BYTES_MAX     (256u << 10) /* unsent events of one watcher */
#define POLICY_REQUEST_SECONDS     2            /* for a request to arrive whole */
#define POLICY_IDLE_SECONDS        300
#define POLICY_LIMITS_MAX          256 /* of users, providers, keys and models together */
#define POLICY_STALL_SECONDS       30  /* a caller that does not read its answer is dropped */
#define POLICY_LEDGER_SECONDS      10  /* for a page of calls; then 504, or the answer is cut */

struct event_base;
struct policy;

struct policy_counters {
	struct counter connections, refused_connections;
	struct counter requests, bad_requests, throttled;
	struct counter watch_dropped; /* events not sent to a watcher that was too slow */
};

/* Listens on `inherited` when that is not negative: a socket of the service manager, which stays
 * when the server goes, so that callers wait through a restart instead of being refused. Else on
 * `path` (an older socket that nobody answers on is replaced; one that answers is
 * -EADDRINUSE). Mode 0666: everybody may ask, the peer's uid decides what it gets. `ports` is
 * copied; what it points to must outlive the server. Once a second it expires reservations
 * (budgets_tick), stores what budgets_owed tells, gives up requests that are late, and tells
 * watchers which budgets changed. */
int policy_new(struct event_base *base, const char *path, int inherited,
	       const struct policy_ports *ports, struct policy **ret_policy, struct err *err);
void policy_free(struct policy *policy);

/* Stores what budgets_owed tells while there is room. True: that was all. For the last moment. */
bool policy_store_owed(struct policy *policy);
/* Takes from a call what its answer told of the provider's limits, for GET /v1/limits. */
void policy_limits(struct policy *policy, const struct usage *usage);

/* The ledger's answer to a query. A ticket whose caller has gone is ignored. */
void policy_calls_page(struct policy *policy, const struct policy_calls_page *page);

/* Budgets were charged: what follows of it is told. */
void policy_charged(struct policy *policy);

/* Whether anybody watches: else an event need not be written. */
bool policy_is_watched(const struct policy *policy);
/* To every watcher that may see it: `event: NAME`, `data: JSON`. `uid` = whose it is (UINT32_MAX:
 * for those who see all), or whom a budget concerns, by its index. `call`, `alert`, `enforcement`
 * and `unmetered` are the agent's. */
void policy_publish(struct policy *policy, const char *name, struct span json, uint32_t uid);
void policy_publish_of(struct policy *policy, unsigned i, const char *name, struct span json);

const struct policy_counters *policy_counters(const struct policy *policy);
