/* Batches, queries, and what is left after a disk that is full and after kill -9. */
#include "ledger/ledger.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "fixture.h"
#include "ledger/statement.h"

#define ALL ((struct ledger_query){ .uid = UINT32_MAX, .limit = INT64_MAX })

static struct ledger *open_ledger(const struct fixture *f)
{
	struct err err = { "" };
	struct ledger *ledger;

	if (ledger_open(f->dir, &ledger, &err) < 0)
		fail_msg("%s", err.text);
	return ledger;
}

static int add(struct ledger *ledger, int64_t n, int64_t *ret_seq)
{
	struct verdict v = fixture_event(n);

	return ledger_add(ledger, &v, ret_seq);
}

static struct ledger_totals totals_of(struct ledger *ledger)
{
	struct ledger_totals totals;

	assert_int_equal(ledger_totals(ledger, &totals), 0);
	return totals;
}

/* --- batches */

static void test_a_batch_is_all_or_nothing(void **state)
{
	struct ledger *ledger = open_ledger(*state);
	int64_t seq;

	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(add(ledger, 1, &seq), 0);
	assert_int_equal(seq, 1);
	assert_int_equal(add(ledger, 2, &seq), 0);
	assert_int_equal(ledger_set_cursor(ledger, "kafka", 1), 0);
	ledger_rollback(ledger);
	assert_int_equal(totals_of(ledger).events, 0);
	assert_int_equal(ledger_cursor(ledger, "kafka", &seq), 0);
	assert_int_equal(seq, 0);

	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(add(ledger, 1, &seq), 0);
	assert_int_equal(seq, 1);
	assert_int_equal(ledger_commit(ledger), 0);
	assert_int_equal(totals_of(ledger).events, 1);
	assert_int_equal(totals_of(ledger).last_seq, 1);
	ledger_close(ledger);
}

static void test_nothing_is_written_outside_of_a_batch(void **state)
{
	struct ledger *ledger = open_ledger(*state);
	struct budget_touch touch = { .name = "a" };
	int64_t seq;

	assert_int_equal(add(ledger, 1, &seq), -EINVAL);
	assert_int_equal(ledger_touch(ledger, &touch), -EINVAL);
	assert_int_equal(ledger_set_cursor(ledger, "kafka", 1), -EINVAL);
	assert_int_equal(ledger_commit(ledger), -EINVAL);
	ledger_rollback(ledger);
	assert_int_equal(totals_of(ledger).events, 0);
	ledger_close(ledger);
}

static void test_an_id_that_is_there_is_told(void **state)
{
	struct ledger *ledger = open_ledger(*state);
	int64_t seq;

	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(add(ledger, 1, &seq), 0);
	assert_int_equal(add(ledger, 1, &seq), -EEXIST);
	assert_int_equal(add(ledger, 2, &seq), 0);
	assert_int_equal(seq, 2);
	assert_int_equal(ledger_commit(ledger), 0);
	assert_int_equal(totals_of(ledger).events, 2);
	ledger_close(ledger);
}

/* The outbox is emptied up to the cursor: no number comes twice. */
static void test_numbers_go_on(void **state)
{
	struct fixture *f = *state;
	struct ledger *ledger = open_ledger(f);
	int64_t seq;

	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(ledger_set_cursor(ledger, "kafka", 41), 0);
	assert_int_equal(ledger_commit(ledger), 0);
	ledger_close(ledger);
	ledger = open_ledger(f);
	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(add(ledger, 1, &seq), 0);
	assert_int_equal(seq, 42);
	assert_int_equal(ledger_commit(ledger), 0);
	assert_int_equal(totals_of(ledger).events, 1);
	ledger_close(ledger);
}

/* --- totals and cursors */

struct touches {
	unsigned n;
	struct budget_touch items[4];
};

static void keep_touch(void *ctx, const struct budget_touch *touch)
{
	struct touches *touches = ctx;

	if (touches->n < 4)
		touches->items[touches->n++] = *touch;
}

/* SQLite itself counts the rows that are written. */
static void test_a_batch_writes_a_window_once(void **state)
{
	struct fixture *f = *state;
	struct ledger *ledger = open_ledger(f);
	struct budget_touch touch = { .name = "team", .window_start_ns = 1000 };
	struct touches touches = { 0 };
	int before = sqlite3_total_changes(ledger->db);

	assert_int_equal(ledger_begin(ledger), 0);
	for (int i = 1; i <= 100; i++) {
		touch.spent = i;
		touch.window_start_ns = 1000 + i % 2;
		assert_int_equal(ledger_touch(ledger, &touch), 0);
	}
	assert_int_equal(ledger_commit(ledger), 0);
	assert_int_equal(sqlite3_total_changes(ledger->db) - before, 2);

	/* What was rolled back is not in the next batch. */
	assert_int_equal(ledger_begin(ledger), 0);
	touch.spent = 101;
	assert_int_equal(ledger_touch(ledger, &touch), 0);
	ledger_rollback(ledger);
	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(ledger_commit(ledger), 0);
	assert_int_equal(ledger_touches(ledger, keep_touch, &touches), 0);
	assert_int_equal(touches.n, 2);
	assert_true(touches.items[0].spent == 100);
	assert_true(touches.items[1].spent == 99);
	ledger_close(ledger);
}

static void test_the_last_total_of_a_budget_stays(void **state)
{
	/* 10^15 USD: in picodollars over 64 bits. */
	const money_wide large = (money_wide)1000000000000000 * 1000000000000;
	const struct budget_touch written[] = {
		{ .name = "team", .window_start_ns = 1000, .spent = 5 },
		{ .name = "org \"x\"", .window_start_ns = 1000, .spent = large },
		{ .name = "team",
		  .unit = UNIT_TOKENS,
		  .window_start_ns = 2000,
		  .window_end_ns = 3000,
		  .fired_percent = 95,
		  .granted = 1700000000001,
		  .estimated = 1400000000001,
		  .spent = 1500000000001 },
		/* It was changed from days to months. */
		{ .name = "team", .window_start_ns = 500, .spent = 7 },
		/* Late: of a window that is over. It takes nothing from the later one. */
		{ .name = "team", .window_start_ns = 1000, .spent = 6 },
	};
	struct fixture *f = *state;
	struct ledger *ledger = open_ledger(f);
	struct touches touches = { 0 };

	assert_int_equal(ledger_begin(ledger), 0);
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++)
		assert_int_equal(ledger_touch(ledger, &written[i]), 0);
	assert_int_equal(ledger_commit(ledger), 0);
	ledger_close(ledger);
	ledger = open_ledger(f);
	assert_int_equal(ledger_touches(ledger, keep_touch, &touches), 0);
	assert_int_equal(touches.n, 4);
	assert_string_equal(touches.items[0].name, "org \"x\"");
	assert_true(touches.items[0].spent == large);
	for (unsigned i = 1; i < 4; i++)
		assert_string_equal(touches.items[i].name, "team");
	assert_int_equal(touches.items[1].window_start_ns, 500);
	assert_true(touches.items[1].spent == 7);
	assert_int_equal(touches.items[2].window_start_ns, 1000);
	assert_true(touches.items[2].spent == 6);
	assert_int_equal(touches.items[3].window_start_ns, 2000);
	assert_int_equal(touches.items[3].window_end_ns, 3000);
	assert_int_equal(touches.items[3].fired_percent, 95);
	assert_int_equal(touches.items[3].unit, UNIT_TOKENS);
	assert_true(touches.items[3].granted == 1700000000001);
	assert_true(touches.items[3].estimated == 1400000000001);
	assert_true(touches.items[3].spent == 1500000000001);
	assert_int_equal(touches.items[2].window_end_ns, 0);
	assert_int_equal(touches.items[2].unit, UNIT_USD);
	ledger_close(ledger);
}

struct overrides {
	unsigned n;
	struct budget_override items[4];
};

static void keep_override(void *ctx, const struct budget_override *override)
{
	struct overrides *overrides = ctx;

	if (overrides->n < 4)
		overrides->items[overrides->n++] = *override;
}

static void test_words_on_budgets_come_back_in_their_order(void **state)
{
	const struct budget_override written[] = {
		{ .budget = "team",
		  .action = OVERRIDE_RAISE,
		  .unit = UNIT_TOKENS,
		  .amount = 7000,
		  .time_ns = 5,
		  .until_ns = INT64_MAX,
		  .uid = 4294967294,
		  .pid = 17,
		  .user = "ann",
		  .why = "a demo; \"it\" 's" },
		{ .budget = "a", .action = OVERRIDE_RESET, .amount = 1, .time_ns = 4 },
	};
	struct fixture *f = *state;
	struct ledger *ledger = open_ledger(f);
	struct overrides read = { 0 };

	assert_int_equal(ledger_override(ledger, &written[0]), -EINVAL);
	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(ledger_override(ledger, &written[0]), 0);
	assert_int_equal(ledger_override(ledger, &written[1]), 0);
	assert_int_equal(ledger_commit(ledger), 0);
	ledger_close(ledger);
	ledger = open_ledger(f);
	assert_int_equal(ledger_overrides(ledger, keep_override, &read), 0);
	assert_int_equal(read.n, 2);
	assert_string_equal(read.items[0].budget, "team");
	assert_int_equal(read.items[0].action, OVERRIDE_RAISE);
	assert_int_equal(read.items[0].unit, UNIT_TOKENS);
	assert_true(read.items[0].amount == 7000);
	assert_int_equal(read.items[0].time_ns, 5);
	assert_true(read.items[0].until_ns == INT64_MAX);
	assert_true(read.items[0].uid == 4294967294);
	assert_int_equal(read.items[0].pid, 17);
	assert_string_equal(read.items[0].user, "ann");
	assert_string_equal(read.items[0].why, "a demo; \"it\" 's");
	assert_int_equal(read.items[1].action, OVERRIDE_RESET);
	ledger_close(ledger);
}

static void test_each_sink_has_a_cursor(void **state)
{
	struct fixture *f = *state;
	struct ledger *ledger = open_ledger(f);
	int64_t seq;

	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(ledger_set_cursor(ledger, "kafka", 3), 0);
	assert_int_equal(ledger_set_cursor(ledger, "file", 9), 0);
	assert_int_equal(ledger_set_cursor(ledger, "kafka", 4), 0);
	assert_int_equal(ledger_commit(ledger), 0);
	ledger_close(ledger);
	ledger = open_ledger(f);
	assert_int_equal(ledger_cursor(ledger, "kafka", &seq), 0);
	assert_int_equal(seq, 4);
	assert_int_equal(ledger_cursor(ledger, "file", &seq), 0);
	assert_int_equal(seq, 9);
	assert_int_equal(ledger_cursor(ledger, "webhook", &seq), 0);
	assert_int_equal(seq, 0);
	ledger_close(ledger);
}

/* --- queries */

struct seen {
	unsigned n, stop_after;
	int64_t seqs[32];
};

static bool keep_seq(void *ctx, int64_t seq, const struct verdict *v)
{
	struct seen *seen = ctx;

	assert_non_null(v);
	assert_int_equal(v->charge.usage.counts[USAGE_INPUT], seq);
	if (seen->n < 32)
		seen->seqs[seen->n++] = seq;
	return !seen->stop_after || seen->n < seen->stop_after;
}

/* Event n ends at 1764000000.5 s + n and is of user n % 3. */
static void test_queries(void **state)
{
	const int64_t t0 = 1764000000500000000;
	const struct {
		struct ledger_query query;
		unsigned stop_after;
		const char *want;
	} rows[] = {
		{ { .uid = UINT32_MAX, .limit = 100 }, 0, "1 2 3 4 5 6 7 8 9 10 11 12 " },
		{ { .uid = UINT32_MAX, .limit = 0 }, 0, "" },
		{ { .uid = UINT32_MAX, .limit = -1 }, 0, "" },
		{ { .uid = UINT32_MAX, .limit = 3 }, 0, "1 2 3 " },
		{ { .uid = UINT32_MAX, .limit = 3, .newest = true }, 0, "10 11 12 " },
		{ { .uid = UINT32_MAX, .limit = 99, .newest = true, .after_seq = 10 },
		  0,
		  "11 12 " },
		{ { .uid = UINT32_MAX, .limit = 3, .after_seq = 5 }, 0, "6 7 8 " },
		{ { .uid = UINT32_MAX, .limit = 3, .after_seq = 12 }, 0, "" },
		{ { .uid = UINT32_MAX, .limit = 9 }, 2, "1 2 " },
		{ { .uid = 0, .limit = 100 }, 0, "3 6 9 12 " },
		{ { .uid = 1, .limit = 2, .newest = true }, 0, "7 10 " },
		{ { .uid = 7, .limit = 2, .newest = true }, 0, "" },
		{ { .uid = 2, .limit = 2, .after_seq = 5 }, 0, "8 11 " },
		{ { .uid = UINT32_MAX, .limit = 9, .since_ns = t0 + 10000000000 }, 0, "10 11 12 " },
		{ { .uid = UINT32_MAX, .limit = 9, .since_ns = t0 + 10000000001 }, 0, "11 12 " },
		{ { .uid = UINT32_MAX, .limit = 9, .since_ns = t0 + 13000000000 }, 0, "" },
		{ { .uid = UINT32_MAX, .limit = 2, .since_ns = t0 + 9000000000, .newest = true },
		  0,
		  "11 12 " },
		{ { .uid = UINT32_MAX, .limit = 9, .since_ns = t0 + 9000000000, .newest = true },
		  0,
		  "9 10 11 12 " },
		{ { .uid = 2, .limit = 9, .since_ns = t0 + 6000000000 }, 0, "8 11 " },
		{ { .uid = 2, .limit = 9, .since_ns = t0 + 6000000000, .after_seq = 3 },
		  0,
		  "8 11 " },
		{ { .uid = UINT32_MAX, .limit = 1, .event_id = fixture_id(5) }, 0, "5 " },
		{ { .uid = UINT32_MAX, .limit = 1, .event_id = fixture_id(5), .after_seq = 5 },
		  0,
		  "" },
		{ { .uid = 2, .limit = 1, .event_id = fixture_id(5) }, 0, "5 " },
		{ { .uid = 1, .limit = 1, .event_id = fixture_id(5) }, 0, "" },
		{ { .uid = UINT32_MAX, .limit = 1, .event_id = fixture_id(13) }, 0, "" },
	};
	struct fixture *f = *state;
	struct ledger *ledger;

	assert_int_equal(fixture_fill(f, 12), 0);
	ledger = open_ledger(f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct seen seen = { .stop_after = rows[i].stop_after };
		char got[128] = "";

		assert_int_equal(ledger_events(ledger, &rows[i].query, keep_seq, &seen), 0);
		for (unsigned k = 0; k < seen.n; k++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%d ",
				 (int)seen.seqs[k]);
		if (strcmp(got, rows[i].want))
			fail_msg("row %zu: got %s, want %s", i, got, rows[i].want);
	}
	ledger_close(ledger);
}

/* Calls come to the ledger when they are known to be over, not in order of their ends. */
static void test_since_with_ends_out_of_order(void **state)
{
	const int64_t order[] = { 5, 1, 9, 2, 8 };
	struct fixture *f = *state;
	struct ledger *ledger = open_ledger(f);
	struct ledger_query query = ALL;
	struct seen seen = { 0 };
	int64_t seq;

	assert_int_equal(ledger_begin(ledger), 0);
	for (int i = 0; i < 5; i++) {
		struct verdict v = fixture_event(i + 1);

		v.charge.usage.time_end_ns = order[i];
		assert_int_equal(ledger_add(ledger, &v, &seq), 0);
	}
	assert_int_equal(ledger_commit(ledger), 0);
	query.since_ns = 5;
	assert_int_equal(ledger_events(ledger, &query, keep_seq, &seen), 0);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.seqs[0], 1);
	assert_int_equal(seen.seqs[1], 3);
	assert_int_equal(seen.seqs[2], 5);
	ledger_close(ledger);
}

/* --- identity */

static void test_identity_lives_with_the_ledger(void **state)
{
	struct fixture *f = *state;
	struct ledger *ledger = open_ledger(f);
	char id[UUID_TEXT], again[UUID_TEXT], other[UUID_TEXT];
	uint8_t secret[32], secret_again[32], zero[32] = { 0 };
	struct uuid parsed;

	assert_int_equal(ledger_host_id(ledger, id), 0);
	assert_int_equal(uuid_parse(span_of(id), &parsed), 0);
	assert_int_equal(ledger_secret(ledger, secret), 0);
	assert_memory_not_equal(secret, zero, sizeof(secret));
	ledger_close(ledger);
	ledger = open_ledger(f);
	assert_int_equal(ledger_host_id(ledger, again), 0);
	assert_int_equal(ledger_secret(ledger, secret_again), 0);
	assert_string_equal(id, again);
	assert_memory_equal(secret, secret_again, sizeof(secret));
	ledger_close(ledger);
	assert_int_equal(unlink(f->db), 0);
	ledger = open_ledger(f);
	assert_int_equal(ledger_host_id(ledger, other), 0);
	assert_string_not_equal(id, other);
	ledger_close(ledger);
}

/* --- a full disk */

/* Adds batches of 10 until one fails: how many events are committed, and with what it failed. */
static int64_t fill_up(struct ledger *ledger, int64_t from, int *ret_code)
{
	int64_t seq, done = from;
	int code = 0;

	while (code == 0 && done < from + 100000) {
		code = ledger_begin(ledger);
		for (int64_t i = 1; i <= 10 && code == 0; i++)
			code = add(ledger, done + i, &seq);
		if (code == 0)
			code = ledger_commit(ledger);
		if (code == 0)
			done += 10;
	}
	ledger_rollback(ledger);
	*ret_code = code;
	return done;
}

/* 0 when a full disk stops the ledger and room lets it go on, else the line where it was not so. */
static int live_through_full_disk(const struct fixture *f,
				  void (*make_room)(const struct fixture *))
{
	struct ledger *ledger = open_ledger(f);
	struct ledger_totals totals;
	int64_t done, more;
	int code;

	done = fill_up(ledger, 0, &code);
	if ((code != -ENOSPC && code != -EIO) || done < 10)
		return __LINE__;
	if (ledger_totals(ledger, &totals) < 0 || totals.events != done || totals.last_seq != done)
		return __LINE__;
	more = fill_up(ledger, done, &code);
	if (code != -ENOSPC && code != -EIO)
		return __LINE__;
	make_room(f);
	/* The very batch that did not fit, and more. */
	more = fill_up(ledger, more, &code);
	if (more <= done)
		return __LINE__;
	ledger_close(ledger);
	ledger = open_ledger(f);
	if (ledger_totals(ledger, &totals) < 0 || totals.events != more)
		return __LINE__;
	ledger_close(ledger);
	return 0;
}

static void raise_limit(const struct fixture *f)
{
	struct rlimit limit = { 2000000, RLIM_INFINITY };

	(void)f;
	setrlimit(RLIMIT_FSIZE, &limit);
}

static void grow_tmpfs(const struct fixture *f)
{
	if (mount("none", f->dir, "tmpfs", MS_REMOUNT, "size=3m,mode=0700") < 0)
		abort();
}

static bool limit_file_size(const struct fixture *f)
{
	struct rlimit limit = { 300000, RLIM_INFINITY };

	(void)f;
	signal(SIGXFSZ, SIG_IGN);
	return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

/* In a mount namespace of its own, which goes with the process. */
static bool mount_tmpfs(const struct fixture *f)
{
	return mkdir(f->dir, 0700) == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", f->dir, "tmpfs", 0, "size=1m,mode=0700") == 0;
}

static void in_child(const struct fixture *f, bool (*prepare)(const struct fixture *),
		     void (*make_room)(const struct fixture *))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		int line = prepare(f) ? live_through_full_disk(f, make_room) : 0;

		if (line)
			fprintf(stderr, "line %d\n", line);
		_exit(line ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_a_file_that_may_not_grow(void **state)
{
	in_child(*state, limit_file_size, raise_limit);
}

static void test_a_full_disk(void **state)
{
	if (geteuid() != 0)
		skip();
	in_child(*state, mount_tmpfs, grow_tmpfs);
}

/* --- kill -9 */

#define KILLS       120
#define FRESH_AFTER 30 /* then from an empty directory again: creation is killed too */

/* Writes until it is killed: batches of 1 to 20 events, the total of them, a cursor that never
 * runs ahead. Tells each committed seq. */
static void write_until_killed(const struct fixture *f, int report_fd)
{
	struct ledger *ledger;
	struct err err = { "" };
	struct ledger_totals totals;
	struct touches touches = { 0 };
	int64_t seq;

	if (ledger_open(f->dir, &ledger, &err) < 0 || ledger_totals(ledger, &totals) < 0 ||
	    ledger_touches(ledger, keep_touch, &touches) < 0)
		_exit(1);
	seq = totals.last_seq;
	snprintf(touches.items[0].name, BUDGET_NAME_MAX, "all");
	for (unsigned batch = 0;; batch++) {
		int64_t before = seq, last = seq + 1 + (seq * 7 + batch) % 20;

		if (ledger_begin(ledger) < 0)
			_exit(1);
		while (seq < last) {
			touches.items[0].spent += fixture_cost(seq + 1);
			if (add(ledger, seq + 1, &seq) < 0)
				_exit(1);
		}
		if (ledger_touch(ledger, &touches.items[0]) < 0 ||
		    ledger_set_cursor(ledger, "kafka", before) < 0 || ledger_commit(ledger) < 0)
			_exit(1);
		(void)!write(report_fd, &seq, sizeof(seq));
	}
}

struct sum {
	int64_t next;
	money_wide spent;
};

static bool check_event(void *ctx, int64_t seq, const struct verdict *v)
{
	struct verdict want = fixture_event(seq);
	struct sum *sum = ctx;

	assert_int_equal(seq, sum->next);
	assert_non_null(v);
	assert_memory_equal(v, &want, sizeof(want));
	sum->next++;
	sum->spent += v->charge.cost_pico;
	return true;
}

/* `sum` is of the events that were checked before. Returns the last seq. */
static int64_t check_after_kill(const struct fixture *f, int64_t told, struct sum *sum)
{
	struct ledger *ledger = open_ledger(f);
	struct ledger_query query = ALL;
	struct touches touches = { 0 };
	struct ledger_totals totals = totals_of(ledger);
	int64_t cursor;

	assert_true(totals.last_seq >= told);
	assert_int_equal(totals.events, totals.last_seq);
	query.after_seq = sum->next - 1;
	assert_int_equal(ledger_events(ledger, &query, check_event, sum), 0);
	assert_int_equal(sum->next, totals.last_seq + 1);
	assert_int_equal(ledger_touches(ledger, keep_touch, &touches), 0);
	assert_true(touches.items[0].spent == sum->spent);
	assert_int_equal(ledger_cursor(ledger, "kafka", &cursor), 0);
	assert_true(cursor <= totals.last_seq);
	ledger_close(ledger);
	return totals.last_seq;
}

/* The last number that the writer told before it was killed: `delay_us` after its start, or after
 * it had told its first, however slow the machine. */
static int64_t kill_a_writer(const struct fixture *f, unsigned delay_us, bool at_work, int64_t told)
{
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
		write_until_killed(f, fds[1]);
	close(fds[1]);
	if (at_work)
		assert_int_equal(read(fds[0], &told, sizeof(told)), sizeof(told));
	usleep(delay_us);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	while (read(fds[0], &told, sizeof(told)) == sizeof(told))
		;
	close(fds[0]);
	return told;
}

static void test_kill_at_any_time(void **state)
{
	struct fixture *f = *state;
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
	struct sum sum = { .next = 1 };
	int64_t told = 0, events = 0;

	print_message("SEED=%u\n", seed);
	srand(seed);
	for (int i = 0; i < KILLS; i++) {
		if (i % FRESH_AFTER == 0) {
			unlink(f->db);
			unlink(f->wal);
			sum = (struct sum){ .next = 1 };
			told = 0;
		}
		told = kill_a_writer(f, (unsigned)(rand() % 25000), i % 2, told);
		told = check_after_kill(f, told, &sum);
		events += told;
	}
	print_message("%d kills\n", KILLS);
	assert_true(events >= KILLS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_a_batch_is_all_or_nothing),
		TEST(test_nothing_is_written_outside_of_a_batch),
		TEST(test_an_id_that_is_there_is_told),
		TEST(test_numbers_go_on),
		TEST(test_a_batch_writes_a_window_once),
		TEST(test_the_last_total_of_a_budget_stays),
		TEST(test_words_on_budgets_come_back_in_their_order),
		TEST(test_each_sink_has_a_cursor),
		TEST(test_queries),
		TEST(test_since_with_ends_out_of_order),
		TEST(test_identity_lives_with_the_ledger),
		TEST(test_a_file_that_may_not_grow),
		TEST(test_a_full_disk),
		TEST(test_kill_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
