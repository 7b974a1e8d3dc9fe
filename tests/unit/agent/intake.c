/* When a loop looks at its queues, and when a producer is asked to wake it. The loop turns here, in
 * the thread of the test, as often as something is to be done at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <unistd.h>

#include "agent/intake.h"

#define ITEMS 8

struct world {
	struct loop loop;
	struct queue *queue;
	struct intake intake;
	unsigned taken, room; /* what `take` may take */
};

static void take(void *ctx)
{
	struct world *w = ctx;
	int item;

	for (; w->room && queue_pop(w->queue, &item); w->room--)
		w->taken++;
}

static void turn(struct world *w)
{
	event_base_loop(w->loop.base, EVLOOP_NONBLOCK);
}

static void push(struct world *w, int n)
{
	for (int item = 0; item < n; item++)
		assert_true(queue_push(w->queue, &item));
}

/* Whether the last push has rung. */
static bool is_rung(const struct world *w)
{
	struct pollfd fd = { .fd = queue_fd(w->queue), .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static int open_world(void **state)
{
	static struct world w;
	struct err err = { "" };

	w = (struct world){ .room = 1000 };
	assert_int_equal(queue_new(sizeof(int), ITEMS, &w.queue), 0);
	assert_int_equal(loop_init(&w.loop, "test", &err), 0);
	assert_int_equal(intake_init(&w.intake, &w.loop, w.queue, take, &w), 0);
	*state = &w;
	return 0;
}

static int close_world(void **state)
{
	struct world *w = *state;

	intake_done(&w->intake);
	loop_done(&w->loop);
	queue_free(w->queue);
	return 0;
}

static void test_each_item_wakes(void **state)
{
	struct world *w = *state;

	push(w, 1); /* it may be there before the loop runs */
	turn(w);
	assert_int_equal(w->taken, 1);
	push(w, 1);
	assert_true(is_rung(w));
	turn(w);
	assert_int_equal(w->taken, 2);
	assert_false(is_rung(w));
}

static void test_what_is_left_is_looked_at_again(void **state)
{
	struct world *w = *state;

	turn(w);
	w->room = 1;
	push(w, 2);
	turn(w);
	assert_int_equal(w->taken, 1);
	assert_true(event_pending(w->intake.retry, EV_TIMEOUT, NULL));
	w->room = 1;
	event_base_loop(w->loop.base, EVLOOP_ONCE);
	assert_int_equal(w->taken, 2);
	assert_false(event_pending(w->intake.retry, EV_TIMEOUT, NULL));
}

/* While items come the loop looks by itself: one ring for all of them. */
static void test_hold(void **state)
{
	struct world *w = *state;

	turn(w);
	w->intake.hold = (struct timeval){ .tv_usec = 20000 };
	push(w, 1);
	assert_true(is_rung(w));
	turn(w);
	assert_int_equal(w->taken, 0);
	event_base_loop(w->loop.base, EVLOOP_ONCE);
	assert_int_equal(w->taken, 1);
	for (unsigned i = 2; i < 5; i++) {
		uint64_t rung;

		assert_int_equal(read(queue_fd(w->queue), &rung, sizeof(rung)), i == 2 ? 8 : -1);
		push(w, 1);
		assert_false(is_rung(w));
		event_base_loop(w->loop.base, EVLOOP_ONCE);
		assert_int_equal(w->taken, i);
	}
	/* Half full is too many to wait. */
	push(w, ITEMS / 2);
	assert_true(is_rung(w));
	turn(w);
	assert_int_equal(w->taken, 4 + ITEMS / 2);
	/* It sleeps when nothing has come for as long. */
	event_base_loop(w->loop.base, EVLOOP_ONCE);
	assert_false(event_pending(w->intake.retry, EV_TIMEOUT, NULL));
	push(w, 1);
	assert_true(is_rung(w));
}

static void test_lazy(void **state)
{
	struct world *w = *state;

	intake_set_lazy(&w->intake, true);
	turn(w);
	push(w, ITEMS / 2 - 1);
	assert_false(is_rung(w));
	turn(w);
	assert_int_equal(w->taken, 0);
	push(w, 1);
	assert_true(is_rung(w));
	turn(w);
	assert_int_equal(w->taken, ITEMS / 2);
	/* From here on it is told of each, and of what waits. */
	push(w, 1);
	intake_set_lazy(&w->intake, false);
	assert_int_equal(w->taken, ITEMS / 2 + 1);
	push(w, 1);
	turn(w);
	assert_int_equal(w->taken, ITEMS / 2 + 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_item_wakes),
		TEST(test_what_is_left_is_looked_at_again),
		TEST(test_hold),
		TEST(test_lazy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
