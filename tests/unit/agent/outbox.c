/* An outbox over a real ledger, into a sink that keeps what it is given: what this program cannot
 * say is passed over, and the cursor goes past it. */
#include "agent/outbox.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../ledger/fixture.h"
#include "ledger/journal.h"
#include "ledger/statement.h"

#define EVENTS 600 /* more than two reads of the outbox */

struct sink {
	int64_t seqs[EVENTS];
	unsigned n;
	int64_t acked_seq, dead_seq; /* as the test sets them */
	bool resubmit;
};

static struct sink shelf;

static unsigned shelf_wanted(const struct sink_config *config)
{
	(void)config;
	return 1;
}

static int shelf_open(const struct sink_config *config, unsigned index, struct sink **ret_sink,
		      struct err *err)
{
	(void)config;
	(void)index;
	(void)err;
	shelf = (struct sink){ 0 };
	*ret_sink = &shelf;
	return 0;
}

static void shelf_close(struct sink *s)
{
	(void)s;
}

static bool shelf_submit(struct sink *s, const struct sink_event *event)
{
	if (s->n == EVENTS)
		return false;
	s->seqs[s->n++] = event->seq;
	return true;
}

static void shelf_poll(struct sink *s, int64_t *ret_acked_seq, bool *ret_resubmit)
{
	if (s->acked_seq > *ret_acked_seq)
		*ret_acked_seq = s->acked_seq;
	*ret_resubmit = s->resubmit;
	s->resubmit = false;
}

static const struct sink_kind shelf_kind = {
	.name = "shelf",
	.wanted = shelf_wanted,
	.open = shelf_open,
	.close = shelf_close,
	.submit = shelf_submit,
	.poll = shelf_poll,
};

/* EVENTS rows; those that `where` names hold an enum of a later release. */
static struct outbox open_outbox(const struct fixture *f, const char *where)
{
	struct sink_config config = { .host_id = "host" };
	struct outbox o = { 0 };
	struct ledger *ledger;
	struct err err = { "" };
	char sql[160];
	sqlite3 *db;

	assert_int_equal(fixture_fill(f, EVENTS), 0);
	snprintf(sql, sizeof(sql), "UPDATE service SET completeness = 'of_2030' WHERE %s", where);
	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(ledger_open(f->dir, &ledger, &err), 0);
	assert_int_equal(outbox_open(&o, &shelf_kind, 0, &config, ledger, "name", &err), 0);
	return o;
}

static void close_outbox(struct outbox *o)
{
	struct ledger *ledger = o->ledger;

	outbox_close(o);
	ledger_close(ledger);
}

/* More of them in a row than are read at once. */
static void test_what_cannot_be_said_does_not_stop(void **state)
{
	struct outbox o = open_outbox(*state, "service BETWEEN 2 AND 400");

	outbox_pump(&o);
	assert_int_equal(shelf.n, EVENTS - 399);
	assert_int_equal(shelf.seqs[0], 1);
	assert_int_equal(shelf.seqs[1], 401);
	assert_int_equal(counter_read(&o.unsaid), 399);
	assert_int_equal(o.acked_seq, 0);
	/* A failure: what is offered again is not counted again. */
	shelf.acked_seq = 1;
	shelf.resubmit = true;
	outbox_pump(&o);
	assert_int_equal(counter_read(&o.unsaid), 399);
	assert_int_equal(shelf.seqs[EVENTS - 399], 401);
	close_outbox(&o);
}

static void test_the_cursor_goes_past_it(void **state)
{
	struct outbox o = open_outbox(*state, "service > 598");
	int64_t cursor = 0;

	outbox_pump(&o);
	shelf.acked_seq = 597;
	outbox_pump(&o);
	assert_int_equal(o.acked_seq, 597);
	shelf.acked_seq = 598;
	outbox_pump(&o);
	assert_int_equal(o.acked_seq, EVENTS);
	assert_int_equal(ledger_begin(o.ledger), 0);
	assert_int_equal(outbox_store(&o), 0);
	assert_int_equal(ledger_commit(o.ledger), 0);
	outbox_stored(&o);
	assert_int_equal(ledger_cursor(o.ledger, "shelf", &cursor), 0);
	assert_int_equal(cursor, EVENTS);
	close_outbox(&o);
}

/* --- alerts */

static bool shelf_dead(struct sink *s, int64_t *ret_seq, const char **ret_why)
{
	*ret_seq = s->dead_seq;
	*ret_why = "exit status 65";
	s->dead_seq = 0;
	return *ret_seq != 0;
}

static const char *shelf_label(const struct sink *s)
{
	(void)s;
	return "ops";
}

static void add_alerts(struct ledger *ledger, unsigned first, unsigned last)
{
	assert_int_equal(ledger_begin(ledger), 0);
	for (unsigned i = first; i <= last; i++) {
		struct alert alert = { .event_id.bytes = { (uint8_t)i }, .kind = ALERT_CANARY };

		assert_int_equal(journal_add_alert(ledger, &alert), 0);
	}
	assert_int_equal(ledger_commit(ledger), 0);
}

static void store(struct outbox *o)
{
	assert_int_equal(ledger_begin(o->ledger), 0);
	assert_int_equal(outbox_store(o), 0);
	assert_int_equal(ledger_commit(o->ledger), 0);
	outbox_stored(o);
}

/* A hook that is new to a ledger with alerts is not told of them, nor after a restart before its
 * first one; what it gives up is noted. */
static void test_alerts(void **state)
{
	struct sink_config config = { .host_id = "host" };
	struct sink_kind alerts_kind = shelf_kind;
	struct fixture *f = *state;
	struct outbox o = { 0 };
	struct ledger *ledger;
	struct err err = { "" };
	sqlite3_stmt *stmt;

	alerts_kind.stream = SINK_ALERTS;
	alerts_kind.from_now = true;
	alerts_kind.dead = shelf_dead;
	alerts_kind.label = shelf_label;
	assert_int_equal(ledger_open(f->dir, &ledger, &err), 0);
	add_alerts(ledger, 1, 3);
	assert_int_equal(outbox_open(&o, &alerts_kind, 0, &config, ledger, "name", &err), 0);
	assert_string_equal(o.name, "shelf.ops");
	outbox_pump(&o);
	assert_int_equal(shelf.n, 0);
	assert_true(outbox_moved(&o));
	store(&o);
	add_alerts(ledger, 4, 5);
	outbox_close(&o);
	assert_int_equal(outbox_open(&o, &alerts_kind, 0, &config, ledger, "name", &err), 0);
	outbox_pump(&o);
	assert_int_equal(shelf.n, 2);
	assert_int_equal(shelf.seqs[0], 4);
	shelf.acked_seq = 4;
	shelf.dead_seq = 4;
	outbox_pump(&o);
	store(&o);
	assert_int_equal(sqlite3_prepare_v2(ledger->db,
					    "SELECT sink || ' ' || seq || ' ' || reason FROM "
					    "dead_letter",
					    -1, &stmt, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0),
			    "shelf.ops 4 exit status 65");
	assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
	sqlite3_finalize(stmt);
	close_outbox(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_what_cannot_be_said_does_not_stop),
		TEST(test_the_cursor_goes_past_it),
		TEST(test_alerts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
