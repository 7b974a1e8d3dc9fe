/* Speed and size of the ledger: ledger DIR [EVENTS [BATCH [TOUCHES]]]. Adds typical chat calls in
 * batches, each batch with so many budget totals and a cursor, then reads them back. DIR must not
 * exist; it is left there. Prints one JSON line a figure. */
#include "ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"

static void check(int code, const char *what)
{
	if (code < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-code));
		exit(1);
	}
}

static void print(const char *name, double value, const char *unit)
{
	printf("{\"name\":\"%s\",\"value\":%.1f,\"unit\":\"%s\"}\n", name, value, unit);
}

/* The texts of a Python program that calls OpenAI: what a row weighs is mostly these. */
static const struct verdict typical = {
	.charge = {
		.usage = {
			.ttfb_ns = 412345678,
			.process = { .pid = 48213, .uid = 1000, .cgroup_id = 8817,
				     .comm = "python3", .user = "build",
				     .exe = "/usr/bin/python3.11",
				     .labels = "team=search,env=prod" },
			.provider = "openai",
			.server = "api.openai.com",
			.operation = "chat",
			.route = "POST /v1/chat/completions",
			.method = "POST",
			.status = 200,
			.model_requested = "gpt-4o-mini",
			.model = "gpt-4o-mini-2024-07-18",
			.service_tier = "default",
			.request_id = "req_9f31c4d7a8b24e0c8f3ee2a6c7c1d0b5",
			.response_id = "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
			.attempt = 1,
			.api_key_hash = "9c1185a5c5e9fc54",
			.present = 1 << USAGE_INPUT | 1 << USAGE_INPUT_CACHE_READ |
				   1 << USAGE_OUTPUT,
			.request_bytes = 1893,
			.response_bytes = 2417,
		},
		.source = COST_CATALOG,
		.catalog = "openai@2026-11-20",
		.effective_from = "2024-07-18",
		.matched = "gpt-4o-mini-2024-07-18",
		.rated = 1 << USAGE_INPUT | 1 << USAGE_INPUT_CACHE_READ | 1 << USAGE_OUTPUT,
	},
	.n_budgets = 1,
	.budgets = { { .name = "search" } },
};

static void vary(struct verdict *v, struct uuid_maker *maker, int64_t i)
{
	struct usage *usage = &v->charge.usage;

	usage->time_start_ns = 1764000000000000000 + i * 1000003;
	usage->time_end_ns = usage->time_start_ns + 1734567890;
	usage->event_id = uuid_make(maker, usage->time_end_ns);
	usage->counts[USAGE_INPUT] = 200 + i * 7919 % 9000;
	usage->counts[USAGE_INPUT_CACHE_READ] = i * 31 % 700;
	usage->counts[USAGE_OUTPUT] = i * 101 % 1500;
	snprintf(usage->request_id + 4, 9, "%08x", (unsigned)(i * 2654435761u));
	v->charge.cost_pico = 150000 * usage->counts[USAGE_INPUT];
	v->charge.rates_yocto[USAGE_INPUT] = (money_wide)150000 * 1000000000000;
	v->charge.rates_yocto[USAGE_INPUT_CACHE_READ] = (money_wide)75000 * 1000000000000;
	v->charge.rates_yocto[USAGE_OUTPUT] = (money_wide)600000 * 1000000000000;
	v->budget_cost_pico = v->charge.cost_pico;
	v->budgets[0].window_start_ns = 1764547200000000000;
	v->budgets[0].spent_pico += v->charge.cost_pico;
}

static int64_t now_ns(void)
{
	return clock_system.monotonic_ns(&clock_system);
}

static double rate(int64_t n, int64_t since_ns)
{
	return (double)n * 1e9 / (double)(now_ns() - since_ns);
}

static void write_batch(struct ledger *ledger, struct verdict *v, struct uuid_maker *maker,
			int64_t first, int64_t n, int64_t touches)
{
	struct budget_touch touch;
	int64_t seq = 0;

	check(ledger_begin(ledger), "begin");
	for (int64_t i = first; i < first + n; i++) {
		vary(v, maker, i);
		check(ledger_add(ledger, v, &seq), "add");
	}
	touch = v->budgets[0];
	for (int64_t i = 0; i < touches; i++) {
		snprintf(touch.name, sizeof(touch.name), "budget-%d", (int)i);
		check(ledger_touch(ledger, &touch), "touch");
	}
	check(ledger_set_cursor(ledger, "kafka", seq), "cursor");
	check(ledger_commit(ledger), "commit");
}

static bool count_event(void *ctx, int64_t seq, const struct verdict *verdict)
{
	(void)seq;
	(void)verdict;
	++*(int64_t *)ctx;
	return true;
}

int main(int argc, char **argv)
{
	int64_t n = argc > 2 ? strtoll(argv[2], NULL, 10) : 100000;
	int64_t batch = argc > 3 ? strtoll(argv[3], NULL, 10) : 50;
	int64_t touches = argc > 4 ? strtoll(argv[4], NULL, 10) : 3;
	struct ledger_query all = { .uid = UINT32_MAX, .limit = n };
	struct uuid_maker maker = { 0 };
	struct verdict v = typical;
	struct ledger_totals totals;
	struct ledger *ledger;
	struct err err = { "" };
	int64_t start, read = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: %s DIR [EVENTS [BATCH [TOUCHES]]]\n", argv[0]);
		return 2;
	}
	check(ledger_open(argv[1], &ledger, &err), err.text);
	start = now_ns();
	for (int64_t i = 0; i < n; i += batch)
		write_batch(ledger, &v, &maker, i, i + batch < n ? batch : n - i, touches);
	print("ledger_events_per_second", rate(n, start), "1/s");
	start = now_ns();
	check(ledger_events(ledger, &all, count_event, &read), "read");
	print("ledger_reads_per_second", rate(read, start), "1/s");
	ledger_close(ledger);
	start = now_ns();
	check(ledger_open(argv[1], &ledger, &err), err.text);
	print("ledger_open", (double)(now_ns() - start) / 1e6, "ms");
	check(ledger_totals(ledger, &totals), "totals");
	print("ledger_bytes_per_event", (double)totals.file_bytes / (double)n, "B");
	ledger_close(ledger);
	return 0;
}
