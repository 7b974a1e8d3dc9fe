/* The canary's two ends: what the capture loop takes for its call, and the call itself, by the
 * system's libssl. Rounds and the alarm are in tests/e2e/test_canary.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/canary.h"

static void take(struct canary_watch *watch, enum direction direction, uint64_t number, size_t n)
{
	struct chunk chunk = { .data = { (const char *)&number, n }, .direction = direction };

	canary_take(watch, &chunk);
}

static void test_take(void **state)
{
	struct canary_watch watch = { .round = 0xabcdef };

	(void)state;
	take(&watch, DIRECTION_SENT, 0xabcdef02, 8);
	assert_int_equal(watch.seen[DIRECTION_SENT], 1 << 2);
	assert_int_equal(watch.seen[DIRECTION_RECEIVED], 0);
	take(&watch, DIRECTION_RECEIVED, 0xabcdef00, 8);
	assert_int_equal(watch.seen[DIRECTION_RECEIVED], 1);
	/* Of another round, or no number at all. */
	take(&watch, DIRECTION_SENT, 0xabcdee05, 8);
	take(&watch, DIRECTION_SENT, 0xabcdef05, 7);
	assert_int_equal(watch.seen[DIRECTION_SENT], 1 << 2);
}

static void test_owns(void **state)
{
	struct connection conn = { .server = CANARY_HOST };

	(void)state;
	assert_true(canary_owns(&conn));
	conn.server = "b" CANARY_HOST;
	assert_false(canary_owns(&conn));
}

/* In a child: it gives up its rights for good. */
static int exit_of_call(const char *path, const char *number)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		if (number)
			setenv(CANARY_ENVIRONMENT, number, 1);
		else
			unsetenv(CANARY_ENVIRONMENT);
		_exit(canary_call(path));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_call(void **state)
{
	(void)state;
	assert_int_equal(exit_of_call("libssl.so.3", "18446744073709551615"), 0);
	assert_int_equal(exit_of_call("libssl.so.3", NULL), 1);
	assert_int_equal(exit_of_call("libssl.so.3", "x"), 1);
	assert_int_equal(exit_of_call("/nowhere/libssl.so.3", "1"), 1);
	/* A library that has no such functions. */
	assert_int_equal(exit_of_call("libz.so.1", "1"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_owns),
		cmocka_unit_test(test_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
