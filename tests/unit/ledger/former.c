/* A file that the program of schema 1 wrote (version1/): its events read as that program read them,
 * under their numbers, whatever goes wrong on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include <cmocka.h>

#include "fixture.h"

#define HERE   "tests/unit/ledger/version1/"
#define EVENTS 12

static void run_sql(const struct fixture *f, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void make_former(const struct fixture *f)
{
	static struct fixture_bytes dump;

	fixture_load(HERE "ledger.sql", &dump);
	assert_true(dump.len > 0 && dump.len < sizeof(dump.data));
	dump.data[dump.len] = '\0';
	assert_int_equal(mkdir(f->dir, 0700), 0);
	run_sql(f, (const char *)dump.data);
}

struct reader {
	FILE *want; /* a line an event */
	struct buf json;
	int64_t next;
};

/* What came later stands in the event with what it is where nothing was recorded. */
static void forget_added(char *json)
{
	static const char *const added[] = { "\"limits\":{},", ",\"correlation\":null",
					     "\"total_tokens\":null,\"usage_doubt\":null," };

	for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
		char *at = strstr(json, added[i]);

		assert_non_null(at);
		memmove(at, at + strlen(added[i]), strlen(at + strlen(added[i])) + 1);
	}
}

static bool compare(void *ctx, int64_t seq, const struct verdict *v)
{
	static char line[1 << 16];
	struct reader *r = ctx;

	assert_non_null(v);
	assert_int_equal(seq, r->next++);
	assert_non_null(fgets(line, sizeof(line), r->want));
	buf_reset(&r->json);
	verdict_json(&r->json, v, "host", "name");
	buf_put(&r->json, (struct span){ "\n", 2 });
	forget_added(r->json.data);
	assert_string_equal(r->json.data, line);
	return true;
}

static struct ledger *open_ledger(const struct fixture *f)
{
	struct err err = { "" };
	struct ledger *ledger;

	if (ledger_open(f->dir, &ledger, &err) < 0)
		fail_msg("%s", err.text);
	return ledger;
}

static void test_events_read_as_they_did(void **state)
{
	const struct ledger_query all = { .uid = UINT32_MAX, .limit = 100 };
	struct fixture *f = *state;
	struct verdict v = fixture_event(99);
	struct ledger_totals totals;
	struct ledger *ledger;
	int64_t seq;

	make_former(f);
	for (int open = 0; open < 2; open++) {
		struct reader r = { fopen(HERE "events.jsonl", "re"), buf_with_max(1 << 20), 1 };

		ledger = open_ledger(f);
		assert_int_equal(ledger_events(ledger, &all, compare, &r), 0);
		assert_int_equal(r.next, EVENTS + 1);
		assert_int_equal(ledger_cursor(ledger, "kafka", &seq), 0);
		assert_int_equal(seq, 7);
		assert_int_equal(ledger_totals(ledger, &totals), 0);
		assert_int_equal(totals.former, 0);
		assert_int_equal(totals.last_seq, EVENTS);
		ledger_close(ledger);
		fclose(r.want);
		buf_done(&r.json);
	}
	ledger = open_ledger(f);
	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(ledger_add(ledger, &v, &seq), 0);
	assert_int_equal(seq, EVENTS + 1);
	assert_int_equal(ledger_commit(ledger), 0);
	ledger_close(ledger);
}

static bool count_said(void *ctx, int64_t seq, const struct verdict *v)
{
	(void)seq;
	*(int *)ctx += v != NULL;
	return true;
}

/* What this program cannot say is kept as it was, counted at each start, and no number of it is
 * given again. */
static void test_what_cannot_be_said_is_kept_aside(void **state)
{
	const struct ledger_query all = { .uid = UINT32_MAX, .limit = 100 };
	struct fixture *f = *state;
	struct verdict v = fixture_event(99);
	struct ledger_totals totals;
	struct ledger *ledger;
	int64_t seq;
	int said;

	make_former(f);
	run_sql(f, "UPDATE event SET completeness = 'of_2030' WHERE seq IN (3, 12)");
	for (int open = 0; open < 2; open++) {
		said = 0;
		ledger = open_ledger(f);
		assert_int_equal(ledger_totals(ledger, &totals), 0);
		assert_int_equal(totals.former, 2);
		assert_int_equal(totals.last_seq, EVENTS);
		assert_int_equal(ledger_events(ledger, &all, count_said, &said), 0);
		assert_int_equal(said, EVENTS - 2);
		ledger_close(ledger);
	}
	ledger = open_ledger(f);
	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(ledger_add(ledger, &v, &seq), 0);
	assert_int_equal(seq, EVENTS + 1);
	assert_int_equal(ledger_commit(ledger), 0);
	ledger_close(ledger);
	run_sql(f, "UPDATE event_1 SET completeness = 'gap'");
	ledger = open_ledger(f);
	assert_int_equal(ledger_totals(ledger, &totals), 0);
	assert_int_equal(totals.former, 0);
	assert_int_equal(totals.events, EVENTS + 1);
	assert_int_equal(totals.last_seq, EVENTS + 1);
	ledger_close(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_events_read_as_they_did),
		TEST(test_what_cannot_be_said_is_kept_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
