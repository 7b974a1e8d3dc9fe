/* price/charge: every enum has its word, and each word is one reason. */
#include "price/charge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_sources(void **state)
{
	(void)state;
	assert_string_equal(charge_source_name(COST_PROVIDER), "provider");
	assert_string_equal(charge_source_name(COST_CATALOG), "catalog");
	assert_string_equal(charge_source_name(COST_ESTIMATED), "estimated");
	assert_string_equal(charge_source_name(COST_UNPRICED), "unpriced");
}

static void test_reasons(void **state)
{
	const char *seen[32];
	unsigned n = 0;

	(void)state;
	for (int d = PRICE_DOUBT_USAGE; d <= PRICE_DOUBT_OVERFLOW; d++)
		for (int u = 1; u <= (d == PRICE_DOUBT_USAGE ? USAGE_DOUBT_NO_ANSWER : 1); u++) {
			struct charge charge = { .source = COST_UNPRICED,
						 .doubt = (enum price_doubt)d };

			charge.usage.doubt = (enum usage_doubt)u;
			seen[n] = charge_doubt_name(&charge);
			assert_non_null(seen[n]);
			for (unsigned i = 0; i < n; i++)
				assert_string_not_equal(seen[i], seen[n]);
			n++;
		}
	assert_int_equal(n, USAGE_DOUBT_NO_ANSWER + PRICE_DOUBT_OVERFLOW - PRICE_DOUBT_USAGE);
}

static void test_priced_has_no_reason(void **state)
{
	struct charge charge = { .source = COST_CATALOG, .doubt = PRICE_DOUBT_NO_RATE };

	(void)state;
	assert_null(charge_doubt_name(&charge));
	charge.source = COST_PROVIDER;
	assert_null(charge_doubt_name(&charge));
}

/* Pricing by input length takes the buckets before `output` for the input ones. */
static void test_input_buckets_come_first(void **state)
{
	(void)state;
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		const char *name = usage_bucket_name((enum usage_bucket)i);

		assert_int_equal(strncmp(name, "input", 5) == 0, i < USAGE_OUTPUT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_priced_has_no_reason),
		cmocka_unit_test(test_input_buckets_come_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
