/* The most of a call, by the shipped price of claude-sonnet-4-5: USD a million: input 3, written
 * for five minutes 3.75, for an hour 6, output 15 (Anthropic's price list). */
#include "price/ceiling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timestamp.h"

static struct usage asked(const char *provider, const char *model)
{
	struct usage usage = { .request_bytes = 1000 };

	span_copy(span_of(provider), usage.provider, sizeof(usage.provider));
	span_copy(span_of(model), usage.model_requested, sizeof(usage.model_requested));
	assert_int_equal(timestamp_parse(SPAN("2026-11-25T12:00:00Z"), &usage.time_start_ns), 0);
	usage.time_end_ns = usage.time_start_ns;
	return usage;
}

static void test_ceiling(void **state)
{
	struct usage claude = asked("anthropic", "claude-sonnet-4-5"),
		     none = asked("openai", "nope");
	struct catalog *catalog;
	struct err err = { "" };
	int64_t most;

	(void)state;
	assert_int_equal(catalog_load("config/prices", &catalog, &err), 0);
	assert_true(ceiling_find(catalog, &claude, 200, &most));
	/* 1000 x 6 + 200 x 15 microdollars */
	assert_int_equal(most, 9000 * (int64_t)1000000);
	assert_false(ceiling_find(catalog, &claude, -1, &most));
	assert_false(ceiling_find(catalog, &none, 200, &most));
	none.free = true;
	assert_true(ceiling_find(catalog, &none, -1, &most));
	assert_int_equal(most, 0);
	catalog_unref(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ceiling) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
