/* The clock of the machine tells what time(2) tells. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

static void test_system_clock(void **state)
{
	int64_t wall_ns = clock_system.now_ns(&clock_system);
	int64_t start_ns = clock_system.monotonic_ns(&clock_system);

	(void)state;
	assert_true(llabs(wall_ns / NS_PER_SEC - (int64_t)time(NULL)) <= 1);
	assert_true(clock_system.monotonic_ns(&clock_system) >= start_ns);
	assert_true(start_ns > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_system_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
