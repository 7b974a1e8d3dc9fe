/* meter/usage: the names are what provider files, catalogs and events share. */
#include "meter/usage.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void names_go_both_ways(void **state)
{
	enum usage_bucket bucket;

	(void)state;
	assert_string_equal(usage_bucket_name(USAGE_INPUT_CACHE_READ), "input_cache_read");
	assert_string_equal(usage_bucket_name(USAGE_OUTPUT), "output");
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		assert_int_equal(usage_bucket_find(span_of(usage_bucket_name(i)), &bucket), 0);
		assert_int_equal(bucket, i);
	}
}

static void refuses_other_names(void **state)
{
	static const char *const others[] = { "", "Input", "inpu", "inputs", "tokens" };
	enum usage_bucket bucket = USAGE_BUCKET_MAX;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_int_equal(usage_bucket_find(span_of(others[i]), &bucket), -ENOENT);
	assert_int_equal(bucket, USAGE_BUCKET_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(refuses_other_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
