/* Speed and size of the ledger: ledger DIR [EVENTS [BATCH [TOUCHES]]]. Adds typical chat calls in
 * batches, each batch with so many budget totals and a cursor, then reads them back; in turns with
 * a bare INSERT of as many bytes, one unique index and one of time, in the same settings. Files are
 * made in DIR and left there. Prints one JSON line a figure, medians of the rounds. */
#include "ledger/ledger.h"

#include <errno.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"

#define ROUNDS 5

/* Of one round. */
struct round {
	double add_rate, read_rate, open_ms, bytes, floor_rate;
};

static void check(int code, const char *what)
{
	if (code < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-code));
		exit(1);
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const struct round *rounds, size_t offset)
{
	double values[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		memcpy(&values[i], (const char *)&rounds[i] + offset, sizeof(values[i]));
	qsort(values, ROUNDS, sizeof(values[0]), compare);
	return values[ROUNDS / 2];
}

#define MEDIAN(rounds, member) median(rounds, offsetof(struct round, member))

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
	snprintf(usage->response_id + 9, 30, "%08x%020lld", (unsigned)(i * 2246822519u),
		 (long long)i);
	v->charge.cost_pico = 150000 * usage->counts[USAGE_INPUT];
	v->charge.rates_yocto[USAGE_INPUT] = (money_wide)150000 * 1000000000000;
	v->charge.rates_yocto[USAGE_INPUT_CACHE_READ] = (money_wide)75000 * 1000000000000;
	v->charge.rates_yocto[USAGE_OUTPUT] = (money_wide)600000 * 1000000000000;
	v->budget_cost_pico = v->charge.cost_pico;
	v->budgets[0].window_start_ns = 1764547200000000000;
	v->budgets[0].spent += v->charge.cost_pico;
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

/* --- the floor */

static void run_sql(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		exit(1);
	}
}

static void bind_bare(sqlite3_stmt *stmt, struct uuid_maker *maker, int64_t i)
{
	static const char texts[] = "req_9f31c4d7a8b24e0c8f3ee2a6c7c1d0b5"
				    "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"
				    "0123456789012345678901234567890123456789";
	int64_t time_ns = 1764000000000000000 + i * 1000003;
	struct uuid id = uuid_make(maker, time_ns);

	sqlite3_bind_int64(stmt, 1, i + 1);
	sqlite3_bind_blob(stmt, 2, id.bytes, UUID_BYTES, SQLITE_TRANSIENT);
	for (int k = 3; k < 13; k++)
		sqlite3_bind_int64(stmt, k, k == 3 ? time_ns : i * 7919 * k % 90000);
	sqlite3_bind_text(stmt, 13, texts, sizeof(texts) - 1, SQLITE_STATIC);
}

static double bare(const char *path, int64_t n, int64_t batch)
{
	struct uuid_maker maker = { 0 };
	sqlite3_stmt *stmt;
	int64_t start;
	sqlite3 *db;

	check(sqlite3_open(path, &db) == SQLITE_OK ? 0 : -EIO, path);
	run_sql(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
		    "PRAGMA synchronous = FULL; PRAGMA cache_size = -1024;"
		    "CREATE TABLE bare (seq INTEGER PRIMARY KEY, id BLOB UNIQUE, time INTEGER,"
		    " c, d, e, f, g, h, i, j, k, texts TEXT); CREATE INDEX t ON bare (time)");
	sqlite3_prepare_v2(db, "INSERT INTO bare VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", -1, &stmt,
			   NULL);
	start = now_ns();
	for (int64_t i = 0; i < n; i++) {
		if (i % batch == 0)
			run_sql(db, "BEGIN");
		bind_bare(stmt, &maker, i);
		check(sqlite3_step(stmt) == SQLITE_DONE ? 0 : -EIO, "insert");
		sqlite3_reset(stmt);
		if (i % batch == batch - 1 || i == n - 1)
			run_sql(db, "COMMIT");
	}
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return rate(n, start);
}

/* --- ours */

static struct round run(const char *dir, int64_t n, int64_t batch, int64_t touches)
{
	struct ledger_query all = { .uid = UINT32_MAX, .limit = n };
	struct uuid_maker maker = { 0 };
	struct verdict v = typical;
	struct ledger_totals totals;
	struct ledger *ledger;
	struct err err = { "" };
	struct round round;
	int64_t start, read = 0;

	check(ledger_open(dir, &ledger, &err), err.text);
	start = now_ns();
	for (int64_t i = 0; i < n; i += batch)
		write_batch(ledger, &v, &maker, i, i + batch < n ? batch : n - i, touches);
	round.add_rate = rate(n, start);
	start = now_ns();
	check(ledger_events(ledger, &all, count_event, &read), "read");
	round.read_rate = rate(read, start);
	ledger_close(ledger);
	start = now_ns();
	check(ledger_open(dir, &ledger, &err), err.text);
	round.open_ms = (double)(now_ns() - start) / 1e6;
	check(ledger_totals(ledger, &totals), "totals");
	round.bytes = (double)totals.file_bytes / (double)n;
	ledger_close(ledger);
	return round;
}

int main(int argc, char **argv)
{
	int64_t n = argc > 2 ? strtoll(argv[2], NULL, 10) : 100000;
	int64_t batch = argc > 3 ? strtoll(argv[3], NULL, 10) : 50;
	int64_t touches = argc > 4 ? strtoll(argv[4], NULL, 10) : 3;
	struct round rounds[ROUNDS];
	char path[4096];

	if (argc < 2) {
		fprintf(stderr, "usage: %s DIR [EVENTS [BATCH [TOUCHES]]]\n", argv[0]);
		return 2;
	}
	for (int i = 0; i < ROUNDS; i++) {
		snprintf(path, sizeof(path), "%s/ledger-%d", argv[1], i);
		rounds[i] = run(path, n, batch, touches);
		snprintf(path, sizeof(path), "%s/bare-%d.db", argv[1], i);
		rounds[i].floor_rate = bare(path, n, batch);
	}
	printf("{\"name\":\"ledger_events_per_second\",\"value\":%.1f,\"unit\":\"1/s\","
	       "\"floor\":%.1f}\n",
	       MEDIAN(rounds, add_rate), MEDIAN(rounds, floor_rate));
	print("ledger_reads_per_second", MEDIAN(rounds, read_rate), "1/s");
	print("ledger_open", MEDIAN(rounds, open_ms), "ms");
	print("ledger_bytes_per_event", MEDIAN(rounds, bytes), "B");
	return 0;
}
