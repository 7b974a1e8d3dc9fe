/* Old calls leave at the front, and the rows that only they named. */
#include "ledger/retain.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "ledger/statement.h"

static struct ledger *fill(const struct fixture *f, int64_t n)
{
	struct err err = { "" };
	struct ledger *ledger;

	assert_int_equal(fixture_fill(f, n), 0);
	assert_int_equal(ledger_open(f->dir, &ledger, &err), 0);
	return ledger;
}

/* Event n ends at 1764000000.5 s + n. */
static int64_t end_of(int64_t n)
{
	return 1764000000500000000 + n * 1000000000;
}

static int64_t dropped_of(struct ledger *ledger, int64_t before_ns, int64_t acked)
{
	int64_t dropped = -1;

	assert_int_equal(retain_drop(ledger, before_ns, acked, &dropped), 0);
	return dropped;
}

static int64_t events_of(struct ledger *ledger)
{
	struct ledger_totals totals;

	assert_int_equal(ledger_totals(ledger, &totals), 0);
	return totals.events;
}

static void test_the_old_and_acknowledged_leave(void **state)
{
	struct ledger *ledger = fill(*state, 20);

	assert_int_equal(dropped_of(ledger, end_of(1), 20), 0);
	assert_int_equal(dropped_of(ledger, end_of(6), 20), 5);
	assert_int_equal(dropped_of(ledger, end_of(6), 20), 0);
	assert_int_equal(dropped_of(ledger, end_of(15), 8), 3); /* a sink is behind */
	assert_int_equal(dropped_of(ledger, end_of(15), 0), 0);
	assert_int_equal(events_of(ledger), 12);
	/* The newest stays, so that numbers go on. */
	assert_int_equal(dropped_of(ledger, end_of(99), 20), 11);
	assert_int_equal(dropped_of(ledger, end_of(99), 20), 0);
	assert_int_equal(events_of(ledger), 1);
	ledger_close(ledger);
}

static void test_in_slices(void **state)
{
	struct ledger *ledger = fill(*state, RETAIN_SLICE + 100);

	assert_int_equal(dropped_of(ledger, INT64_MAX, INT64_MAX), RETAIN_SLICE);
	assert_int_equal(dropped_of(ledger, INT64_MAX, INT64_MAX), 99);
	ledger_close(ledger);
}

static void keep_touch(void *ctx, const struct budget_touch *touch)
{
	*(struct budget_touch *)ctx = *touch;
}

static void test_totals_of_budgets_stay(void **state)
{
	struct ledger *ledger = fill(*state, 20);
	struct budget_touch touch = { .name = "team", .spent = 123 }, read = { .name = "" };

	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(ledger_touch(ledger, &touch), 0);
	assert_int_equal(ledger_commit(ledger), 0);
	assert_int_equal(dropped_of(ledger, INT64_MAX, INT64_MAX), 19);
	assert_int_equal(ledger_touches(ledger, keep_touch, &read), 0);
	assert_string_equal(read.name, "team");
	assert_true(read.spent == 123);
	ledger_close(ledger);
}

static int64_t count(struct ledger *ledger, const char *sql)
{
	sqlite3_stmt *stmt;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(ledger->db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

/* Two calls of one caller and service, so many numbers apart: what is named is never dropped, what
 * is not goes. */
static void test_shared_rows_leave_after_their_calls(void **state)
{
	struct fixture *f = *state;
	struct ledger *ledger = fill(f, 2);
	struct verdict v = fixture_event(3);
	int64_t seq;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(ledger_begin(ledger), 0);
		v.charge.usage.event_id.bytes[8] = (uint8_t)i;
		assert_int_equal(ledger_add(ledger, &v, &seq), 0);
		assert_int_equal(ledger_commit(ledger), 0);
		assert_int_equal(count(ledger, "SELECT count(*) FROM caller"), i < 2 ? 3 : 4);
		/* As if many calls had come in between: 3, then the last that may name 3's rows,
		 * then the first that may not. */
		ledger->last_seq += i == 0 ? SHARED_CALLS - 2 : 0;
		ledger->committed_seq = ledger->last_seq;
	}
	assert_int_equal(seq, 3 + SHARED_CALLS);
	assert_int_equal(count(ledger, "SELECT caller FROM call WHERE seq = 1048578"), 3);
	assert_int_equal(count(ledger, "SELECT caller FROM call WHERE seq = 1048579"), 1048579);
	assert_int_equal(dropped_of(ledger, INT64_MAX, SHARED_CALLS + 1), 3);
	assert_int_equal(count(ledger, "SELECT min(caller) FROM caller"), 3);
	assert_int_equal(dropped_of(ledger, INT64_MAX, INT64_MAX), 1);
	assert_int_equal(count(ledger, "SELECT min(caller) FROM caller"), 1048579);
	assert_int_equal(count(ledger, "SELECT count(*) FROM service"), 1);
	ledger_close(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_the_old_and_acknowledged_leave),
		TEST(test_in_slices),
		TEST(test_totals_of_budgets_stay),
		TEST(test_shared_rows_leave_after_their_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
