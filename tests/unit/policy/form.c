/* The strict form: each fault names its field, each good value lands where its row says. */
#include "policy/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

struct values {
	char name[8];
	int64_t count;
	bool flag;
	char labels[64];
	struct form_usage usage;
};

static const struct form_field fields[] = {
	{ "name", FORM_TEXT, true, offsetof(struct values, name), 8 },
	{ "count", FORM_COUNT, false, offsetof(struct values, count), 8 },
	{ "flag", FORM_FLAG, false, offsetof(struct values, flag), 1 },
	{ "labels", FORM_LABELS, false, offsetof(struct values, labels), 64 },
	{ "usage", FORM_USAGE, false, offsetof(struct values, usage), sizeof(struct form_usage) },
};

static int start(void **state)
{
	struct form *form = NULL;
	int err = form_new(fields, LENGTH(fields), &form);

	*state = form;
	return err;
}

static int stop(void **state)
{
	form_free(*state);
	return 0;
}

static void test_good(void **state)
{
	static const struct {
		const char *json;
		struct values values;
	} cases[] = {
		{ "{\"name\":\"a\"}", { .name = "a", .count = 7 } },
		{ " {\"flag\" : true , \"name\" : \"1234567\" , \"count\" : 0 } \n",
		  { .name = "1234567", .flag = true } },
		{ "{\"count\":9223372036854775807,\"n\\u0061me\":\"\\u00e9\\\"\"}",
		  { .name = "\xc3\xa9\"", .count = INT64_MAX } },
		{ "{\"name\":\"a\",\"flag\":false,\"labels\":{}}", { .name = "a", .count = 7 } },
		{ "{\"labels\":{\"team\":\"x y\",\"env\":\"\",\"count\":\"1\"},\"name\":\"a\"}",
		  { .name = "a", .count = 7, .labels = "team=x y,env=,count=1" } },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct values values = { .count = 7 };
		struct form_fault fault;

		if (form_read(*state, span_of(cases[i].json), &values, &fault) < 0)
			fail_msg("%s: %s", cases[i].json, fault.detail);
		assert_string_equal(values.name, cases[i].values.name);
		assert_int_equal(values.count, cases[i].values.count);
		assert_int_equal(values.flag, cases[i].values.flag);
		assert_string_equal(values.labels, cases[i].values.labels);
	}
}

static void test_faults(void **state)
{
	static const char k64[] =
	    "{\"name\":\"a\",\"labels\":{\"0123456789012345678901234567890123456789012345678901"
	    "234567890123\":\"\"}}";
	static const struct {
		const char *json, *field;
	} cases[] = {
		{ "", "" },
		{ "null", "" },
		{ "[]", "" },
		{ "[{\"name\":\"a\"}]", "" },
		{ "\"name\"", "" },
		{ "{\"name\":\"a\"", "" },
		{ "{\"name\":\"a\"}}", "" },
		{ "{\"name\":\"a\",}", "" },
		{ "{'name':\"a\"}", "" },
		{ "{\"name\":\"a\"} {}", "" },
		{ "{}", "name" },
		{ "{\"count\":1}", "name" },
		{ "{\"name\":\"\"}", "name" },
		{ "{\"name\":\"12345678\"}", "name" },
		{ "{\"name\":\"a\\u0000b\"}", "name" },
		{ "{\"name\":\"a\\n\"}", "name" },
		{ "{\"name\":null}", "name" },
		{ "{\"name\":5}", "name" },
		{ "{\"name\":{\"name\":\"a\"}}", "name" },
		{ "{\"name\":[\"a\"]}", "name" },
		{ "{\"name\":\"a\",\"name\":\"a\"}", "name" },
		{ "{\"name\":\"a\",\"count\":-1}", "count" },
		{ "{\"name\":\"a\",\"count\":1.0}", "count" },
		{ "{\"name\":\"a\",\"count\":1e2}", "count" },
		{ "{\"name\":\"a\",\"count\":9223372036854775808}", "count" },
		{ "{\"name\":\"a\",\"count\":\"1\"}", "count" },
		{ "{\"name\":\"a\",\"count\":true}", "count" },
		{ "{\"name\":\"a\",\"count\":null}", "count" },
		{ "{\"name\":\"a\",\"flag\":1}", "flag" },
		{ "{\"name\":\"a\",\"flag\":\"true\"}", "flag" },
		{ "{\"name\":\"a\",\"labels\":[]}", "labels" },
		{ "{\"name\":\"a\",\"labels\":\"a=b\"}", "labels" },
		{ "{\"name\":\"a\",\"labels\":{\"a\":1}}", "labels" },
		{ "{\"name\":\"a\",\"labels\":{\"a\":{}}}", "labels" },
		{ "{\"name\":\"a\",\"labels\":{\"\":\"b\"}}", "labels" },
		{ "{\"name\":\"a\",\"labels\":{\"a=b\":\"c\"}}", "labels" },
		{ "{\"name\":\"a\",\"labels\":{\"a\":\"b,c=d\"}}", "labels" },
		{ "{\"name\":\"a\",\"labels\":{\"a\":\"\\u001b\"}}", "labels" },
		{ "{\"name\":\"a\",\"labels\":{\"a\":\"b\",\"a\":\"c\"}}", "labels" },
		{ k64, "labels" },
		{ "{\"name\":\"a\",\"labels\":{\"a\":\"0123456789012345678901234567890\","
		  "\"b\":\"0123456789012345678901234567890\"}}",
		  "labels" },
		{ "{\"name\":\"a\",\"usage\":[]}", "usage" },
		{ "{\"name\":\"a\",\"usage\":{\"inputs\":1}}", "usage" },
		{ "{\"name\":\"a\",\"usage\":{\"input\":-1}}", "usage" },
		{ "{\"name\":\"a\",\"usage\":{\"input\":1.5}}", "usage" },
		{ "{\"name\":\"a\",\"usage\":{\"input\":{\"output\":1}}}", "usage" },
		{ "{\"name\":\"a\",\"usage\":{\"input\":1,\"input\":1}}", "usage" },
		{ "{\"name\":\"a\",\"Name\":\"b\"}", "Name" },
		{ "{\"name\":\"a\",\"\":\"b\"}", "" },
		{ "{\"name\":\"a\",\"other\":{\"count\":[1,2]}}", "other" },
		{ "{\"name\":\"a\",\"\\u001b[31m\":0}", "?[31m" },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct values values = { .name = "" };
		struct form_fault fault;

		if (form_read(*state, span_of(cases[i].json), &values, &fault) != -EINVAL)
			fail_msg("%s: was taken", cases[i].json);
		if (strcmp(fault.field, cases[i].field) != 0)
			fail_msg("%s: field '%s'", cases[i].json, fault.field);
		assert_true(fault.detail[0] != '\0');
	}
}

/* No prefix of a good body is good. */
static void test_every_prefix(void **state)
{
	struct span whole = SPAN("{\"name\":\"a\",\"count\":12,\"flag\":true,"
				 "\"labels\":{\"a\":\"b\"}}");

	for (size_t n = 0; n <= whole.len; n++) {
		char *copy = malloc(n ? n : 1);
		struct values values = { .name = "" };
		struct form_fault fault;

		memcpy(copy, whole.ptr, n);
		assert_int_equal(form_read(*state, (struct span){ copy, n }, &values, &fault),
				 n == whole.len ? 0 : -EINVAL);
		free(copy);
	}
}

static void test_usage(void **state)
{
	struct values values = { .name = "" };
	struct form_fault fault;

	assert_int_equal(form_read(*state,
				   SPAN("{\"name\":\"a\",\"usage\":{\"images\":3,\"input\":0}}"),
				   &values, &fault),
			 0);
	assert_true(values.usage.present == (USAGE_BIT(USAGE_IMAGES) | USAGE_BIT(USAGE_INPUT)));
	assert_int_equal(values.usage.counts[USAGE_IMAGES], 3);
}

static void test_items(void **state)
{
	static const struct {
		const char *inside;
		const char *items[4]; /* NULL: no more */
	} cases[] = {
		{ "", { "" } },
		{ "1", { "1" } },
		{ "1,", { "1", "" } },
		{ "{\"a\":[1,2]},[3,{}],\"x,\\\",[\"",
		  { "{\"a\":[1,2]}", "[3,{}]", "\"x,\\\",[\"" } },
		/* Whoever reads the items sees what is wrong with them. */
		{ "],{", { "]", "{" } },
		{ "\"\\", { "\"\\" } },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct span rest = span_of(cases[i].inside);
		unsigned n = 0;

		for (; rest.ptr; n++) {
			struct span item = form_item(&rest);

			assert_non_null(cases[i].items[n]);
			assert_true(span_eq(item, span_of(cases[i].items[n])));
		}
		assert_null(cases[i].items[n]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, start, stop),
		cmocka_unit_test_setup_teardown(test_faults, start, stop),
		cmocka_unit_test_setup_teardown(test_every_prefix, start, stop),
		cmocka_unit_test_setup_teardown(test_usage, start, stop),
		cmocka_unit_test(test_items),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
