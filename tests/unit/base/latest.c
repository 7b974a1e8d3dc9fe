/* The newest value, whole: one thread makes them as fast as it can, another looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "base/latest.h"

#define WORDS  100
#define VALUES 200000

static void make(struct latest *latest, uint64_t value)
{
	uint64_t *words = latest_draft(latest);

	for (int i = 0; i < WORDS; i++)
		words[i] = value;
	latest_publish(latest);
}

static uint64_t look(struct latest *latest)
{
	const uint64_t *words = latest_read(latest);

	for (int i = 1; i < WORDS; i++)
		assert_int_equal(words[i], words[0]);
	return words[0];
}

static void test_the_newest_is_read(void **state)
{
	struct latest *latest = NULL;

	(void)state;
	assert_int_equal(latest_new(WORDS * sizeof(uint64_t), &latest), 0);
	assert_int_equal(look(latest), 0);
	make(latest, 1);
	make(latest, 2);
	make(latest, 3);
	assert_int_equal(look(latest), 3);
	assert_int_equal(look(latest), 3); /* nothing new: the same again, not an older one */
	make(latest, 4);
	assert_int_equal(look(latest), 4);
	latest_free(latest);
}

static void *make_all(void *latest)
{
	for (uint64_t value = 1; value <= VALUES; value++)
		make(latest, value);
	return NULL;
}

static void test_never_torn_never_older(void **state)
{
	struct latest *latest = NULL;
	pthread_t maker;
	uint64_t seen = 0;

	(void)state;
	assert_int_equal(latest_new(WORDS * sizeof(uint64_t), &latest), 0);
	assert_int_equal(pthread_create(&maker, NULL, make_all, latest), 0);
	while (seen < VALUES) {
		uint64_t now = look(latest);

		assert_true(now >= seen);
		seen = now;
	}
	pthread_join(maker, NULL);
	latest_free(latest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_newest_is_read),
		cmocka_unit_test(test_never_torn_never_older),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
