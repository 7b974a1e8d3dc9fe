/* Names of users: the system's own, and how often it is asked. A name service that is slow is one
 * during which the clock runs on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pwd.h>
#include <string.h>

#include "base/users.h"

#define NOBODY 2147483000u /* of no passwd file */

/* Runs on by `step` each time it is read, and counts: two readings more are one more question. */
struct test_clock {
	struct clock clock;
	int64_t now, step;
	unsigned readings;
};

static int64_t never(const struct clock *clock)
{
	(void)clock;
	fail();
	return 0;
}

static int64_t now(const struct clock *clock)
{
	struct test_clock *test = (struct test_clock *)(uintptr_t)clock;

	test->readings++;
	test->now += test->step;
	return test->now;
}

static struct test_clock clock_of_test(void)
{
	return (struct test_clock){ .clock = { never, now }, .now = 1 };
}

static unsigned questions(struct users *users, struct test_clock *clock, uint32_t uid)
{
	unsigned before = clock->readings;
	char name[USERS_NAME_BYTES];

	users_name(users, uid, name);
	return clock->readings - before - 1;
}

static void test_names(void **state)
{
	struct test_clock clock = clock_of_test();
	struct users *users = users_new(&clock.clock);
	char name[USERS_NAME_BYTES];

	(void)state;
	assert_non_null(users);
	users_name(users, 0, name);
	assert_string_equal(name, "root");
	users_name(users, getpwnam("nobody")->pw_uid, name);
	assert_string_equal(name, "nobody");
	users_name(users, NOBODY, name);
	assert_string_equal(name, "2147483000");
	users_free(users);
	users_free(NULL);
}

static void test_kept_for_a_while(void **state)
{
	struct test_clock clock = clock_of_test();
	struct users *users = users_new(&clock.clock);

	(void)state;
	assert_int_equal(questions(users, &clock, 0), 1);
	assert_int_equal(questions(users, &clock, 0), 0);
	assert_int_equal(questions(users, &clock, NOBODY), 1);
	assert_int_equal(questions(users, &clock, NOBODY), 0);
	clock.now += USERS_KEEP_NS - 1;
	assert_int_equal(questions(users, &clock, 0), 0);
	clock.now += 1;
	assert_int_equal(questions(users, &clock, 0), 1);
	/* Two that share a place put each other out, and are not mixed up. */
	for (int i = 0; i < 2; i++) {
		char name[USERS_NAME_BYTES];

		assert_int_equal(questions(users, &clock, USERS_MAX), 1);
		users_name(users, 0, name);
		assert_string_equal(name, "root");
	}
	users_free(users);
}

static void test_slow_service(void **state)
{
	struct test_clock clock = clock_of_test();
	struct users *users = users_new(&clock.clock);
	char name[USERS_NAME_BYTES];

	(void)state;
	clock.step = USERS_SLOW_NS + 1;
	assert_int_equal(questions(users, &clock, NOBODY), 1);
	clock.step = 0;
	assert_int_equal(questions(users, &clock, 0), 0);
	users_name(users, 0, name);
	assert_string_equal(name, "0");
	clock.now += USERS_PAUSE_NS;
	assert_int_equal(questions(users, &clock, 0), 1);
	users_name(users, 0, name);
	assert_string_equal(name, "root");
	/* An old name is better than none. */
	clock.now += USERS_KEEP_NS;
	clock.step = USERS_SLOW_NS + 1;
	assert_int_equal(questions(users, &clock, NOBODY), 1);
	clock.step = 0;
	assert_int_equal(questions(users, &clock, 0), 0);
	users_name(users, 0, name);
	assert_string_equal(name, "root");
	users_free(users);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_kept_for_a_while),
		cmocka_unit_test(test_slow_service),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
