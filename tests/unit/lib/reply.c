/* The reader of the agent's JSON: values by RFC 8259, and what is no JSON. */
#include "lib/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void test_member(void **state)
{
	static const char object[] = " { \"a\" : [1, {\"b\": \"]}\"}, \"\\\"\"] , "
				     "\"ab\":-1.5e3,\"b\":{\"c\":null},\"\":true}";

	(void)state;
	assert_memory_equal(reply_member(object, "a"), "[1, ", 4);
	assert_memory_equal(reply_member(object, "ab"), "-1.5e3,", 7);
	assert_memory_equal(reply_member(reply_member(object, "b"), "c"), "null}", 5);
	assert_memory_equal(reply_member(object, ""), "true}", 5);
	assert_null(reply_member(object, "c"));
	assert_null(reply_member(reply_member(object, "a"), "b"));
	assert_null(reply_member(NULL, "a"));
}

static void test_no_json(void **state)
{
	static const char *const bad[] = { "",          "{",        "{\"a",
					   "{\"a\\",    "{\"a\"",   "{a:1}",
					   "{\"b\":[{", "{\"b\"1}", "{\"b\":1 \"a\":2}",
					   "[]",        "null",     "{\"b\":}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_null(reply_member(bad[i], "a"));
}

static void expect_text(const char *value, const char *want, size_t size)
{
	char out[64];

	memset(out, 'x', sizeof(out));
	reply_text(value, out, size);
	assert_string_equal(out, want);
	assert_int_equal(out[size], 'x');
}

static void test_text(void **state)
{
	(void)state;
	expect_text("\"plain\",", "plain", 40);
	expect_text("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 40);
	expect_text("\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac", 40);
	expect_text("\"\\uD834\\uDD1E\"", "\xf0\x9d\x84\x9e", 40); /* RFC 8259, 7: the G clef */
	expect_text("\"\\ud834x\\udd1e\"", "\xef\xbf\xbdx\xef\xbf\xbd", 40);
	expect_text("null", "", 40);
	expect_text(NULL, "", 40);
	expect_text("\"no end", "no end", 40);
	/* Cut between characters. */
	expect_text("\"abc\"", "abc", 4);
	expect_text("\"abcd\"", "abc", 4);
	expect_text("\"ab\xe2\x82\xac\"", "ab", 5);
	expect_text("\"ab\xe2\x82\xac\"", "ab\xe2\x82\xac", 6);
	expect_text("\"ab\\u20ac\"", "ab", 5);
}

static void test_put(void **state)
{
	char room[32];
	struct reply_out out = { room, room + sizeof(room), 0 };

	(void)state;
	reply_put_string(&out, "a\"\\\n\xc3\xa9", 6);
	reply_put(&out, "", 1);
	assert_string_equal(room, "\"a\\u0022\\u005c\\u000a\xc3\xa9\"");
	assert_false(out.failed);
	reply_put(&out, "0123456789", 10);
	assert_true(out.failed);
	reply_put(&out, "0", 1);
	assert_true(out.failed);
	assert_true(out.at <= out.end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_member),
		cmocka_unit_test(test_no_json),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
