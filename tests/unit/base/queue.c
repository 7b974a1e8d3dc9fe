/* The queue between two loops: alone, then between two real threads that sleep, with random sizes,
 * and a third one that asks for the depth. */
#include "base/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ITEM_MAX      512 /* bytes */
#define ITEMS         20000
#define ROUNDS        16
#define LOST_AFTER_MS 5000 /* a wake-up that takes so long was lost */

static bool is_readable(const struct queue *q)
{
	struct pollfd p = { .fd = queue_fd(q), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void test_order_and_backpressure(void **state)
{
	struct queue *q;
	int value;

	(void)state;
	assert_int_equal(queue_new(sizeof(int), 4, &q), 0);
	assert_false(queue_pop(q, &value));
	/* Many times round the ring. */
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 4; i++) {
			value = round * 10 + i;
			assert_int_equal(queue_room(q), 4 - i);
			assert_int_equal(queue_depth(q), i);
			assert_true(queue_push(q, &value));
		}
		value = 99;
		assert_int_equal(queue_room(q), 0);
		assert_false(queue_push(q, &value));
		for (int i = 0; i < 4; i++) {
			assert_true(queue_pop(q, &value));
			assert_int_equal(value, round * 10 + i);
		}
		assert_false(queue_pop(q, &value));
	}
	queue_free(q);
	queue_free(NULL);
}

static void test_capacity_is_a_power_of_two(void **state)
{
	static const size_t cases[][2] = { { 0, 2 }, { 1, 2 }, { 2, 2 }, { 3, 4 }, { 1000, 1024 } };
	struct queue *q = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(queue_new(1, cases[i][0], &q), 0);
		assert_int_equal(queue_room(q), cases[i][1]);
		queue_free(q);
	}
	q = NULL;
	assert_int_equal(queue_new(1, SIZE_MAX, &q), -ENOMEM);
	assert_int_equal(queue_new(SIZE_MAX, 2, &q), -ENOMEM);
	assert_int_equal(queue_new(SIZE_MAX / 2 - 8, 2, &q), -ENOMEM);
	assert_null(q);
}

static void test_wakes_only_a_sleeper(void **state)
{
	struct queue *q;
	int value = 1;

	(void)state;
	assert_int_equal(queue_new(sizeof(int), 8, &q), 0);
	assert_true(queue_push(q, &value));
	assert_false(is_readable(q));
	/* There is something: no sleep, and nobody is woken. */
	assert_false(queue_sleep(q));
	assert_true(queue_push(q, &value));
	assert_false(is_readable(q));
	assert_true(queue_pop(q, &value));
	assert_true(queue_pop(q, &value));
	assert_true(queue_sleep(q));
	assert_false(is_readable(q));
	assert_true(queue_push(q, &value));
	assert_true(is_readable(q));
	assert_true(queue_pop(q, &value));
	/* Sleeping again clears it. */
	assert_true(queue_sleep(q));
	assert_false(is_readable(q));
	queue_free(q);
}

static void test_several_wake_once(void **state)
{
	struct queue *q;
	int value = 1;

	(void)state;
	assert_int_equal(queue_new(sizeof(int), 8, &q), 0);
	assert_true(queue_sleep(q));
	queue_wake(q); /* for nothing */
	assert_true(queue_put(q, &value));
	assert_true(queue_put(q, &value));
	assert_false(is_readable(q));
	queue_wake(q);
	assert_true(is_readable(q));
	assert_true(queue_pop(q, &value));
	assert_true(queue_pop(q, &value));
	assert_true(queue_sleep(q));
	assert_false(is_readable(q));
	queue_free(q);
}

/* A consumer that was woken lets the rest wait. */
static void test_wakes_when_half_full(void **state)
{
	uint64_t writes;
	struct queue *q;
	int value = 1;

	(void)state;
	assert_int_equal(queue_new(sizeof(int), 8, &q), 0);
	assert_true(queue_sleep(q));
	for (int i = 0; i < 3; i++)
		assert_true(queue_push(q, &value));
	assert_int_equal(read(queue_fd(q), &writes, sizeof(writes)), sizeof(writes));
	assert_int_equal(writes, 1);
	assert_true(queue_push(q, &value));
	assert_true(is_readable(q));
	assert_true(queue_push(q, &value));
	assert_int_equal(read(queue_fd(q), &writes, sizeof(writes)), sizeof(writes));
	assert_int_equal(writes, 1);
	queue_free(q);
}

/* --- two threads */

struct run {
	struct queue *q;
	size_t item_bytes;
	size_t items;
	uint64_t seed; /* of the producer's pauses */
	_Atomic bool done;
	_Atomic size_t deepest;
};

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Item n is its number in the first bytes, and bytes made of it. */
static void make_item(unsigned char *item, size_t bytes, uint32_t n)
{
	memset(item, (int)(n * 31), bytes);
	memcpy(item, &n, sizeof(n) < bytes ? sizeof(n) : bytes);
}

static void *produce(void *ctx)
{
	struct run *run = ctx;
	unsigned char item[ITEM_MAX];

	for (uint32_t n = 0; n < run->items; n++) {
		make_item(item, run->item_bytes, n);
		while (!queue_push(run->q, item))
			sched_yield();
		/* Bursts and pauses, so that the consumer falls asleep now and then. */
		if (random_next(&run->seed) % 256 == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	}
	return NULL;
}

static void *watch(void *ctx)
{
	struct run *run = ctx;

	while (!atomic_load(&run->done)) {
		size_t depth = queue_depth(run->q);

		if (depth > atomic_load(&run->deepest))
			atomic_store(&run->deepest, depth);
		sched_yield();
	}
	return NULL;
}

static void pop_or_sleep(struct run *run, unsigned char *item)
{
	struct pollfd p = { .fd = queue_fd(run->q), .events = POLLIN };

	while (!queue_pop(run->q, item))
		if (queue_sleep(run->q) && poll(&p, 1, LOST_AFTER_MS) != 1)
			fail_msg("a wake-up was lost");
}

static void run_threads(size_t item_bytes, size_t capacity, uint64_t seed)
{
	struct run run = { .item_bytes = item_bytes, .items = ITEMS, .seed = seed };
	unsigned char item[ITEM_MAX], expected[ITEM_MAX];
	pthread_t producer, watcher;
	size_t room;

	assert_int_equal(queue_new(item_bytes, capacity, &run.q), 0);
	room = queue_room(run.q);
	assert_int_equal(pthread_create(&producer, NULL, produce, &run), 0);
	assert_int_equal(pthread_create(&watcher, NULL, watch, &run), 0);
	for (uint32_t n = 0; n < run.items; n++) {
		pop_or_sleep(&run, item);
		make_item(expected, item_bytes, n);
		assert_memory_equal(item, expected, item_bytes);
	}
	pthread_join(producer, NULL);
	atomic_store(&run.done, true);
	pthread_join(watcher, NULL);
	assert_false(queue_pop(run.q, item));
	assert_true(run.deepest <= room);
	queue_free(run.q);
}

static void test_two_threads(void **state)
{
	const char *given = getenv("SEED");
	uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) << 20 | 1;

	(void)state;
	print_message("SEED=%llu\n", (unsigned long long)seed);
	for (int round = 0; round < ROUNDS; round++) {
		size_t item_bytes = 1 + random_next(&seed) % ITEM_MAX;
		size_t capacity = round % 2 ? 1 + random_next(&seed) % 1000 : 2;

		run_threads(item_bytes, capacity, random_next(&seed));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_backpressure),
		cmocka_unit_test(test_capacity_is_a_power_of_two),
		cmocka_unit_test(test_wakes_only_a_sleeper),
		cmocka_unit_test(test_wakes_when_half_full),
		cmocka_unit_test(test_several_wake_once),
		cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
