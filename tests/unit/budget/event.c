/* budget/event: reading custom values back. Round trips of whole events are in verdict.c; here is
 * what readers refuse, and that a refusal changes nothing. */
#include "budget/event.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "budget/origin.h"
#include "tests/unit/budget/random.h"

static const struct verdict_field *field_of(const char *name)
{
	for (unsigned i = 0; i < verdict_n_fields; i++)
		if (strcmp(verdict_fields[i].name, name) == 0)
			return &verdict_fields[i];
	fail_msg("no field %s", name);
	return NULL;
}

static void test_refused(void **state)
{
	static const struct {
		const char *field, *json;
	} cases[] = {
		{ "labels", "" },
		{ "labels", "[]" },
		{ "labels", "{\"a\":1}" },
		{ "labels", "{\"a\":\"1\"} x" },
		{ "labels", "{\"a\":\"1\",\"a\":\"2\"}" },
		{ "usage", "[]" },
		{ "usage", "{\"input\":\"1\"}" },
		{ "usage", "{\"input\":1.5}" },
		{ "usage", "{\"input\":9223372036854775808}" },
		{ "usage", "{\"no_such_bucket\":1}" },
		{ "rates", "{\"input\":1}" },
		{ "rates", "{\"input\":\"1e-6\"}" },
		{ "rates", "{\"input\":\"0.0000000000000000000000001\"}" },
		{ "rates", "{\"no_such_bucket\":\"1\"}" },
		{ "cost_usd", "" },
		{ "cost_usd", "1.5" },
		{ "cost_usd", "\"\"" },
		{ "cost_usd", "\"1.5" },
		{ "cost_usd", "\"0.0000000000001\"" },
		{ "cost_usd", "\"9223372.036854775808\"" },
		{ "unpriced_reason", "\"\"" },
		{ "unpriced_reason", "\"no_such_reason\"" },
		{ "unpriced_reason", "no_usage" },
		{ "ttfb_ms", "" },
		{ "ttfb_ms", "-1.000" },
		{ "ttfb_ms", "1e3" },
		{ "ttfb_ms", "\"1.000\"" },
		{ "limits", "[]" },
		{ "limits", "{\"a\":1}" },
		{ "limits", "{\"a\":{\"limit\":-1}}" },
		{ "limits", "{\"a\":{\"remaining\":\"1\"}}" },
		{ "limits", "{\"a\":{\"resets\":1}}" },
		{ "limits", "{\"a\":{\"resets\":\"soon\"}}" },
		{ "limits", "{\"a\":{},\"b\":{},\"c\":{},\"d\":{},\"e\":{},\"f\":{},\"g\":{}}" },
		{ "limits", "{\"a_name_of_twenty_four_by\":{}}" },
		{ "budgets", "{}" },
		{ "budgets", "[1]" },
		{ "budgets", "[{}]" },
		{ "budgets", "[{\"name\":\"a\",\"window_start\":\"today\",\"spent_usd\":\"1\"}]" },
		{ "budgets", "[{\"name\":\"a\",\"window_start\":\"2026-11-01\",\"spent_usd\":1}]" },
		{ "budgets", "[{\"name\":\"0123456789012345678901234567890123456789012345678\","
			     "\"window_start\":\"2026-11-01\",\"spent_usd\":\"1\"}]" },
		{ "budgets", "[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]" },
		{ "budget_cost_usd", "true" },
	};
	struct random random = random_start("event");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct verdict v, before;

		random_verdict(&random, &v);
		memcpy(&before, &v, sizeof(v));
		assert_int_equal(field_of(cases[i].field)->read(span_of(cases[i].json), &v),
				 -EBADMSG);
		assert_memory_equal(&v, &before, sizeof(v));
	}
}

/* Cut anywhere, a value is refused, or (a number, whose end nothing marks) still one. */
static void test_truncated(void **state)
{
	struct random random = random_start("event");
	struct buf value = buf_with_max(65536);
	struct verdict v, read = { 0 };

	(void)state;
	for (int round = 0; round < 20; round++) {
		random_verdict(&random, &v);
		for (unsigned i = 0; i < verdict_n_fields; i++) {
			const struct verdict_field *field = &verdict_fields[i];

			if (!field->read)
				continue;
			buf_reset(&value);
			field->write(&value, &v);
			for (size_t n = 0; n < value.len; n++) {
				int rc = field->read(span_head(buf_span(&value), n), &read);

				if (strcmp(field->name, "ttfb_ms") != 0)
					assert_int_equal(rc, -EBADMSG);
			}
		}
	}
	buf_done(&value);
}

static void test_every_reason(void **state)
{
	struct verdict v = { .charge = { .source = COST_UNPRICED } }, read = v;
	struct buf value = buf_with_max(256);

	(void)state;
	for (int doubt = 1; doubt <= PRICE_DOUBT_OVERFLOW; doubt++) {
		for (int usage = 1; usage <= USAGE_DOUBT_NO_ANSWER; usage++) {
			v.charge.doubt = (enum price_doubt)doubt;
			v.charge.usage.doubt =
			    doubt == PRICE_DOUBT_USAGE ? (enum usage_doubt)usage : 0;
			buf_reset(&value);
			event_write_unpriced_reason(&value, &v);
			assert_int_equal(event_read_unpriced_reason(buf_span(&value), &read), 0);
			assert_int_equal(read.charge.doubt, v.charge.doubt);
			assert_int_equal(read.charge.usage.doubt, v.charge.usage.doubt);
		}
	}
	buf_done(&value);
}

/* As many bytes as there is room for, and one more: that label goes as a whole. */
static void test_labels_of_full_length(void **state)
{
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		static struct verdict v;
		struct buf json = buf_with_max(1000);
		size_t n = sizeof(v.charge.usage.process.labels) - 1 - strlen("k=1,m=") + more;

		buf_put(&json, SPAN("{\"k\":\"1\",\"m\":\""));
		for (size_t i = 0; i < n; i++)
			buf_put(&json, SPAN("x"));
		buf_put(&json, SPAN("\"}"));
		assert_int_equal(origin_read_labels(buf_span(&json), &v), 0);
		assert_int_equal(strlen(v.charge.usage.process.labels),
				 more ? strlen("k=1") : sizeof(v.charge.usage.process.labels) - 1);
		buf_done(&json);
	}
}

/* Labels that grew when broken bytes became U+FFFD lose their last entries, not the whole row. */
static void test_labels_that_grew(void **state)
{
	struct verdict v = { 0 }, read = { 0 };
	struct buf value = buf_with_max(4096);
	char *labels = v.charge.usage.process.labels;

	(void)state;
	v.charge.usage.process.labels_known = true;
	memset(labels, '\xff', 200);
	memcpy(labels, "k=1,m=", 6);
	origin_write_labels(&value, &v);
	assert_int_equal(origin_read_labels(buf_span(&value), &read), 0);
	assert_string_equal(read.charge.usage.process.labels, "k=1");
	buf_done(&value);
}

static void test_u64(void **state)
{
	static const struct {
		uint64_t value;
		const char *text;
	} cases[] = { { 0, "0" }, { 10, "10" }, { UINT64_MAX, "18446744073709551615" } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = buf_with_max(64);

		event_put_u64(&out, cases[i].value);
		assert_true(span_eq(buf_span(&out), span_of(cases[i].text)));
		buf_done(&out);
	}
}

/* Counts as a provider may say them, at both ends. */
static void test_counts(void **state)
{
	struct verdict v = { 0 };
	struct buf out = buf_with_max(256);

	(void)state;
	event_write_usage(&out, &v);
	v.charge.usage.present = 1u << USAGE_INPUT | 1u << USAGE_REQUESTS;
	v.charge.usage.counts[USAGE_INPUT] = INT64_MIN;
	v.charge.usage.counts[USAGE_REQUESTS] = INT64_MAX;
	event_write_usage(&out, &v);
	assert_true(span_eq(buf_span(&out), SPAN("{}{\"input\":-9223372036854775808,"
						 "\"requests\":9223372036854775807}")));
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_every_reason),
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_labels_of_full_length),
		cmocka_unit_test(test_labels_that_grew),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
