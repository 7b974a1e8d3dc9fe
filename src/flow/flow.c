/* Records of the kernel and notices of the capture stage -> flows and their verdicts. A flow is
 * judged some seconds after its end, so that it does not matter which of the two comes first; an
 * open one is judged anew whenever it is asked for. Trusts nothing in a record but its kind. */
#include "flow/flow.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/span.h"
#include "base/users.h"
#include "flow/older.h"
#include "flow/party.h"
#include "flow/unmetered.h"

#define SWEEP_EVERY_NS  (60 * NS_PER_SEC)
#define HANDSHAKE_BYTES 32768 /* certificate chains included, a handshake moves less */

struct session {
	uint64_t random[2];
};

struct flow {
	UT_hash_handle hh, by_tls, by_session;
	struct flow *prev, *next; /* among the ended */
	uint64_t cookie;
	struct tls_key tls; /* ssl 0: not joined */
	struct session session;
	struct party *party;
	int64_t started_ns, ended_ns; /* CLOCK_MONOTONIC */
	uint64_t sent, received;
	bool has_ended, captured, lost, unread, relayed, quic, process_gone;
};

struct flows {
	const struct clock *clock;
	const char *proc;
	struct flow_counters counters;
	struct flow *flows; /* in order of opening */
	struct flow *by_tls, *by_session;
	struct flow *ended; /* in order of ending */
	struct party *parties;
	struct unmetered *unmetered;
	struct older *older;
	struct users *users;
	int64_t swept_ns;
};

const char *flow_reason_name(enum flow_reason reason)
{
	static const char *const names[] = {
#define X(id, name) name,
		FLOW_REASONS(X)
#undef X
	};

	return names[reason];
}

CLEANUP_FOR(flows, struct flows *, flows_free)

int flows_new(const struct clock *clock, const char *proc, struct flows **ret_flows)
{
	CLEANUP(cleanup_flows) struct flows *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->clock = clock;
	t->proc = proc;
	t->unmetered = unmetered_new();
	t->older = older_new(proc);
	t->users = users_new(clock);
	if (!t->unmetered || !t->older || !t->users)
		return -ENOMEM;
	*ret_flows = TAKE_PTR(t);
	return 0;
}

static int64_t monotonic_ns(const struct flows *t)
{
	return t->clock->monotonic_ns(t->clock);
}

/* --- verdicts */

static enum flow_verdict judge(const struct flow *f, enum flow_reason *ret_reason)
{
	if (f->relayed)
		return FLOW_RELAYED;
	if (f->captured && !f->unread)
		return FLOW_METERED;
	*ret_reason = FLOW_REASON_QUIC;
	if (f->quic)
		return FLOW_UNMETERED;
	if (f->tls.ssl) {
		*ret_reason = f->lost     ? FLOW_REASON_LOST
			      : f->unread ? FLOW_REASON_NO_HTTP
					  : FLOW_REASON_SILENT;
		return f->lost || f->sent + f->received > HANDSHAKE_BYTES ? FLOW_UNMETERED
									  : FLOW_UNUSED;
	}
	if (f->party->captured >= f->party->unjoined)
		return FLOW_INFERRED;
	*ret_reason = f->party->captured ? FLOW_REASON_UNSURE : FLOW_REASON_NO_PROBE;
	return FLOW_UNMETERED;
}

/* CLOCK_MONOTONIC to UTC, as the two stand now. */
static int64_t to_utc(const struct flows *t, int64_t at_ns)
{
	return t->clock->now_ns(t->clock) - (monotonic_ns(t) - at_ns);
}

static bool add_unmetered(const struct flows *t, struct unmetered *table, const struct flow *f,
			  enum flow_reason reason)
{
	const struct process *process = &f->party->process;
	struct flow_unmetered row = {
		.reason = reason,
		.pid = process->pid,
		.connections = 1,
		.open = !f->has_ended,
		.sent = f->sent,
		.received = f->received,
		.last_seen_ns = f->has_ended ? to_utc(t, f->ended_ns) : t->clock->now_ns(t->clock),
	};

	if (process->exe[0])
		memcpy(row.exe, process->exe, sizeof(row.exe));
	else
		snprintf(row.exe, sizeof(row.exe), "[%s]", process->comm);
	memcpy(row.host, f->party->key.host, sizeof(row.host));
	if (process->uid != UINT32_MAX)
		users_name(t->users, process->uid, row.user);
	return unmetered_add(table, &row);
}

static void forget(struct flows *t, struct flow *f)
{
	struct party *party = f->party;

	HASH_DEL(t->flows, f);
	if (f->tls.ssl)
		HASH_DELETE(by_tls, t->by_tls, f);
	if (!f->quic && !f->relayed)
		HASH_DELETE(by_session, t->by_session, f);
	if (f->has_ended)
		DL_DELETE(t->ended, f);
	if (--party->flows == 0)
		party_free(&t->parties, party);
	atomic_fetch_sub_explicit(&t->counters.live, 1, memory_order_relaxed);
	free(f);
}

static void settle(struct flows *t, struct flow *f)
{
	enum flow_reason reason = FLOW_REASON_NO_PROBE;
	enum flow_verdict verdict = judge(f, &reason);

	counter_add(&t->counters.verdicts[verdict], 1);
	if (verdict == FLOW_UNMETERED && add_unmetered(t, t->unmetered, f, reason))
		counter_add(&t->counters.rows_dropped, 1);
	forget(t, f);
}

void flows_free(struct flows *t)
{
	if (!t)
		return;
	while (t->flows)
		forget(t, t->flows);
	unmetered_free(t->unmetered);
	older_free(t->older);
	users_free(t->users);
	free(t);
}

/* --- records */

static void end_flow(struct flows *t, struct flow *f, int64_t time_ns)
{
	if (f->has_ended)
		return;
	f->has_ended = true;
	f->ended_ns = time_ns;
	DL_APPEND(t->ended, f);
}

/* A relay hands on the ClientHello as it is, so the client's random says whose session it is: that
 * of the flow that spoke first. */
static void add_session(struct flows *t, struct flow *f)
{
	struct flow *first;

	HASH_FIND(by_session, t->by_session, &f->session, sizeof(f->session), first);
	f->relayed = first != NULL;
	if (!first)
		HASH_ADD(by_session, t->by_session, session, sizeof(f->session), f);
}

static void add_flow(struct flows *t, struct flow *f, const struct flow_hello *hello)
{
	f->cookie = hello->head.cookie;
	f->started_ns = (int64_t)hello->head.time_ns;
	f->quic = hello->head.type == FLOW_QUIC;
	f->party->flows++;
	HASH_ADD(hh, t->flows, cookie, sizeof(f->cookie), f);
	if (!f->quic) {
		memcpy(f->session.random, hello->random, sizeof(f->session.random));
		add_session(t, f);
	}
	if (hello->ssl) {
		f->tls = (struct tls_key){ hello->ssl, hello->start_ns, hello->generation_ns,
					   hello->tgid };
		HASH_ADD(by_tls, t->by_tls, tls, sizeof(f->tls), f);
	} else if (!f->quic && !f->relayed) {
		f->party->unjoined++;
	}
	atomic_fetch_add_explicit(&t->counters.live, 1, memory_order_relaxed);
}

static struct flow *find_flow(struct flows *t, uint64_t cookie)
{
	struct flow *f;

	HASH_FIND(hh, t->flows, &cookie, sizeof(cookie), f);
	return f;
}

/* The name of the host; of QUIC, which says none in the clear, its address. */
static void name_host(const struct flow_hello *hello, char *out, size_t size)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (hello->name[0]) {
		span_copy((struct span){ hello->name, strnlen(hello->name, sizeof(hello->name)) },
			  out, size);
		for (char *at = out; *at; at++)
			*at = (char)tolower((unsigned char)*at);
		return;
	}
	inet_ntop(AF_INET6, hello->remote, text, sizeof(text));
	snprintf(out, size, "[%s]", text);
}

static void take_hello(struct flows *t, const struct flow_hello *hello)
{
	FREE_PTR struct flow *f = calloc(1, sizeof(*f));
	struct flow *old = find_flow(t, hello->head.cookie);
	char host[FLOW_NAME_MAX];

	if (old)
		settle(t, old); /* the socket was connected anew */
	if (HASH_COUNT(t->flows) >= FLOW_MAX) {
		counter_add(&t->counters.evicted, 1);
		settle(t, t->flows);
	}
	name_host(hello, host, sizeof(host));
	if (f)
		f->party = party_find(t->parties, hello->tgid, hello->start_ns, span_of(host));
	if (f && !f->party)
		f->party = party_make(&t->parties, t->proc, hello, span_of(host));
	if (f && f->party)
		add_flow(t, TAKE_PTR(f), hello);
	if (hello->head.type == FLOW_HELLO)
		older_named(t->older, hello->remote, host);
}

static void take_close(struct flows *t, const struct flow_close *close)
{
	struct flow *f = find_flow(t, close->head.cookie);

	if (!f || f->has_ended)
		return;
	f->sent = close->sent;
	f->received = close->received;
	end_flow(t, f, (int64_t)close->head.time_ns);
}

void flows_record(struct flows *t, const void *record, size_t bytes)
{
	const struct flow_head *head = record;
	uint32_t type = bytes >= sizeof(*head) ? head->type : 0;

	counter_add(&t->counters.records, 1);
	if ((type == FLOW_HELLO || type == FLOW_QUIC) && bytes >= sizeof(struct flow_hello))
		take_hello(t, record);
	else if (type == FLOW_CLOSE && bytes >= sizeof(struct flow_close))
		take_close(t, record);
	else if (type == FLOW_OLDER && bytes >= sizeof(struct flow_older))
		older_add(t->older, record);
	else
		counter_add(&t->counters.bad_records, 1);
}

void flows_captured(struct flows *t, const struct flow_capture *capture)
{
	const struct tls_key *key = &capture->tls;
	bool lost = capture->news == FLOW_CAPTURE_LOST, unread = capture->news == FLOW_UNREAD;
	struct party *party = NULL;
	struct flow *f;

	if (capture->news >= FLOW_BUSY)
		return;
	counter_add(&t->counters.captures, !unread);
	HASH_FIND(by_tls, t->by_tls, key, sizeof(*key), f);
	if (f) {
		f->captured |= !lost;
		f->lost |= lost;
		f->unread |= unread;
	}
	if (f || unread)
		return;
	party = party_find(t->parties, key->tgid, key->start_ns, span_of(capture->server));
	if (party && !lost)
		party->captured++;
	if (party)
		return;
	counter_add(&t->counters.captures_unmatched, 1);
	if (!lost)
		older_captured(t->older, (uint32_t)key->tgid, span_of(capture->server));
}

void flows_older_begin(struct flows *t)
{
	older_begin(t->older);
}

void flows_older_end(struct flows *t)
{
	counter_add(&t->counters.older_dropped, older_end(t->older));
}

unsigned flows_older(const struct flows *t)
{
	return older_count(t->older);
}

/* --- time */

/* A close that was lost: the process is gone for a whole round, and so are its sockets. */
static void sweep(struct flows *t, int64_t now_ns)
{
	struct flow *f, *next;

	HASH_ITER(hh, t->flows, f, next) {
		if (f->has_ended || kill((pid_t)f->party->key.tgid, 0) == 0 || errno != ESRCH)
			continue;
		if (f->process_gone) {
			counter_add(&t->counters.orphans, 1);
			end_flow(t, f, now_ns);
		}
		f->process_gone = true;
	}
}

void flows_tick(struct flows *t)
{
	int64_t now_ns = monotonic_ns(t);

	while (t->ended && t->ended->ended_ns + FLOW_LINGER_NS <= now_ns)
		settle(t, t->ended);
	if (now_ns - t->swept_ns < SWEEP_EVERY_NS)
		return;
	t->swept_ns = now_ns;
	sweep(t, now_ns);
}

unsigned flows_unmetered(struct flows *t, struct flow_unmetered *ret_rows, unsigned max)
{
	struct unmetered *now = unmetered_copy(t->unmetered);
	int64_t old_ns = monotonic_ns(t) - FLOW_LINGER_NS;
	struct flow *f, *next;
	unsigned n;

	if (!now)
		return 0;
	HASH_ITER(hh, t->flows, f, next) {
		enum flow_reason reason = FLOW_REASON_NO_PROBE;

		if (!f->has_ended && f->started_ns <= old_ns && judge(f, &reason) == FLOW_UNMETERED)
			add_unmetered(t, now, f, reason);
	}
	older_put(t->older, t->users, t->clock->now_ns(t->clock), now);
	n = unmetered_top(now, ret_rows, max);
	unmetered_free(now);
	return n;
}

const struct flow_counters *flows_counters(const struct flows *t)
{
	return &t->counters;
}
