/* The ledger loop on a real ledger: how long a task waits for others before it is durable, and what
 * does not let it wait. */
#include "agent/ledger_loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include "../ledger/fixture.h"
#include "base/clock.h"

#define CAPACITY 64
#define SOON_MS  (LEDGER_HOLD_MS / 2)
#define TICK_MS  10 /* of the kernel's coarse clock, by which timers go: it may be behind by one */
#define LATE_MS  5000
#define TRIES    20 /* on a busy machine one of them is in time */

struct rig {
	struct queue *tasks, *queries, *pages;
	struct ledger_loop *loop;
	int64_t n; /* events pushed */
};

static int64_t now_ms(void)
{
	return clock_system.monotonic_ns(&clock_system) / 1000000;
}

static struct rig open_rig(const struct fixture *f)
{
	struct rig r = { 0 };
	struct ledger_loop_options options = { .host_id = "id", .host_name = "name" };
	struct err err = { "" };

	assert_int_equal(queue_new(sizeof(struct ledger_task), CAPACITY, &r.tasks), 0);
	assert_int_equal(queue_new(sizeof(struct ledger_ask), 2, &r.queries), 0);
	assert_int_equal(queue_new(sizeof(struct ledger_page), 2, &r.pages), 0);
	options.tasks = r.tasks;
	options.queries = r.queries;
	options.pages = r.pages;
	options.keep_ns = INT64_MAX / 2;
	assert_int_equal(ledger_open(f->dir, &options.ledger, &err), 0);
	assert_int_equal(ledger_loop_new(&options, &r.loop, &err), 0);
	assert_int_equal(ledger_loop_start(r.loop, &err), 0);
	poll(NULL, 0, SOON_MS); /* it sleeps */
	return r;
}

static void close_rig(struct rig *r)
{
	ledger_loop_stop(r->loop);
	ledger_loop_free(r->loop);
	queue_free(r->tasks);
	queue_free(r->queries);
	queue_free(r->pages);
}

static void push(struct rig *r, int n)
{
	static struct ledger_task task = { .kind = TASK_VERDICT };

	while (n--) {
		task.verdict = fixture_event(++r->n);
		assert_true(queue_push(r->tasks, &task));
	}
}

static uint64_t transactions(const struct rig *r)
{
	return counter_read(&ledger_loop_counters(r->loop)->transactions);
}

/* Until all that was pushed is durable -> milliseconds. */
static int64_t wait_stored(const struct rig *r)
{
	int64_t start = now_ms();

	while (counter_read(&ledger_loop_counters(r->loop)->events) < (uint64_t)r->n) {
		assert_true(now_ms() < start + LATE_MS);
		poll(NULL, 0, 1);
	}
	return now_ms() - start;
}

static void test_one_transaction_for_what_comes_together(void **state)
{
	struct rig r = open_rig(*state);
	int64_t start = now_ms();

	push(&r, 1);
	poll(NULL, 0, SOON_MS / 2);
	push(&r, 9);
	if (now_ms() < start + SOON_MS)
		assert_int_equal(transactions(&r), 0);
	wait_stored(&r);
	assert_true(now_ms() >= start + LEDGER_HOLD_MS - TICK_MS);
	assert_int_equal(transactions(&r), 1);
	/* The next one waits as the first did. */
	start = now_ms();
	push(&r, 1);
	wait_stored(&r);
	assert_true(now_ms() >= start + LEDGER_HOLD_MS - TICK_MS);
	close_rig(&r);
}

static void test_many_do_not_wait(void **state)
{
	struct rig r = open_rig(*state);
	int64_t least = INT64_MAX, took;

	for (int i = 0; i < TRIES && least > SOON_MS; i++) {
		push(&r, CAPACITY / 2);
		took = wait_stored(&r);
		least = took < least ? took : least;
	}
	assert_true(least <= SOON_MS);
	close_rig(&r);
}

static void test_a_question_does_not_wait_and_sees_all(void **state)
{
	struct rig r = open_rig(*state);
	struct ledger_ask ask = { .ticket = 7, .query = { .uid = UINT32_MAX, .limit = 1000 } };
	int64_t least = INT64_MAX, start;
	struct ledger_page page;

	for (int i = 0; i < TRIES && least > SOON_MS; i++) {
		push(&r, 1);
		start = now_ms();
		assert_true(queue_push(r.queries, &ask));
		while (!queue_pop(r.pages, &page)) {
			assert_true(now_ms() < start + LATE_MS);
			poll(NULL, 0, 1);
		}
		assert_int_equal(page.ticket, 7);
		assert_int_equal(page.last_seq, r.n);
		assert_false(page.failed);
		free(page.lines);
		least = now_ms() - start < least ? now_ms() - start : least;
	}
	assert_true(least <= SOON_MS);
	close_rig(&r);
}

static void test_the_end_keeps_all(void **state)
{
	const struct fixture *f = *state;
	struct ledger_totals totals;
	struct ledger *ledger;
	struct err err = { "" };
	struct rig r = open_rig(f);

	push(&r, 3);
	close_rig(&r);
	assert_int_equal(ledger_open(f->dir, &ledger, &err), 0);
	assert_int_equal(ledger_totals(ledger, &totals), 0);
	assert_int_equal(totals.events, 3);
	ledger_close(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_one_transaction_for_what_comes_together),
		TEST(test_many_do_not_wait),
		TEST(test_a_question_does_not_wait_and_sees_all),
		TEST(test_the_end_keeps_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
