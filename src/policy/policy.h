/* The policy socket: HTTP/1.1 + JSON on a Unix socket (and nothing else): decide, settle, budgets,
 * calls, status, watch. Who calls is known by SO_PEERCRED. The server runs on the event loop it is
 * given, owns no budget and waits for no disk: what it needs from others comes through `ports`.
 *
 *   POST /v1/decide   GET /v1/budgets   GET /v1/status
 *   POST /v1/settle   GET /v1/calls     GET /v1/watch (server-sent events)
 *
 * Errors are problem+json (RFC 9457); a refusal is 429 with RateLimit fields. A user sees its own
 * calls and the budgets that concern it; root and group `outlay` see all. */
#pragma once

#include "base/buf.h"
#include "base/counter.h"
#include "base/err.h"
#include "base/timestamp.h"
#include "budget/budget.h"
#include "price/charge.h"

#define POLICY_BODY_MAX        65536 /* bytes of a request body; one more is a 413 */
#define POLICY_CONNECTIONS_MAX 1024
#define POLICY_PER_UID_MAX     256 /* connections of one user (root: no limit of its own) */
#define POLICY_WATCHERS_MAX    64
#define POLICY_REQUEST_SECONDS 2 /* for a request to arrive whole */
#define POLICY_IDLE_SECONDS    300

struct event_base;
struct policy;

struct policy_counters {
	struct counter connections, refused_connections;
	struct counter requests, bad_requests;
	struct counter watch_dropped; /* events not sent to a watcher that was too slow */
};

/* A question to the ledger loop, which answers with policy_calls_page until `last`. */
struct policy_calls_query {
	uint64_t ticket; /* which response it belongs to */
	int64_t since_ns, limit;
	uint32_t uid; /* UINT32_MAX = all */
};

struct policy_ports {
	void *ctx;
	struct budgets *budgets;
	const struct clock *clock;
	/* Estimates a call that was only described (usage with model and counts). */
	void (*price)(void *ctx, const struct usage *usage, struct charge *ret_charge);
	/* Whether this provider name is configured. */
	bool (*knows_provider)(void *ctx, struct span name);
	/* Hands totals to the ledger. False = its queue is full: the answer is then 503. */
	bool (*store_touch)(void *ctx, const struct budget_touch *touches, unsigned n);
	bool (*query_calls)(void *ctx, const struct policy_calls_query *query);
	/* Writes the members of the status object. */
	void (*status)(void *ctx, struct buf *out);
};

/* Listens on `path` (an older socket that nobody answers on is replaced; one that answers is
 * -EADDRINUSE). Mode 0666: everybody may ask, the peer's uid decides what it gets. */
int policy_new(struct event_base *base, const char *path, const struct policy_ports *ports,
	       struct policy **ret_policy, struct err *err);
void policy_free(struct policy *policy);

/* The ledger's answer: whole JSON lines. NDJSON in the response. */
void policy_calls_page(struct policy *policy, uint64_t ticket, struct span lines, bool last);

/* To every watcher that may see it: `event: NAME`, `data: JSON`. `uid` = whose it is
 * (UINT32_MAX: for those who see all). */
void policy_publish(struct policy *policy, const char *name, struct span json, uint32_t uid);

const struct policy_counters *policy_counters(const struct policy *policy);
