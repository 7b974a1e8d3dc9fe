/* The policy server, fed any bytes: a caller sends the input in two pieces, closes its side and
 * reads to the end. Whatever it was, the answers are whole HTTP responses and the server stays. */
#include "policy/policy.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "policy/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LOOPS_MAX 1000

static void check(bool right)
{
	if (!right)
		abort();
}

static void price(void *ctx, const struct usage *usage, struct charge *ret_charge)
{
	(void)ctx;
	*ret_charge = (struct charge){ .usage = *usage,
				       .source = COST_CATALOG,
				       .cost_pico = usage->counts[USAGE_INPUT] };
}

static bool knows(void *ctx, struct span name)
{
	(void)ctx;
	return span_eq(name, SPAN("openai"));
}

static bool has_room(void *ctx)
{
	(void)ctx;
	return true;
}

static void store_call(void *ctx, const struct verdict *verdict)
{
	(void)ctx;
	(void)verdict;
}

static void store(void *ctx, const struct budget_touch *touches, unsigned n)
{
	(void)ctx;
	(void)touches;
	(void)n;
}

static struct policy_calls_query question; /* the one in flight */

static bool query(void *ctx, const struct policy_calls_query *asked)
{
	(void)ctx;
	question = *asked;
	return true;
}

static void status(void *ctx, struct emit *out)
{
	(void)ctx;
	emit_int(out, "fuzz", 1);
}

static void override(void *ctx, const struct budget_override *word)
{
	(void)ctx;
	check(word->why[0] && word->until_ns >= 0);
}

static struct budgets *load_budgets(void)
{
	static const char yaml[] = "budgets:\n  - name: b\n    limit: 1 USD per day\n"
				   "    mode: advise\n";
	char path[] = "/tmp/outlay-fuzz-XXXXXX";
	struct budget_rules *rules;
	struct budgets *budgets = NULL;
	int fd = mkstemp(path);

	check(fd >= 0 && write(fd, yaml, sizeof(yaml) - 1) == sizeof(yaml) - 1);
	close(fd);
	check(budget_rules_load(path, &rules, NULL) == 0);
	unlink(path);
	check(budgets_new(rules, &budgets) == 0);
	return budgets;
}

static bool breaker(void *ctx, struct span provider, int64_t now_ns, struct breaker_view *ret_view)
{
	(void)now_ns;
	(void)ctx;
	(void)provider;
	(void)ret_view;
	return false;
}

static bool is_told(void *ctx, const struct alert_key *key)
{
	(void)ctx;
	return key->step % 2;
}

static void alert(void *ctx, struct alert *raised)
{
	struct buf json = buf_with_max(1 << 16);

	(void)ctx;
	alert_json(&json, raised, "h", "n");
	check(!json.failed);
	buf_done(&json);
}

static void catch_up(void *ctx)
{
	(void)ctx;
}

static struct policy *make(struct event_base **ret_base)
{
	struct policy_ports ports = { .budgets = load_budgets(),
				      .clock = &clock_system,
				      .price = price,
				      .knows_provider = knows,
				      .store_room = has_room,
				      .store_touch = store,
				      .store_call = store_call,
				      .store_override = override,
				      .query_calls = query,
				      .breaker = breaker,
				      .is_told = is_told,
				      .alert = alert,
				      .catch_up = catch_up,
				      .status = status };
	struct policy *policy;
	char path[64];

	snprintf(path, sizeof(path), "build/fuzz-%d.sock", (int)getpid());
	*ret_base = event_base_new();
	check(policy_new(*ret_base, path, -1, &ports, &policy, NULL) == 0);
	unlink(path);
	return policy;
}

static void answer_calls(struct policy *policy)
{
	struct policy_calls_page page = { .ticket = question.ticket,
					  .lines = SPAN("{}\n{}\n"),
					  .last_seq = question.after_seq + 2,
					  .last = question.after_seq > 4 };

	if (!question.ticket)
		return;
	question.ticket = 0;
	policy_calls_page(policy, &page);
}

/* Reads what is there; true at the end. */
static bool drain(int fd, struct buf *out)
{
	char bytes[16384];
	ssize_t n;

	for (;;) {
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n <= 0)
			return n == 0 || (errno != EAGAIN && errno != EINTR);
		buf_put(out, (struct span){ bytes, (size_t)n });
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_base *base;
	static struct policy *policy;
	struct span in = { (const char *)data, size };
	size_t cut = size ? data[size - 1] * size / 256 : 0;
	struct buf out = buf_with_max(64u << 20);
	int ends[2], loops = 0;

	if (!policy)
		policy = make(&base);
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
	question.ticket = 0;
	server_accept(policy, ends[0]);
	(void)!send(ends[1], in.ptr, cut, MSG_NOSIGNAL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	(void)!send(ends[1], in.ptr + cut, size - cut, MSG_NOSIGNAL);
	shutdown(ends[1], SHUT_WR);
	while (!drain(ends[1], &out) && policy->n_watchers == 0 && loops++ < LOOPS_MAX) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		answer_calls(policy);
	}
	check(loops < LOOPS_MAX);
	check(!out.len || span_starts(buf_span(&out), SPAN("HTTP/1.1 ")));
	close(ends[1]);
	/* A watcher goes when the next write fails. */
	for (loops = 0; policy->n_clients && loops < LOOPS_MAX; loops++) {
		policy_publish(policy, "call", SPAN("{}"), UINT32_MAX);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	check(loops < LOOPS_MAX);
	buf_done(&out);
	return 0;
}
