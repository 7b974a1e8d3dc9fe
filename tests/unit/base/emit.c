/* The JSON writer against text written by hand, and against jansson for every byte there is. */
#include "base/emit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#define LENGTH(a) (sizeof(a) / sizeof(*(a)))
#define OUT_MAX   (1 << 20)

static void assert_text(const struct buf *out, struct span expected)
{
	assert_false(out->failed);
	if (!span_eq(buf_span(out), expected))
		fail_msg("got %.*s, expected %.*s", (int)out->len, out->data, (int)expected.len,
			 expected.ptr);
}

static void test_punctuation(void **state)
{
	struct buf out = buf_with_max(OUT_MAX);
	struct emit e = emit_to(&out);

	(void)state;
	emit_object(&e, NULL);
	emit_object(&e, "empty");
	emit_end_object(&e);
	emit_array(&e, "list");
	emit_int(&e, NULL, INT64_MIN);
	emit_array(&e, NULL);
	emit_end_array(&e);
	emit_object(&e, NULL);
	emit_null(&e, "n");
	emit_bool(&e, "t", true);
	emit_end_object(&e);
	emit_bool(&e, NULL, false);
	emit_end_array(&e);
	emit_text(&e, "text", "x");
	emit_text(&e, "none", NULL);
	emit_raw(&e, "raw", SPAN("{\"a\":1}"));
	emit_key(&e, SPAN("a \"key\""));
	emit_int(&e, NULL, INT64_MAX);
	emit_bool(&e, "last", true);
	emit_end_object(&e);
	assert_text(&out,
		    SPAN("{\"empty\":{},\"list\":[-9223372036854775808,[],{\"n\":null,\"t\":true},"
			 "false],\"text\":\"x\",\"none\":null,\"raw\":{\"a\":1},"
			 "\"a \\\"key\\\"\":9223372036854775807,\"last\":true}"));
	buf_done(&out);
}

static void test_strings(void **state)
{
	static const struct {
		struct span value;
		struct span json;
	} cases[] = {
		{ SPAN(""), SPAN("\"\"") },
		{ SPAN("a/b"), SPAN("\"a/b\"") },
		{ SPAN("\"\\"), SPAN("\"\\\"\\\\\"") },
		{ SPAN("\n\t\r\b\0\x1f\x7f"),
		  SPAN("\"\\n\\t\\u000d\\u0008\\u0000\\u001f\\u007f\"") },
		{ SPAN("h\xc3\xa9\xf0\x9f\x98\x80"), SPAN("\"h\xc3\xa9\xf0\x9f\x98\x80\"") },
		/* Line breaks beyond ASCII: U+0085, U+2028, U+2029; their neighbours pass. */
		{ SPAN("\xc2\x85\xc2\x9f\xc2\xa0"), SPAN("\"\\u0085\\u009f\xc2\xa0\"") },
		{ SPAN("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
		  SPAN("\"\xe2\x80\xa7\\u2028\\u2029\\u202a\"") },
		/* Direction (UAX 9): U+202A to U+202E, U+2066 to U+2069; their neighbours pass. */
		{ SPAN("\xe2\x80\xab\xe2\x80\xac\xe2\x80\xad\xe2\x80\xae\xe2\x80\xaf"),
		  SPAN("\"\\u202b\\u202c\\u202d\\u202e\xe2\x80\xaf\"") },
		{ SPAN("\xe2\x81\xa5\xe2\x81\xa6\xe2\x81\xa7\xe2\x81\xa8\xe2\x81\xa9\xe2\x81\xaa"),
		  SPAN("\"\xe2\x81\xa5\\u2066\\u2067\\u2068\\u2069\xe2\x81\xaa\"") },
		/* A U+FFFD for each byte that starts no character; the rest goes on. */
		{ SPAN("a\x80z"), SPAN("\"a\xef\xbf\xbdz\"") },
		{ SPAN("\xc3"), SPAN("\"\xef\xbf\xbd\"") },
		{ SPAN("\xe2\x82\""), SPAN("\"\xef\xbf\xbd\xef\xbf\xbd\\\"\"") },
		{ SPAN("\xed\xa0\x80"), SPAN("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct buf out = buf_with_max(OUT_MAX);
		struct emit e = emit_to(&out);

		emit_string(&e, NULL, cases[i].value);
		assert_text(&out, cases[i].json);
		buf_done(&out);
	}
}

/* All pairs of bytes, alone and at any place of a longer text: always JSON, always one line, and
 * unchanged when it was UTF-8. */
static void test_every_pair_of_bytes(void **state)
{
	struct buf out = buf_with_max(OUT_MAX);

	(void)state;
	for (unsigned n = 0; n < 2 * 0x10000; n++) {
		unsigned pair = n % 0x10000, before = n < 0x10000 ? 0 : 1 + pair % 13;
		char bytes[24] = "plain text without end.";
		struct span value = { bytes, before ? 23 : 2 }, both = { bytes + before, 2 };
		struct emit e = emit_to(&out);
		json_t *back;

		bytes[before] = (char)(pair >> 8);
		bytes[before + 1] = (char)pair;
		buf_reset(&out);
		emit_string(&e, NULL, value);
		for (size_t i = 0; i < out.len; i++)
			assert_true((unsigned char)out.data[i] >= 0x20 && out.data[i] != 0x7f);
		back = json_loadb(out.data, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		assert_non_null(back);
		if (span_utf8(both) == 2 || (span_utf8(both) == 1 && !(pair & 0x80))) {
			assert_int_equal(json_string_length(back), value.len);
			assert_memory_equal(json_string_value(back), bytes, value.len);
		}
		json_decref(back);
	}
	buf_done(&out);
}

/* Each byte at each place of short texts: what JSON needs escaped is, and nothing else of ASCII. */
static void test_every_byte_at_every_place(void **state)
{
	struct buf out = buf_with_max(OUT_MAX);

	(void)state;
	for (size_t length = 1; length <= 17; length++) {
		for (unsigned n = 0; n < length * 0x80; n++) {
			char bytes[] = "abcdefghijklmnopqrstuvwxyz", byte = (char)(n % 0x80);
			bool plain = byte >= ' ' && byte != '"' && byte != '\\' && byte != 0x7f;
			struct emit e = emit_to(&out);
			json_t *back;

			bytes[n / 0x80] = byte;
			buf_reset(&out);
			emit_string(&e, NULL, (struct span){ bytes, length });
			assert_int_equal(out.len == length + 2, plain);
			back =
			    json_loadb(out.data, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
			assert_non_null(back);
			assert_int_equal(json_string_length(back), length);
			assert_memory_equal(json_string_value(back), bytes, length);
			json_decref(back);
		}
	}
	buf_done(&out);
}

/* 32 levels are whole; the 33rd fails the buffer and nothing breaks. */
static void test_depth(void **state)
{
	(void)state;
	for (unsigned depth = EMIT_DEPTH_MAX; depth <= EMIT_DEPTH_MAX + 9; depth++) {
		struct buf out = buf_with_max(OUT_MAX);
		struct emit e = emit_to(&out);
		json_t *back;

		for (unsigned i = 0; i < depth; i++) {
			emit_array(&e, NULL);
			emit_int(&e, NULL, i);
		}
		for (unsigned i = 0; i < depth; i++)
			emit_end_array(&e);
		assert_int_equal(out.failed, depth > EMIT_DEPTH_MAX);
		back = out.failed ? NULL : json_loadb(out.data, out.len, 0, NULL);
		assert_true(out.failed || (back && json_array_size(back) == 2));
		json_decref(back);
		buf_done(&out);
	}
}

static void test_full_buffer_fails_quietly(void **state)
{
	(void)state;
	for (size_t max = 0; max < 20; max++) {
		struct buf out = buf_with_max(max);
		struct emit e = emit_to(&out);

		emit_object(&e, NULL);
		emit_text(&e, "key", "a\nvalue");
		emit_end_object(&e);
		/* {"key":"a\nvalue"} has 18 bytes. */
		assert_int_equal(out.failed, max < 18);
		assert_true(out.len <= max);
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_punctuation),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_every_pair_of_bytes),
		cmocka_unit_test(test_every_byte_at_every_place),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_full_buffer_fails_quietly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
