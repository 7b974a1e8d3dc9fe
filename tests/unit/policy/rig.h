/* A policy server on a thread of its own, with real budgets and a real socket, for tests. The
 * clock can be moved on; the ledger behind it is an array of calls; prices are one microdollar an
 * input token and two an output token, so that every figure can be worked out by hand. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "policy/policy.h"
#include "tests/jansson.h"

#define RIG_NOBODY     65534
#define RIG_REPLY_MAX  (4u << 20)
#define RIG_WAIT_MS    5000
#define RIG_PAGE_BYTES 65536
#define LENGTH(a)      (sizeof(a) / sizeof(*(a)))

struct rig {
	struct clock clock; /* first: the rig is found by it */
	_Atomic int64_t moved_ns;
	_Atomic int64_t frozen_ns; /* UTC; 0 = it goes on */
	_Atomic int64_t frozen_monotonic_ns;
	char dir[64], path[96];
	struct event_base *base;
	struct event *keep; /* an event that keeps the loop alive */
	struct budgets *budgets;
	struct policy *policy;
	pthread_t thread;
	/* The ledger: call i has seq i + 1, ends at second i and belongs to root, or to nobody
	 * when i % 3 == 0. */
	_Atomic int64_t n_calls, n_calls_a_page; /* that are added behind each page */
	const char *call; /* what each of them is told as; NULL: by its number */
	_Atomic bool ledger_is_full, ledger_fails, ledger_is_silent, store_is_full;
	_Atomic unsigned n_queries, n_touches, n_stored;
	struct verdict last_call;    /* that was told by POST /v1/usage */
	struct breaker_view breaker; /* of every provider, while it is open */
	struct budget_flight flight; /* to be taken when it is asked for; call 0: none */
	struct alert alerts[8];      /* the newest */
	_Atomic unsigned n_alerts;
	struct budget_override override; /* the last one */
	_Atomic unsigned n_overrides;
};

static inline int64_t rig_now(const struct clock *clock)
{
	struct rig *rig = (struct rig *)clock;

	return rig->frozen_ns ? rig->frozen_ns : clock_system.now_ns(clock) + rig->moved_ns;
}

static inline int64_t rig_monotonic(const struct clock *clock)
{
	struct rig *rig = (struct rig *)clock;

	return rig->frozen_monotonic_ns ? rig->frozen_monotonic_ns
					: clock_system.monotonic_ns(clock) + rig->moved_ns;
}

static inline void rig_price(void *ctx, const struct usage *usage, struct charge *ret_charge)
{
	int64_t cost_pico;

	(void)ctx;
	*ret_charge = (struct charge){ .usage = *usage, .source = COST_UNPRICED };
	if (strncmp(usage->model, "gpt", 3) != 0 ||
	    __builtin_mul_overflow(usage->counts[USAGE_OUTPUT], 2, &cost_pico) ||
	    __builtin_add_overflow(cost_pico, usage->counts[USAGE_INPUT], &cost_pico) ||
	    __builtin_mul_overflow(cost_pico, 1000000, &cost_pico))
		return;
	ret_charge->source = COST_CATALOG;
	ret_charge->cost_pico = cost_pico;
}

static inline bool rig_knows(void *ctx, struct span name)
{
	(void)ctx;
	return span_eq(name, SPAN("openai"));
}

static inline bool rig_store_room(void *ctx)
{
	struct rig *rig = ctx;

	return !rig->store_is_full;
}

static inline void rig_store(void *ctx, const struct budget_touch *touches, unsigned n)
{
	struct rig *rig = ctx;

	(void)touches;
	rig->n_touches += n;
}

static inline void rig_store_call(void *ctx, const struct verdict *verdict)
{
	struct rig *rig = ctx;

	rig->last_call = *verdict;
	rig->n_stored++;
}

static inline void rig_override(void *ctx, const struct budget_override *override)
{
	struct rig *rig = ctx;

	rig->override = *override;
	rig->n_overrides++;
}

static inline void rig_status(void *ctx, struct emit *out)
{
	(void)ctx;
	emit_array(out, "unmetered");
	emit_object(out, NULL);
	emit_text(out, "exe", "/usr/bin/bun");
	emit_text(out, "host", "api.openai.com");
	emit_text(out, "reason", "no_probe");
	emit_text(out, "user", "root");
	emit_int(out, "pid", 4711);
	emit_int(out, "connections", 3);
	emit_int(out, "open", 0);
	emit_int(out, "sent_bytes", 1234);
	emit_int(out, "received_bytes", 56789);
	emit_text(out, "last_seen", "2026-11-25T09:40:37.123456Z");
	emit_end_object(out);
	emit_end_array(out);
	emit_text(out, "version", "test");
}

struct rig_question {
	struct rig *rig;
	struct policy_calls_query query;
};

static inline bool rig_matches(const struct policy_calls_query *query, int64_t i)
{
	/* The id of call n ends in n. */
	if (!uuid_is_zero(&query->event_id) && query->event_id.bytes[15] != i + 1)
		return false;
	return i + 1 > query->after_seq && i * NS_PER_SEC >= query->since_ns &&
	       (query->uid == UINT32_MAX || query->uid == (i % 3 ? 0 : RIG_NOBODY));
}

static inline void rig_answer(evutil_socket_t fd, short what, void *ctx)
{
	struct rig_question *question = ctx;
	struct rig *rig = question->rig;
	const struct policy_calls_query *query = &question->query;
	struct buf lines = buf_with_max(1 << 20);
	struct policy_calls_page page = { .ticket = query->ticket, .last = true };
	int64_t matching = 0, skip, taken = 0;

	(void)fd;
	(void)what;
	for (int64_t i = 0; i < rig->n_calls; i++)
		matching += rig_matches(query, i);
	skip = query->newest && matching > query->limit ? matching - query->limit : 0;
	for (int64_t i = 0; i < rig->n_calls; i++) {
		if (!rig_matches(query, i) || skip-- > 0)
			continue;
		if (taken == query->limit || lines.len > RIG_PAGE_BYTES) {
			page.last = taken == query->limit;
			break;
		}
		if (query->alerts)
			buf_printf(
			    &lines,
			    "{\"time\":\"2026-11-25T09:40:37.123456Z\",\"level\":\"warning\","
			    "\"kind\":\"denial\",\"text\":\"alert %lld\"}\n",
			    (long long)i + 1);
		else if (rig->call)
			buf_printf(&lines, "%s\n", rig->call);
		else
			buf_printf(&lines, "{\"seq\":%lld,\"pad\":\"%0200d\"}\n", (long long)i + 1,
				   0);
		page.last_seq = i + 1;
		taken++;
	}
	page.lines = buf_span(&lines);
	page.failed = rig->ledger_fails;
	policy_calls_page(rig->policy, &page);
	rig->n_calls += rig->n_calls_a_page;
	buf_done(&lines);
	free(question);
}

static inline bool rig_query(void *ctx, const struct policy_calls_query *query)
{
	static const struct timeval at_once;
	struct rig *rig = ctx;
	struct rig_question *question;

	if (rig->ledger_is_full)
		return false;
	rig->n_queries++;
	if (rig->ledger_is_silent)
		return true;
	question = malloc(sizeof(*question));
	assert_non_null(question);
	*question = (struct rig_question){ .rig = rig, .query = *query };
	event_base_once(rig->base, -1, EV_TIMEOUT, rig_answer, question, &at_once);
	return true;
}

static inline void rig_nothing(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
}

static inline void *rig_loop(void *ctx)
{
	event_base_dispatch(((struct rig *)ctx)->base);
	return NULL;
}

static inline struct budgets *rig_load_budgets(struct rig *rig, const char *yaml)
{
	struct budget_rules *rules;
	struct budgets *budgets;
	struct err err = { "" };
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/budgets.yaml", rig->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(yaml, file);
	fclose(file);
	if (budget_rules_load(path, &rules, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(budgets_new(rules, &budgets), 0);
	unlink(path);
	return budgets;
}

static inline bool rig_breaker(void *ctx, struct span provider, int64_t now_ns,
			       struct breaker_view *ret_view)
{
	struct rig *rig = ctx;

	(void)provider;
	(void)now_ns;
	*ret_view = rig->breaker;
	return rig->breaker.state != BREAKER_CLOSED;
}

/* Of the newest, by their keys. */
static inline bool rig_is_told(void *ctx, const struct alert_key *key)
{
	const struct rig *rig = ctx;

	for (unsigned i = 0; i < rig->n_alerts && i < 8; i++)
		if (rig->alerts[i].kind == key->kind && rig->alerts[i].step == key->step &&
		    rig->alerts[i].window_ns == key->window_ns &&
		    !strcmp(rig->alerts[i].subject, key->subject))
			return true;
	return false;
}

static inline void rig_alert(void *ctx, struct alert *alert)
{
	struct rig *rig = ctx;

	rig->alerts[rig->n_alerts % 8] = *alert;
	rig->n_alerts++;
}

/* The flight that waits, if one does. */
static inline void rig_catch_up(void *ctx)
{
	struct rig *rig = ctx;

	if (rig->flight.call)
		flight_take(rig->budgets, &rig->flight);
	rig->flight.call = 0;
}

/* The first alert of a kind, NULL: none. Forecasts depend on the time of day. */
static inline const struct alert *rig_alert_of(const struct rig *rig, enum alert_kind kind)
{
	for (unsigned i = 0; i < rig->n_alerts && i < 8; i++)
		if (rig->alerts[i].kind == kind)
			return &rig->alerts[i];
	return NULL;
}

static inline struct policy_ports rig_ports(struct rig *rig)
{
	return (struct policy_ports){
		.ctx = rig,
		.budgets = rig->budgets,
		.clock = &rig->clock,
		.price = rig_price,
		.knows_provider = rig_knows,
		.store_room = rig_store_room,
		.store_touch = rig_store,
		.store_call = rig_store_call,
		.store_override = rig_override,
		.query_calls = rig_query,
		.breaker = rig_breaker,
		.is_told = rig_is_told,
		.alert = rig_alert,
		.catch_up = rig_catch_up,
		.status = rig_status,
	};
}

static inline struct rig *rig_start(const char *budgets_yaml)
{
	static const struct timeval hour = { .tv_sec = 3600 };
	struct rig *rig = calloc(1, sizeof(*rig));
	struct policy_ports ports;
	struct err err = { "" };

	assert_non_null(rig);
	evthread_use_pthreads();
	rig->clock = (struct clock){ rig_now, rig_monotonic };
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/outlay-policy-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	chmod(rig->dir, 0755);
	snprintf(rig->path, sizeof(rig->path), "%s/policy.sock", rig->dir);
	rig->budgets = rig_load_budgets(rig, budgets_yaml);
	rig->base = event_base_new();
	assert_non_null(rig->base);
	rig->keep = event_new(rig->base, -1, EV_PERSIST, rig_nothing, NULL);
	event_add(rig->keep, &hour);
	ports = rig_ports(rig);
	if (policy_new(rig->base, rig->path, -1, &ports, &rig->policy, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(pthread_create(&rig->thread, NULL, rig_loop, rig), 0);
	return rig;
}

/* --- the loop's thread does something */

struct rig_task {
	void (*run)(struct rig *rig, void *ctx);
	struct rig *rig;
	void *ctx;
	sem_t done;
};

static inline void rig_run_task(evutil_socket_t fd, short what, void *ctx)
{
	struct rig_task *task = ctx;

	(void)fd;
	(void)what;
	task->run(task->rig, task->ctx);
	sem_post(&task->done);
}

static inline void rig_run(struct rig *rig, void (*run)(struct rig *rig, void *ctx), void *ctx)
{
	static const struct timeval at_once;
	struct rig_task task = { .run = run, .rig = rig, .ctx = ctx };

	sem_init(&task.done, 0, 0);
	event_base_once(rig->base, -1, EV_TIMEOUT, rig_run_task, &task, &at_once);
	while (sem_wait(&task.done) < 0)
		;
	sem_destroy(&task.done);
}

static inline void rig_break(struct rig *rig, void *ctx)
{
	(void)ctx;
	event_base_loopbreak(rig->base);
}

static inline void rig_stop(struct rig *rig)
{
	/* From inside: a loop that has not begun yet would forget it. */
	rig_run(rig, rig_break, NULL);
	pthread_join(rig->thread, NULL);
	policy_free(rig->policy);
	event_free(rig->keep);
	event_base_free(rig->base);
	budgets_free(rig->budgets);
	assert_int_equal(access(rig->path, F_OK), -1);
	rmdir(rig->dir);
	free(rig);
}

/* --- a caller: raw bytes over the socket */

struct caller {
	int fd;
	size_t len, taken; /* of `data`: read from the socket, used by replies */
	char *data;
};

struct reply {
	int status; /* 0: the connection ended instead */
	struct span head, body;
	json_t *json; /* of the body, NULL when it is none */
};

static inline struct caller rig_connect(const struct rig *rig)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct caller caller = { .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };

	assert_true(caller.fd >= 0);
	memcpy(address.sun_path, rig->path, strlen(rig->path));
	assert_int_equal(connect(caller.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	caller.data = malloc(RIG_REPLY_MAX);
	assert_non_null(caller.data);
	return caller;
}

static inline void caller_done(struct caller *caller)
{
	close(caller->fd);
	free(caller->data);
	*caller = (struct caller){ .fd = -1 };
}

/* What the server does not take any more is dropped: it may have refused already. */
static inline void caller_send(struct caller *caller, struct span bytes)
{
	while (bytes.len) {
		ssize_t n = send(caller->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		bytes = span_skip(bytes, (size_t)n);
	}
}

/* Reads once. False: the end. */
static inline bool caller_read(struct caller *caller)
{
	struct pollfd ready = { .fd = caller->fd, .events = POLLIN };
	ssize_t n;

	assert_true(caller->len < RIG_REPLY_MAX);
	if (poll(&ready, 1, RIG_WAIT_MS) != 1)
		fail_msg("no answer within %d ms", RIG_WAIT_MS);
	n = recv(caller->fd, caller->data + caller->len, RIG_REPLY_MAX - caller->len, 0);
	if (n > 0)
		caller->len += (size_t)n;
	return n > 0;
}

static inline bool caller_has_ended(struct caller *caller)
{
	return caller->len == caller->taken && !caller_read(caller);
}

static inline struct span caller_rest(const struct caller *caller)
{
	return (struct span){ caller->data + caller->taken, caller->len - caller->taken };
}

static inline size_t content_length(struct span head)
{
	char text[8192], *at;

	assert_true(span_copy(head, text, sizeof(text)));
	at = strstr(text, "Content-Length:");
	return at ? strtoul(at + 15, NULL, 10) : 0;
}

/* Waits until `needle` is there; returns the bytes up to its end. 0: the connection ended. */
static inline size_t caller_wait_for(struct caller *caller, const char *needle)
{
	for (;;) {
		struct span rest = caller_rest(caller);
		const char *at = memmem(rest.ptr, rest.len, needle, strlen(needle));

		if (at)
			return (size_t)(at - rest.ptr) + strlen(needle);
		if (!caller_read(caller))
			return 0;
	}
}

static inline struct reply caller_reply(struct caller *caller)
{
	size_t head = caller_wait_for(caller, "\r\n\r\n"), body;
	struct reply reply = { 0 };

	if (!head)
		return reply;
	body = content_length(span_head(caller_rest(caller), head));
	while (caller_rest(caller).len < head + body)
		assert_true(caller_read(caller));
	reply.head = span_head(caller_rest(caller), head);
	reply.body = span_head(span_skip(caller_rest(caller), head), body);
	caller->taken += head + body;
	assert_true(span_starts(reply.head, SPAN("HTTP/1.1 ")));
	reply.status = (reply.head.ptr[9] - '0') * 100 + (reply.head.ptr[10] - '0') * 10 +
		       (reply.head.ptr[11] - '0');
	if (reply.body.len)
		reply.json = json_loadb(reply.body.ptr, reply.body.len, 0, NULL);
	return reply;
}

static inline bool reply_has(const struct reply *reply, const char *needle)
{
	return memmem(reply->head.ptr, reply->head.len, needle, strlen(needle)) != NULL;
}

static inline void reply_done(struct reply *reply)
{
	json_decref(reply->json);
	reply->json = NULL;
}

static inline const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "(none)";
}

/* One request and its reply on a connection that stays. */
static inline struct reply caller_ask(struct caller *caller, const char *method, const char *path,
				      const char *body)
{
	struct buf request = buf_with_max(1 << 20);
	struct reply reply;

	if (body)
		buf_printf(&request, "%s %s HTTP/1.1\r\nHost: l\r\nContent-Length: %zu\r\n\r\n%s",
			   method, path, strlen(body), body);
	else
		buf_printf(&request, "%s %s HTTP/1.1\r\nHost: l\r\n\r\n", method, path);
	assert_false(request.failed);
	caller_send(caller, buf_span(&request));
	reply = caller_reply(caller);
	buf_done(&request);
	return reply;
}

/* A child as another user. Forked by the loop's thread: no other may hold the memory's locks then,
 * which stay held in a child for ever. */
struct rig_child {
	uid_t uid;
	int (*run)(const struct rig *rig);
	pid_t pid;
};

static inline void rig_fork_here(struct rig *rig, void *ctx)
{
	struct rig_child *child = ctx;

	child->pid = fork();
	if (child->pid == 0)
		_exit(setgid(child->uid) == 0 && setuid(child->uid) == 0 ? child->run(rig) : 99);
}

static inline pid_t rig_fork(uid_t uid, int (*run)(const struct rig *rig), struct rig *rig)
{
	struct rig_child child = { uid, run, -1 };

	rig_run(rig, rig_fork_here, &child);
	assert_true(child.pid > 0);
	return child.pid;
}

/* Runs `child` as another user; what it finds it says by its result: 0 is good. */
static inline int rig_as(uid_t uid, int (*child)(const struct rig *rig), struct rig *rig)
{
	pid_t pid = rig_fork(uid, child, rig);
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}
