/* Alerts, hours and dead letters in the ledger. */
#include "ledger/journal.h"

#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fixture.h"
#include "ledger/statement.h"

#define DAY 20000

static const struct ledger_query ALL = { .limit = 100 };

static struct ledger *open_at(const struct fixture *f)
{
	struct err err = { "" };
	struct ledger *ledger;

	assert_int_equal(ledger_open(f->dir, &ledger, &err), 0);
	return ledger;
}

static struct alert alert_of(int n)
{
	struct alert alert = { .event_id.bytes = { (uint8_t)n },
			       .time_ns = DAY * NS_PER_DAY + n,
			       .kind = (enum alert_kind)(n % ALERT_KIND_MAX),
			       .level = (enum alert_level)(n % 3),
			       .window_ns = n % 2 ? DAY * NS_PER_DAY : 0,
			       .step = (uint32_t)n };

	snprintf(alert.subject, sizeof(alert.subject), "budget %d", n);
	snprintf(alert.text, sizeof(alert.text), "it's \"%d\"", n);
	if (n % 2)
		snprintf(alert.details, sizeof(alert.details), "{\"n\":%d}", n);
	return alert;
}

static void add(struct ledger *ledger, int first, int last)
{
	assert_int_equal(ledger_begin(ledger), 0);
	for (int n = first; n <= last; n++) {
		struct alert alert = alert_of(n);

		assert_int_equal(journal_add_alert(ledger, &alert), 0);
	}
	assert_int_equal(ledger_commit(ledger), 0);
}

struct seen {
	struct alert alerts[32];
	int64_t seqs[32];
	unsigned n, unsaid, stop_at;
};

static bool see(void *ctx, int64_t seq, const struct alert *alert)
{
	struct seen *seen = ctx;

	if (!alert) {
		seen->unsaid++;
		return true;
	}
	seen->seqs[seen->n] = seq;
	seen->alerts[seen->n++] = *alert;
	return seen->n != seen->stop_at;
}

static void test_come_back_as_they_went(void **state)
{
	struct ledger *ledger = open_at(*state);
	struct seen seen = { .n = 0 };
	int64_t newest;

	add(ledger, 1, 18);
	ledger_close(ledger);
	ledger = open_at(*state);
	assert_int_equal(journal_alerts(ledger, &ALL, see, &seen), 0);
	assert_int_equal(seen.n, 18);
	for (unsigned i = 0; i < seen.n; i++) {
		struct alert alert = alert_of((int)i + 1);

		assert_memory_equal(&seen.alerts[i], &alert, sizeof(alert));
		assert_int_equal(seen.seqs[i], i + 1);
	}
	seen = (struct seen){ .stop_at = 2 };
	assert_int_equal(journal_alerts(ledger,
					&(struct ledger_query){ .after_seq = 5, .limit = 100 }, see,
					&seen),
			 0);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.seqs[0], 6);
	seen = (struct seen){ .n = 0 };
	assert_int_equal(journal_alerts(ledger,
					&(struct ledger_query){ .after_seq = 5, .limit = 3 }, see,
					&seen),
			 0);
	assert_int_equal(seen.n, 3);
	assert_int_equal(journal_newest_alert(ledger, &newest), 0);
	assert_int_equal(newest, 18);
	ledger_close(ledger);
}

/* As those who read calls: since when, and the newest so many, in their order. */
static void test_since_and_newest(void **state)
{
	struct ledger_query since = { .since_ns = DAY * NS_PER_DAY + 15, .limit = 100 },
			    newest = { .newest = true, .limit = 3 }, none = { .newest = true };
	struct ledger *ledger = open_at(*state);
	struct seen seen = { .n = 0 };

	add(ledger, 1, 18);
	assert_int_equal(journal_alerts(ledger, &since, see, &seen), 0);
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.seqs[0], 15);
	seen = (struct seen){ .n = 0 };
	assert_int_equal(journal_alerts(ledger, &newest, see, &seen), 0);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.seqs[0], 16);
	assert_int_equal(seen.seqs[2], 18);
	newest.since_ns = DAY * NS_PER_DAY + 18;
	seen = (struct seen){ .n = 0 };
	assert_int_equal(journal_alerts(ledger, &newest, see, &seen), 0);
	assert_int_equal(seen.n, 1);
	newest.since_ns++;
	assert_int_equal(journal_alerts(ledger, &newest, see, &seen), 0);
	assert_int_equal(journal_alerts(ledger, &none, see, &seen), 0);
	assert_int_equal(seen.n, 1);
	ledger_close(ledger);
}

static void test_once_and_in_a_batch(void **state)
{
	struct ledger *ledger = open_at(*state);
	struct alert alert = alert_of(1), other = alert_of(2);
	int64_t newest;

	assert_int_equal(journal_add_alert(ledger, &alert), -EINVAL);
	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(journal_add_alert(ledger, &alert), 0);
	assert_int_equal(journal_add_alert(ledger, &alert), -EEXIST);
	assert_int_equal(journal_add_alert(ledger, &other), 0);
	assert_int_equal(ledger_commit(ledger), 0);
	assert_int_equal(ledger_begin(ledger), 0);
	alert = alert_of(3);
	assert_int_equal(journal_add_alert(ledger, &alert), 0);
	ledger_rollback(ledger);
	assert_int_equal(journal_newest_alert(ledger, &newest), 0);
	assert_int_equal(newest, 2);
	ledger_close(ledger);
}

/* A row that nobody of this release can have written holds up none behind it. */
static void test_rows_of_others(void **state)
{
	struct ledger *ledger = open_at(*state);
	struct seen seen = { .n = 0 };

	add(ledger, 1, 4);
	assert_int_equal(
	    sqlite3_exec(ledger->db,
			 "UPDATE alert SET kind = 'weather' WHERE seq = 1;"
			 "UPDATE alert SET event_id = x'00' WHERE seq = 2;"
			 "UPDATE alert SET subject = printf('%0300d', 1) WHERE seq = 3",
			 NULL, NULL, NULL),
	    SQLITE_OK);
	assert_int_equal(journal_alerts(ledger, &ALL, see, &seen), 0);
	assert_int_equal(seen.unsaid, 3);
	assert_int_equal(seen.n, 1);
	ledger_close(ledger);
}

static void test_the_old_leave(void **state)
{
	struct ledger *ledger = open_at(*state);
	struct seen seen = { .n = 0 };

	add(ledger, 1, 10);
	assert_int_equal(journal_drop_alerts(ledger, DAY * NS_PER_DAY + 6, 3), 0);
	assert_int_equal(journal_alerts(ledger, &ALL, see, &seen), 0);
	assert_int_equal(seen.n, 7); /* 4 and 5 are old; a sink lacks them */
	assert_int_equal(journal_drop_alerts(ledger, INT64_MAX, INT64_MAX), 0);
	seen = (struct seen){ .n = 0 };
	assert_int_equal(journal_alerts(ledger, &ALL, see, &seen), 0);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.seqs[0], 10); /* numbers go on behind it */
	ledger_close(ledger);
}

struct hours {
	struct habit_hour hours[8];
	unsigned n;
};

static void see_hour(void *ctx, const struct habit_hour *hour)
{
	struct hours *hours = ctx;

	hours->hours[hours->n++] = *hour;
}

static void assert_hour(const struct habit_hour *a, const struct habit_hour *b)
{
	assert_int_equal(a->program.uid, b->program.uid);
	assert_string_equal(a->program.exe, b->program.exe);
	assert_int_equal(a->hour, b->hour);
	assert_int_equal(a->calls, b->calls);
	assert_int_equal(a->spent_pico, b->spent_pico);
}

static void test_hours(void **state)
{
	struct ledger *ledger = open_at(*state);
	int64_t now_ns = DAY * NS_PER_DAY, hour = DAY * 24;
	struct habit_hour rows[] = {
		{ { 7, "/bin/a" }, hour, 5, 55 },
		{ { 7, "/bin/a" }, hour - 1, 4, -1 },
		{ { 7, "/bin/a" }, hour, UINT32_MAX, INT64_MAX }, /* takes the place of the first */
		{ { 8, "/bin/a" }, hour - HABIT_HOURS + 1, 1, 0 },
		{ { 9, "/bin/a" }, hour - HABIT_HOURS, 1, 0 }, /* too old */
		{ { 9, "/bin/a" }, hour + 1, 1, 0 },           /* the clock went back since */
	};
	struct hours seen = { .n = 0 };

	assert_int_equal(ledger_begin(ledger), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(journal_set_hour(ledger, &rows[i]), 0);
	assert_int_equal(ledger_commit(ledger), 0);
	assert_int_equal(journal_hours(ledger, now_ns, see_hour, &seen), 0);
	assert_int_equal(seen.n, 3);
	assert_hour(&seen.hours[0], &rows[3]);
	assert_hour(&seen.hours[1], &rows[1]);
	assert_hour(&seen.hours[2], &rows[2]);
	assert_int_equal(journal_drop_usual(ledger, now_ns + HABIT_HOURS * 3600 * NS_PER_SEC), 0);
	seen.n = 0;
	assert_int_equal(journal_hours(ledger, now_ns + 3600 * NS_PER_SEC, see_hour, &seen), 0);
	assert_int_equal(seen.n, 1);
	ledger_close(ledger);
}

struct learned {
	struct breaker_memory breakers[4];
	struct usual_median medians[4];
	unsigned n_breakers, n_medians;
};

static void see_breaker(void *ctx, const struct breaker_memory *breaker)
{
	struct learned *learned = ctx;

	learned->breakers[learned->n_breakers++] = *breaker;
}

static void see_median(void *ctx, const struct usual_median *median)
{
	struct learned *learned = ctx;

	learned->medians[learned->n_medians++] = *median;
}

static void look(struct ledger *ledger, struct learned *learned)
{
	memset(learned, 0, sizeof(*learned));
	assert_int_equal(journal_breakers(ledger, see_breaker, learned), 0);
	assert_int_equal(journal_medians(ledger, see_median, learned), 0);
}

/* The newest word on each, as it was; what cannot be read is left out. */
static void test_breakers_and_medians(void **state)
{
	const struct breaker_memory open = { .provider = "openai",
					     .state = BREAKER_OPEN,
					     .by_latency = true,
					     .since_ns = 11,
					     .opened_ns = 12,
					     .looked_ns = 13,
					     .learned_calls = 1000,
					     .learned_errors = 7 };
	struct breaker_memory other = { .provider = "groq", .state = BREAKER_HALF_OPEN };
	struct usual_median median = { .key = { "openai", "gpt-4o", "chat", true },
				       .median_ns = 500000000,
				       .learned_ns = DAY * NS_PER_DAY,
				       .n = 700 },
			    older = { .key = { "openai", "", "chat", false }, .n = 4096 };
	struct ledger *ledger = open_at(*state);
	struct learned learned;

	assert_int_equal(journal_set_breaker(ledger, &open), -EINVAL);
	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(journal_set_breaker(ledger, &other), 0);
	assert_int_equal(journal_set_median(ledger, &median), 0);
	assert_int_equal(journal_set_median(ledger, &older), 0);
	snprintf(other.provider, sizeof(other.provider), "openai");
	assert_int_equal(journal_set_breaker(ledger, &other), 0);
	assert_int_equal(journal_set_breaker(ledger, &open), 0);
	assert_int_equal(ledger_commit(ledger), 0);
	look(ledger, &learned);
	assert_int_equal(learned.n_breakers, 2);
	assert_int_equal(learned.breakers[0].state, BREAKER_HALF_OPEN);
	assert_memory_equal(&learned.breakers[1], &open, sizeof(open));
	assert_int_equal(learned.n_medians, 2);
	assert_memory_equal(&learned.medians[0], &older, sizeof(older));
	assert_memory_equal(&learned.medians[1], &median, sizeof(median));

	assert_int_equal(sqlite3_exec(ledger->db,
				      "UPDATE breaker SET state = 'ajar' WHERE provider = 'groq';"
				      "UPDATE latency SET calls = -1 WHERE streaming",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	look(ledger, &learned);
	assert_int_equal(learned.n_breakers, 1);
	assert_int_equal(learned.n_medians, 1);
	/* As old as habits, they leave. */
	assert_int_equal(journal_drop_usual(ledger, HABIT_HOURS * 3600 * NS_PER_SEC), 0);
	look(ledger, &learned);
	assert_int_equal(learned.n_medians, 1);
	assert_int_equal(journal_drop_usual(ledger, HABIT_HOURS * 3600 * NS_PER_SEC + 1), 0);
	look(ledger, &learned);
	assert_int_equal(learned.n_medians, 0);
	ledger_close(ledger);
}

static void test_dead_letters(void **state)
{
	struct ledger *ledger = open_at(*state);
	int64_t n = 0;
	sqlite3_stmt *stmt;

	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(journal_add_dead(ledger, "webhook.ops", 3, 1000, "HTTP 410"), 0);
	assert_int_equal(journal_add_dead(ledger, "webhook.ops", 4, 3000, "HTTP 410"), 0);
	assert_int_equal(ledger_commit(ledger), 0);
	assert_int_equal(journal_drop_alerts(ledger, 2000, INT64_MAX), 0);
	assert_int_equal(
	    sqlite3_prepare_v2(ledger->db, "SELECT sum(seq) FROM dead_letter", -1, &stmt, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	assert_int_equal(n, 4);
	ledger_close(ledger);
}

int main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_come_back_as_they_went), ROW(test_since_and_newest),
		ROW(test_once_and_in_a_batch),    ROW(test_rows_of_others),
		ROW(test_the_old_leave),          ROW(test_hours),
		ROW(test_breakers_and_medians),   ROW(test_dead_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
