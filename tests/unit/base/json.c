/* The streaming scanner against RFC 8259, RFC 6901 and, over random documents cut at random
 * points, against a tree built by jansson and searched one pointer at a time. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/json_block.h"
#include "tests/unit/base/json_tree.h"

#define LOG_MAX   (1 << 20)
#define MANY      12
#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

static struct json_paths *compile(const char *const pointers[], size_t n)
{
	struct json_paths *paths;
	unsigned id;

	assert_int_equal(json_paths_new(&paths), 0);
	for (size_t i = 0; i < n && pointers[i]; i++) {
		assert_int_equal(json_paths_add(paths, span_of(pointers[i]), &id), 0);
		assert_int_equal(id, i);
	}
	json_paths_close(paths);
	return paths;
}

/* A copy of exactly the piece, so that ASan sees a read past its end. */
static int feed_copy(struct json_scan *scan, struct span piece)
{
	char *copy = malloc(piece.len ? piece.len : 1);
	int status;

	if (piece.len)
		memcpy(copy, piece.ptr, piece.len);
	status = json_scan_feed(scan, (struct span){ copy, piece.len });
	free(copy);
	return status;
}

/* Scans `doc` in pieces that end at the offsets of `cuts`; the struct starts as garbage. */
static int scan_cut(const struct json_paths *paths, struct span doc, const size_t *cuts, size_t n,
		    struct buf *log)
{
	struct json_scan scan;
	size_t from = 0;

	memset(&scan, 0xa5, sizeof(scan));
	json_scan_init(&scan, paths, log_value, log);
	for (size_t i = 0; i <= n; i++) {
		size_t to = i < n ? cuts[i] : doc.len;

		feed_copy(&scan, span_head(span_skip(doc, from), to - from));
		from = to;
	}
	return json_scan_end(&scan);
}

static void assert_log(const struct buf *log, struct span expected)
{
	if (!span_eq(buf_span(log), expected))
		fail_msg("got      %.*s\nexpected %.*s", (int)log->len, log->data,
			 (int)expected.len, expected.ptr);
}

/* --- values */

struct value_case {
	const char *pointers[8];
	const char *doc;
	const char *expected;
};

static const struct value_case value_cases[] = {
	{ { "" }, "{}", "0:{} " },
	{ { "" }, "[]", "0:[] " },
	{ { "" }, "12", "0:12 " },
	{ { "" }, " \"a\" ", "0:'a' " },
	{ { "" }, "null", "0:null " },
	{ { "" }, "\xef\xbb\xbf true", "0:true " },
	{ { "/a" }, "\xef\xbb\xbf{\"a\":false}\r\n", "0:false " },
	{ { "/a" }, "{ \"a\" : 1 , \"b\" : 2 }", "0:1 " },
	{ { "/a" }, "{\"b\":{\"a\":1},\"c\":[{\"a\":2}],\"a\":3}", "0:3 " },
	/* Both of a duplicate. */
	{ { "/a" }, "{\"a\":1,\"a\":2}", "0:1 0:2 " },
	/* A container and into it, at once. */
	{ { "/a", "/a/b", "/a/b/c", "" },
	  "{\"a\":{\"b\":{\"c\":7,\"d\":{}}}}",
	  "3:{} 0:{} 1:{} 2:7 " },
	{ { "/a/b" }, "{\"a\":[{\"b\":1}],\"a\":3,\"a\":{\"b\":2}}", "0:2 " },
	/* Arrays: indexes, not names that look like them; names that look like indexes. */
	{ { "/0", "/2", "/02", "/-" }, "[10,11,12,13]", "0:10 1:12 " },
	{ { "/0", "/02", "/-" }, "{\"0\":1,\"02\":2,\"-\":3,\"2\":4}", "0:1 1:2 2:3 " },
	{ { "/1/1/0" }, "[[1],[2,[3,4]],[5,[6]]]", "0:3 " },
	{ { "/a/11" }, "{\"a\":[0,1,2,3,4,5,6,7,8,9,[10],{\"x\":[]},12]}", "0:{} " },
	/* Wildcards: any element, any member, beside names, in the middle, twice. */
	{ { "/*" }, "[1,[2],{\"a\":3}]", "0:1 0:[] 0:{} " },
	{ { "/*/t" }, "[{\"t\":1},{\"u\":2},{\"t\":3}]", "0:1 0:3 " },
	{ { "/a/*/t", "/a/1/t" }, "{\"a\":[{\"t\":1},{\"t\":2}]}", "0:1 0:2 1:2 " },
	{ { "/a/1/t", "/a/*/t" }, "{\"a\":[{\"t\":1},{\"t\":2}]}", "1:1 0:2 1:2 " },
	{ { "/*/x", "/a/*", "/a/x", "/*/*" },
	  "{\"a\":{\"x\":1,\"y\":2},\"b\":{\"x\":3,\"z\":4}}",
	  "0:1 1:1 2:1 3:1 1:2 3:2 0:3 3:3 3:4 " },
	{ { "/a/b/c", "/*/b", "/*/*/c" },
	  "{\"a\":{\"b\":{\"c\":1}},\"z\":{\"b\":{\"c\":2}}}",
	  "1:{} 0:1 2:1 1:{} 2:2 " },
	{ { "/*" }, "{}", "" },
	/* Keys that need escapes, in the pointer (RFC 6901, section 5) and in the document. */
	{ { "/a~1b", "/m~0n", "/ ", "/k\"l", "/", "/i\\j", "/c%d" },
	  "{\"\":0,\"a/b\":1,\"c%d\":2,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}",
	  "4:0 0:1 6:2 5:5 3:6 2:7 1:8 " },
	{ { "/usage" }, "{\"\\u0075s\\u0061ge\":1,\"\\u0075\":2}", "0:1 " },
	{ { "/\xc3\xa9" }, "{\"\xc3\xa9\":1,\"\\u00e9\":2,\"\\u00E9\":3}", "0:1 0:2 0:3 " },
	/* RFC 8259, section 7. */
	{ { "/a" }, "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\"}", "0:'\"\\/\b\f\n\r\tA' " },
	{ { "/a" }, "{\"a\":\"\\uD834\\uDD1E\"}", "0:'\xf0\x9d\x84\x9e' " },
	{ { "/a" },
	  "{\"a\":\"\\u20ac \\u07ff \\uffff\"}",
	  "0:'\xe2\x82\xac \xdf\xbf \xef\xbf\xbf' " },
	/* Lone halves: high at the end, before text, before an escape, before another; low. */
	{ { "/a" }, "{\"a\":\"\\ud834\"}", "0:'\xef\xbf\xbd' " },
	{ { "/a" }, "{\"a\":\"\\ud834x\"}", "0:'\xef\xbf\xbdx' " },
	{ { "/a" }, "{\"a\":\"\\ud834\\n\"}", "0:'\xef\xbf\xbd\n' " },
	{ { "/a" },
	  "{\"a\":\"\\ud834\\u0041\"}",
	  "0:'\xef\xbf\xbd"
	  "A' " },
	{ { "/a" }, "{\"a\":\"\\ud834\\ud834\\udd1e\"}", "0:'\xef\xbf\xbd\xf0\x9d\x84\x9e' " },
	{ { "/a" }, "{\"a\":\"\\udd1e\\ud834\"}", "0:'\xef\xbf\xbd\xef\xbf\xbd' " },
	{ { "/a" }, "{\"a\":\"\"}", "0:'' " },
	/* Numbers. int64 from 9223372036854775807 down to -9223372036854775808. */
	{ { "/*" },
	  "[0,-0,-1,9223372036854775807,-9223372036854775808]",
	  "0:0 0:0 0:-1 0:9223372036854775807 0:-9223372036854775808 " },
	{ { "/*" },
	  "[9223372036854775808,-9223372036854775809,18446744073709551615]",
	  "0:#9223372036854775808 0:#-9223372036854775809 0:#18446744073709551615 " },
	{ { "/*" },
	  "[1.5,1e3,1E+3,-0.0e-10,3e-06]",
	  "0:#1.5 0:#1e3 0:#1E+3 0:#-0.0e-10 0:#3e-06 " },
	/* What is not wanted may hide anything in its strings. */
	{ { "/a" },
	  "{\"s\":\"}]\\\"{[\\\\\",\"t\":[\"]\\\"\",\"\\\\\",{\"a\":\"}\"}],\"a\":1}",
	  "0:1 " },
	{ { "/a" }, "{\"s\":\"\t\x01 \\x \\u12\",\"t\":{\"\t\":\"\\q\"},\"a\":1}", "0:1 " },
	/* Pretty. */
	{ { "/a/b" },
	  "{\n  \"x\": [\n    1\n  ],\n  \"a\": {\n\t\"b\": \"c\"\r\n  }\n}\n",
	  "0:'c' " },
};

/* The same at every cut in two and in three; each prefix is unfinished. */
static void check_all_cuts(const struct value_case *c, const struct json_paths *paths)
{
	struct span doc = span_of(c->doc), expected = span_of(c->expected);
	struct buf log = buf_with_max(LOG_MAX);

	for (size_t i = 0; i <= doc.len; i++) {
		for (size_t j = i; j <= doc.len; j++) {
			size_t cuts[] = { i, j };

			buf_reset(&log);
			assert_int_equal(scan_cut(paths, doc, cuts, 2, &log), 1);
			assert_log(&log, expected);
		}
	}
	buf_done(&log);
}

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(value_cases); i++) {
		const struct value_case *c = &value_cases[i];
		struct json_paths *paths = compile(c->pointers, LENGTH(c->pointers));

		check_all_cuts(c, paths);
		json_paths_free(paths);
	}
}

static void test_prefix_is_unfinished(void **state)
{
	static const char *const pointers[] = { "/a", "/b/c" };
	struct span doc =
	    SPAN("{\"a\":\"x\\u0041\",\"s\":{\"t\":[1,\"\\\"\"]},\"b\":{\"c\":-1.5e3}}");
	struct json_paths *paths = compile(pointers, LENGTH(pointers));
	struct buf log = buf_with_max(LOG_MAX);

	(void)state;
	for (size_t n = 0; n < doc.len; n++)
		assert_int_equal(scan_cut(paths, span_head(doc, n), NULL, 0, &log), -EAGAIN);
	assert_int_equal(scan_cut(paths, doc, NULL, 0, &log), 1);
	buf_done(&log);
	json_paths_free(paths);
}

static void test_feed_says_when_complete(void **state)
{
	static const char *const pointers[] = { "/a" };
	struct json_paths *paths = compile(pointers, 1);
	struct buf log = buf_with_max(LOG_MAX);
	struct json_scan scan;

	(void)state;
	json_scan_init(&scan, paths, log_value, &log);
	assert_int_equal(json_scan_feed(&scan, (struct span){ NULL, 0 }), 0);
	assert_int_equal(json_scan_feed(&scan, SPAN("{\"a\":1")), 0);
	assert_int_equal(json_scan_feed(&scan, SPAN("}")), 1);
	assert_int_equal(json_scan_feed(&scan, SPAN(" \n")), 1);
	assert_int_equal(json_scan_end(&scan), 1);
	assert_int_equal(json_scan_feed(&scan, SPAN(" {")), -EBADMSG);
	assert_int_equal(json_scan_feed(&scan, SPAN(" ")), -EBADMSG);
	assert_int_equal(json_scan_end(&scan), -EBADMSG);
	/* A number at the top may always go on. */
	buf_reset(&log);
	json_paths_free(paths);
	paths = compile((const char *const[]){ "" }, 1);
	json_scan_init(&scan, paths, log_value, &log);
	assert_int_equal(json_scan_feed(&scan, SPAN("1")), 0);
	assert_int_equal(json_scan_feed(&scan, SPAN("2")), 0);
	assert_int_equal(json_scan_end(&scan), 1);
	assert_log(&log, SPAN("0:12 "));
	buf_done(&log);
	json_paths_free(paths);
}

/* --- what is refused; the reports before it stay as they were */

struct bad_case {
	const char *pointer;
	struct span doc;
	const char *expected;
};

static const struct bad_case bad_cases[] = {
	{ "/a", SPAN("}"), "" },
	{ "/a", SPAN("x"), "" },
	{ "/a", SPAN("\xef\xbb{}"), "" },
	{ "/a", SPAN("\xef{}"), "" },
	{ "/a", SPAN("\xef\xbb\xbf\xef\xbb\xbf{}"), "" },
	{ "/a", SPAN("{]"), "" },
	{ "/a", SPAN("{,}"), "" },
	{ "/a", SPAN("{\"a\":1,}"), "0:1 " },
	{ "/a", SPAN("{\"a\" 1}"), "" },
	{ "/a", SPAN("{\"a\",1}"), "" },
	{ "/a", SPAN("{a:1}"), "" },
	{ "/a", SPAN("{'a':1}"), "" },
	{ "/a", SPAN("{\"a\":1 \"b\":2}"), "0:1 " },
	{ "/a", SPAN("{\"a\":1]"), "0:1 " },
	{ "/a", SPAN("{\"a\":}"), "" },
	{ "/a", SPAN("{\"a\":1}}"), "0:1 " },
	{ "/a", SPAN("{\"a\":1} x"), "0:1 " },
	{ "/a", SPAN("{\"a\":[}"), "0:[] " },
	{ "/a", SPAN("{\"a\":[{]}"), "0:[] " },
	{ "/b", SPAN("{\"a\":[1,{\"b\":2]}"), "" },
	{ "/b", SPAN("{\"a\":{\"b\":[2}}"), "" },
	{ "/*", SPAN("[1,]"), "0:1 " },
	{ "/*", SPAN("[,1]"), "" },
	{ "/*", SPAN("[1 2]"), "0:1 " },
	{ "/*", SPAN("[1}"), "0:1 " },
	/* RFC 8259: literals in lower case, numbers of section 6. */
	{ "/a", SPAN("{\"a\":True}"), "" },
	{ "/a", SPAN("{\"a\":nul}"), "" },
	{ "/a", SPAN("{\"a\":nulll}"), "" },
	{ "/a", SPAN("{\"a\":NaN}"), "" },
	{ "/a", SPAN("{\"a\":01}"), "" },
	{ "/a", SPAN("{\"a\":-01}"), "" },
	{ "/a", SPAN("{\"a\":+1}"), "" },
	{ "/a", SPAN("{\"a\":-}"), "" },
	{ "/a", SPAN("{\"a\":1.}"), "" },
	{ "/a", SPAN("{\"a\":.5}"), "" },
	{ "/a", SPAN("{\"a\":1.e5}"), "" },
	{ "/a", SPAN("{\"a\":1e}"), "" },
	{ "/a", SPAN("{\"a\":1e+}"), "" },
	{ "/a", SPAN("{\"a\":1e5.5}"), "" },
	{ "/a", SPAN("{\"a\":1-2}"), "" },
	{ "/a", SPAN("{\"a\":-Infinity}"), "" },
	{ "/a", SPAN("{\"a\":0x10}"), "" },
	{ "/a", SPAN("{\"a\":1\0}"), "0:1 " },
	/* Section 7: control characters and unknown escapes, in what is read. */
	{ "/a", SPAN("{\"a\":\"x\ny\"}"), "" },
	{ "/a", SPAN("{\"a\":\"\0\"}"), "" },
	{ "/a", SPAN("{\"a\":\"\x1f\"}"), "" },
	{ "/a", SPAN("{\"a\":\"\\x\"}"), "" },
	{ "/a", SPAN("{\"a\":\"\\u12g4\"}"), "" },
	{ "/a", SPAN("{\"a\":\"\\u12\"}"), "" },
	{ "/a", SPAN("{\"a\":\"\\U0041\"}"), "" },
	{ "/a", SPAN("{\"b\tc\":1,\"a\":2}"), "" },
	{ "/a", SPAN("{\"\\v\":1,\"a\":2}"), "" },
};

static void test_refused(void **state)
{
	struct buf log = buf_with_max(LOG_MAX);

	(void)state;
	for (size_t i = 0; i < LENGTH(bad_cases); i++) {
		const struct bad_case *c = &bad_cases[i];
		struct json_paths *paths = compile(&c->pointer, 1);

		for (size_t cut = 0; cut <= c->doc.len; cut++) {
			buf_reset(&log);
			assert_int_equal(scan_cut(paths, c->doc, &cut, 1, &log), -EBADMSG);
			assert_log(&log, span_of(c->expected));
		}
		json_paths_free(paths);
	}
	buf_done(&log);
}

static void put_repeated(struct buf *b, const char *text, size_t times)
{
	while (times--)
		buf_put(b, span_of(text));
}

/* 512 levels pass and 513 do not, whether pointers lead into them or not. */
static void test_depth(void **state)
{
	static const char *const pointers[] = { "", "/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*/*" };
	struct buf doc = buf_with_max(LOG_MAX), log = buf_with_max(LOG_MAX);
	struct json_paths *paths = compile(pointers, 2);

	(void)state;
	for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
		int expected = depth > JSON_DEPTH_MAX ? -E2BIG : 1;

		for (size_t cut = 0; cut < 2 * depth; cut += 37) {
			buf_reset(&doc);
			buf_reset(&log);
			put_repeated(&doc, "[", depth);
			put_repeated(&doc, "]", depth);
			assert_int_equal(scan_cut(paths, buf_span(&doc), &cut, 1, &log), expected);
			assert_log(&log, SPAN("0:[] 1:[] "));
		}
	}
	buf_done(&doc);
	buf_done(&log);
	json_paths_free(paths);
}

/* --- limits of text */

static void check_long(const char *pointer, struct span doc, struct span expected)
{
	struct buf log = buf_with_max(LOG_MAX);
	struct json_paths *paths = compile(&pointer, 1);

	for (size_t cut = 0; cut <= doc.len; cut++) {
		buf_reset(&log);
		assert_int_equal(scan_cut(paths, doc, &cut, 1, &log), 1);
		assert_log(&log, expected);
	}
	buf_done(&log);
	json_paths_free(paths);
}

static void test_long_texts(void **state)
{
	struct buf doc = buf_with_max(LOG_MAX), expected = buf_with_max(LOG_MAX);

	(void)state;
	/* 256 bytes are kept whole. */
	put_repeated(&doc, "[\"", 1);
	put_repeated(&doc, "\\u0041", 256);
	put_repeated(&doc, "\"]", 1);
	put_repeated(&expected, "0:'", 1);
	put_repeated(&expected, "A", 256);
	put_repeated(&expected, "' ", 1);
	check_long("/0", buf_span(&doc), buf_span(&expected));
	/* 255 and a character of three bytes: the character goes. */
	buf_reset(&doc);
	buf_reset(&expected);
	put_repeated(&doc, "[\"", 1);
	put_repeated(&doc, "a", 255);
	put_repeated(&doc, "\xe2\x82\xac!\"]", 1);
	put_repeated(&expected, "0:'", 1);
	put_repeated(&expected, "a", 255);
	put_repeated(&expected, "'...259 ", 1);
	check_long("/0", buf_span(&doc), buf_span(&expected));
	/* A number of 300 digits. */
	buf_reset(&doc);
	buf_reset(&expected);
	put_repeated(&doc, "[0.", 1);
	put_repeated(&doc, "1", 298);
	put_repeated(&doc, "]", 1);
	put_repeated(&expected, "0:#0.", 1);
	put_repeated(&expected, "1", 254);
	put_repeated(&expected, "...0 ", 1);
	check_long("/0", buf_span(&doc), buf_span(&expected));
	buf_done(&doc);
	buf_done(&expected);
}

/* A long text that is stepped over: brackets and quotes in it are text, however many backslashes
 * stand before its end. */
static void test_long_texts_between(void **state)
{
	struct buf doc = buf_with_max(LOG_MAX);

	(void)state;
	for (unsigned slashes = 0; slashes < 4; slashes++) {
		buf_reset(&doc);
		put_repeated(&doc, "{\"skip\":{\"text\":\"", 1);
		put_repeated(&doc, "{a}", 60);
		put_repeated(&doc, "\\\\", slashes);
		put_repeated(&doc, "\\\"", 1);
		put_repeated(&doc, "]", 90);
		put_repeated(&doc, "\\\\", slashes);
		put_repeated(&doc, "\"},\"want\":7}", 1);
		check_long("/want", buf_span(&doc), SPAN("0:7 "));
	}
	buf_done(&doc);
}

static void test_extra(void **state)
{
	static const char *const wanted[] = { "/want", "/both/one" };
	struct span doc =
	    SPAN("{\"more\":[{\"x\":1}],\"want\":2,\"both\":{\"two\":{\"y\":3},\"one\":4}}");
	struct buf log = buf_with_max(LOG_MAX);
	struct json_paths *paths;
	struct json_scan scan;
	unsigned id;

	(void)state;
	assert_int_equal(json_paths_new(&paths), 0);
	for (size_t i = 0; i < LENGTH(wanted); i++)
		assert_int_equal(json_paths_add(paths, span_of(wanted[i]), &id), 0);
	json_paths_begin_extra(paths);
	assert_int_equal(json_paths_add(paths, SPAN("/more/*/x"), &id), 0);
	assert_int_equal(json_paths_add(paths, SPAN("/both/two/y"), &id), 0);
	json_paths_close(paths);
	for (unsigned no_extra = 0; no_extra < 2; no_extra++) {
		buf_reset(&log);
		json_scan_init(&scan, paths, log_value, &log);
		scan.no_extra = no_extra;
		feed_copy(&scan, doc);
		assert_int_equal(json_scan_end(&scan), 1);
		assert_log(&log, no_extra ? SPAN("0:2 1:4 ") : SPAN("2:1 0:2 3:3 1:4 "));
	}
	buf_done(&log);
	json_paths_free(paths);
}

/* A key of 257 bytes is not the token of its first 256. */
static void test_long_keys(void **state)
{
	struct buf doc = buf_with_max(LOG_MAX), pointer = buf_with_max(LOG_MAX);

	(void)state;
	put_repeated(&pointer, "/", 1);
	put_repeated(&pointer, "k", JSON_TEXT_MAX);
	put_repeated(&doc, "{\"", 1);
	put_repeated(&doc, "k", JSON_TEXT_MAX);
	put_repeated(&doc, "\":1,\"", 1);
	put_repeated(&doc, "k", JSON_TEXT_MAX + 1);
	put_repeated(&doc, "\":2}", 1);
	buf_put(&pointer, (struct span){ "", 1 });
	check_long(pointer.data, buf_span(&doc), SPAN("0:1 "));
	check_long("/*", buf_span(&doc), SPAN("0:1 0:2 "));
	buf_done(&doc);
	buf_done(&pointer);
}

/* --- the set of pointers */

static void test_pointers_refused(void **state)
{
	static const struct {
		struct span pointer;
		int expected;
	} cases[] = {
		{ SPAN("a"), -EINVAL },
		{ SPAN("*"), -EINVAL },
		{ SPAN("/~"), -EINVAL },
		{ SPAN("/a~2b"), -EINVAL },
		{ SPAN("/a/b~"), -EINVAL },
		{ SPAN("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), -E2BIG },
		{ SPAN("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16"), 0 },
	};
	struct json_paths *paths;
	unsigned id = 99;

	(void)state;
	assert_int_equal(json_paths_new(&paths), 0);
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_int_equal(json_paths_add(paths, cases[i].pointer, &id), cases[i].expected);
	assert_int_equal(id, 0);
	json_paths_free(paths);
	json_paths_free(NULL);
}

static void test_equal_pointers_share_an_id(void **state)
{
	static const char *const pointers[] = { "/a", "/a/*", "/*/b", "" };
	struct json_paths *paths;
	unsigned id;

	(void)state;
	assert_int_equal(json_paths_new(&paths), 0);
	for (unsigned i = 0; i < 2 * LENGTH(pointers); i++) {
		assert_int_equal(
		    json_paths_add(paths, span_of(pointers[i % LENGTH(pointers)]), &id), 0);
		assert_int_equal(id, i % LENGTH(pointers));
	}
	json_paths_close(paths);
	assert_int_equal(json_paths_add(paths, SPAN("/a"), &id), -EINVAL);
	assert_int_equal(json_paths_add(paths, SPAN("/c"), &id), -EINVAL);
	json_paths_free(paths);
}

static void test_many_pointers(void **state)
{
	struct buf doc = buf_with_max(LOG_MAX), log = buf_with_max(LOG_MAX);
	struct buf expected = buf_with_max(LOG_MAX);
	struct json_paths *paths;
	char pointer[32];
	unsigned id;

	(void)state;
	assert_int_equal(json_paths_new(&paths), 0);
	for (unsigned i = 0; i < JSON_POINTERS_MAX; i++) {
		snprintf(pointer, sizeof(pointer), "/k%u", i);
		assert_int_equal(json_paths_add(paths, span_of(pointer), &id), 0);
		buf_printf(&doc, "%s\"k%u\":%u", i ? "," : "{", i, i * 7);
		buf_printf(&expected, "%u:%u ", i, i * 7);
	}
	assert_int_equal(json_paths_add(paths, SPAN("/one-more"), &id), -E2BIG);
	buf_printf(&doc, ",\"one-more\":1}");
	assert_int_equal(scan_cut(paths, buf_span(&doc), NULL, 0, &log), 1);
	assert_log(&log, buf_span(&expected));
	json_paths_free(paths);
	buf_done(&doc);
	buf_done(&log);
	buf_done(&expected);
}

/* --- keys that only a wildcard stands for */

static void log_key(void *ctx, unsigned id, const struct json_value *value)
{
	struct buf *log = ctx;

	buf_printf(log, "%u:%s", id, value->key.ptr ? "'" : "- ");
	if (value->key.ptr) {
		buf_put(log, value->key);
		buf_printf(log, "' ");
	}
}

static void test_keys_of_wildcards(void **state)
{
	static const char *const pointers[] = { "", "/*", "/labels/*", "/list/*" };
	struct span doc =
	    SPAN("{\"a\\u0062\":1, \"labels\":{\"x\":\"y\",\"\":2}, \"list\":[5,{\"z\":1},6],"
		 " \"o\":{\"p\":1},"
		 "\"0123456789012345678901234567890123456789012345678901234567890123456\":0}");
	struct span expected =
	    SPAN("0:- 1:'ab' 1:- 2:'x' 2:'' 1:- 3:- 3:- 3:- 1:'o' "
		 "1:'0123456789012345678901234567890123456789012345678901234567890123' ");
	struct json_paths *paths = compile(pointers, LENGTH(pointers));
	struct buf log = buf_with_max(LOG_MAX);

	(void)state;
	for (size_t cut = 0; cut <= doc.len; cut++) {
		struct json_scan scan;

		buf_reset(&log);
		memset(&scan, 0xa5, sizeof(scan));
		json_scan_init(&scan, paths, log_key, &log);
		feed_copy(&scan, span_head(doc, cut));
		feed_copy(&scan, span_skip(doc, cut));
		assert_int_equal(json_scan_end(&scan), 1);
		assert_log(&log, expected);
	}
	json_paths_free(paths);
	buf_done(&log);
}

/* Names beside wildcards at every level multiply: 2^n nodes at level n. The set stays usable. */
static void test_too_many_nodes(void **state)
{
	struct buf log = buf_with_max(LOG_MAX);
	struct json_paths *paths;
	unsigned id, n = 0;
	int err = 0;

	(void)state;
	assert_int_equal(json_paths_new(&paths), 0);
	for (unsigned level = 0; level < JSON_POINTER_MAX && !err; level++, n += !err) {
		struct buf pointer = buf_with_max(LOG_MAX);

		put_repeated(&pointer, "/*", level);
		put_repeated(&pointer, "/a", 1);
		err = json_paths_add(paths, buf_span(&pointer), &id);
		put_repeated(&pointer, "/*", 1);
		if (!err)
			err = json_paths_add(paths, buf_span(&pointer), &id);
		buf_done(&pointer);
	}
	assert_int_equal(err, -E2BIG);
	assert_true(n > 8);
	assert_int_equal(json_paths_add(paths, SPAN("/a/b"), &id), -E2BIG);
	assert_int_equal(scan_cut(paths, SPAN("{\"a\":1,\"b\":{\"a\":2}}"), NULL, 0, &log), 1);
	assert_log(&log, SPAN("0:1 2:2 "));
	buf_done(&log);
	json_paths_free(paths);
}

/* --- the two forms of the searches are one */

static uint64_t seed;

static unsigned random_below(unsigned n)
{
	/* Marsaglia's xorshift64. */
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % n;
}

static void random_start(void)
{
	const char *given = getenv("SEED");

	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) << 20 | 1;
	print_message("SEED=%llu\n", (unsigned long long)seed);
}

static void test_searches_agree(void **state)
{
	static const char bytes[] = "\"\\{}[]\x1f \x20\x7f\x80\xff;:aZ\n\xdb\xfb\x5a\x7a";

	(void)state;
	random_start();
	for (int round = 0; round < 20000; round++) {
		size_t n = JSON_BLOCK + random_below(64);
		char *text = malloc(n);
		struct json_block block;

		for (size_t i = 0; i < n; i++)
			text[i] = random_below(4) ? 'x' : bytes[random_below(sizeof(bytes))];
		block = json_block_bytewise(text);
		for (unsigned i = 0; i < JSON_BLOCK; i++) {
			assert_int_equal(block.quotes >> i & 1, text[i] == '"');
			assert_int_equal(block.backslashes >> i & 1, text[i] == '\\');
			assert_int_equal(block.brackets >> i & 1,
					 text[i] && strchr("{}[]", text[i]) != NULL);
		}
#ifdef __SSE2__
		struct json_block fast = json_block_sse2(text);

		assert_memory_equal(&fast, &block, sizeof(block));
		if (__builtin_cpu_supports("avx2"))
			fast = json_block_avx2(text);
		assert_memory_equal(&fast, &block, sizeof(block));
		for (size_t from = 0; from < n; from++)
			assert_ptr_equal(json_string_stop_sse2(text + from, text + n),
					 json_string_stop_bytewise(text + from, text + n));
#endif
		free(text);
	}
}

/* --- against jansson */

/* A random document without equal keys in an object; integers fit jansson's int64. */
static void put_random_value(struct buf *doc, unsigned depth);

static void put_random_space(struct buf *doc)
{
	for (unsigned n = random_below(6); n > 3; n--)
		buf_put(doc, span_head(span_skip(SPAN(" \n\t\r"), random_below(4)), 1));
}

static void put_random_string(struct buf *doc)
{
	static const char *const parts[] = { "a",        "usage",
					     "}",        "]",
					     "{",        ",",
					     "\\\"",     "\\\\",
					     "\\n",      "\\u00e9",
					     "\\u20ac",  "\\ud83d\\ude00",
					     "\xc3\xa9", "\xf0\x9f\x98\x80",
					     " ",        "xxxxxxxxxxxxxxxxxxxxxx" };

	buf_printf(doc, "\"");
	for (unsigned n = random_below(8) * random_below(4); n; n--)
		buf_put(doc, span_of(parts[random_below(LENGTH(parts))]));
	buf_printf(doc, "\"");
}

static void put_random_scalar(struct buf *doc)
{
	switch (random_below(6)) {
	case 0:
		buf_printf(doc, "null");
		break;
	case 1:
		buf_printf(doc, random_below(2) ? "true" : "false");
		break;
	case 2:
		buf_printf(doc, "%s%u.%ue%d", random_below(2) ? "-" : "", random_below(1000),
			   random_below(1000), (int)random_below(40) - 20);
		break;
	case 3:
		put_random_string(doc);
		break;
	default:
		buf_printf(doc, "%lld",
			   (long long)(seed >> (1 + random_below(63))) *
			       (random_below(2) ? 1 : -1));
	}
}

static void put_random_container(struct buf *doc, unsigned depth, bool object)
{
	unsigned n = random_below(MANY);

	buf_printf(doc, object ? "{" : "[");
	for (unsigned i = 0; i < n; i++) {
		put_random_space(doc);
		/* Keys of pointers, escaped ones, and some that no pointer has. */
		if (object)
			buf_printf(doc,
				   random_below(4)   ? "\"k%u\""
				   : random_below(2) ? "\"\\u006b%u\""
						     : "\"other%u\"",
				   i);
		put_random_space(doc);
		if (object)
			buf_printf(doc, ":");
		put_random_space(doc);
		put_random_value(doc, depth + 1);
		put_random_space(doc);
		if (i + 1 < n)
			buf_printf(doc, ",");
	}
	buf_printf(doc, object ? "}" : "]");
}

static void put_random_value(struct buf *doc, unsigned depth)
{
	unsigned kind = random_below(depth < 1 ? 2 : depth < 5 ? 6 : 100);

	if (kind < 2)
		put_random_container(doc, depth, kind == 0);
	else
		put_random_scalar(doc);
}

static void put_random_pointer(char *out, size_t size)
{
	unsigned tokens = random_below(5), n = 0;

	*out = '\0';
	for (unsigned i = 0; i < tokens; i++)
		switch (random_below(3)) {
		case 0:
			n += (unsigned)snprintf(out + n, size - n, "/*");
			break;
		case 1:
			n += (unsigned)snprintf(out + n, size - n, "/k%u", random_below(MANY));
			break;
		default:
			n += (unsigned)snprintf(out + n, size - n, "/%u", random_below(MANY));
		}
}

/* A path is "/k1/3/..." of a value in the document; keys here need no escape. */
static bool pointer_matches(struct span pointer, struct span path)
{
	while (pointer.len && path.len) {
		struct span token, name;

		pointer = span_skip(pointer, 1);
		path = span_skip(path, 1);
		token = span_head(pointer, strcspn(pointer.ptr, "/"));
		name = span_head(path, strcspn(path.ptr, "/"));
		if (!span_eq(token, SPAN("*")) && !span_eq(token, name))
			return false;
		pointer = span_skip(pointer, token.len);
		path = span_skip(path, name.len);
	}
	return !pointer.len && !path.len;
}

struct oracle {
	char pointers[MANY][64];
	unsigned n;
	struct buf log;
};

/* Every value of the tree, in document order, against every pointer. */
static void log_tree(struct oracle *o, const char *path, json_t *tree)
{
	char below[256];
	const char *key;
	size_t index;
	json_t *child;

	for (unsigned id = 0; id < o->n; id++)
		if (pointer_matches(span_of(o->pointers[id]), span_of(path)))
			log_tree_value(&o->log, id, tree);
	if (json_typeof(tree) == JANSSON_OBJECT) {
		json_object_foreach(tree, key, child)
		{
			snprintf(below, sizeof(below), "%s/%s", path, key);
			log_tree(o, below, child);
		}
	} else if (json_typeof(tree) == JANSSON_ARRAY) {
		json_array_foreach(tree, index, child)
		{
			snprintf(below, sizeof(below), "%s/%zu", path, index);
			log_tree(o, below, child);
		}
	}
}

static void scan_random_pieces(const struct json_paths *paths, struct span doc, struct buf *log)
{
	unsigned longest = 1 + random_below(random_below(2) ? 8 : 300);
	struct json_scan scan;

	json_scan_init(&scan, paths, log_value_by_meaning, log);
	while (doc.len) {
		size_t n = 1 + random_below(longest);

		feed_copy(&scan, span_head(doc, n));
		doc = span_skip(doc, n);
	}
	assert_int_equal(json_scan_end(&scan), 1);
}

static void check_random_document(void)
{
	struct buf doc = buf_with_max(LOG_MAX), log = buf_with_max(LOG_MAX);
	struct oracle o = { .log = buf_with_max(LOG_MAX) };
	struct json_paths *paths;
	json_t *tree;
	unsigned id;

	put_random_value(&doc, 0);
	tree = json_loadb(doc.data, doc.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(tree);
	assert_int_equal(json_paths_new(&paths), 0);
	while (o.n < MANY && random_below(MANY)) {
		put_random_pointer(o.pointers[o.n], sizeof(o.pointers[o.n]));
		assert_int_equal(json_paths_add(paths, span_of(o.pointers[o.n]), &id), 0);
		o.n += id == o.n;
	}
	log_tree(&o, "", tree);
	for (int round = 0; round < 3; round++) {
		buf_reset(&log);
		scan_random_pieces(paths, buf_span(&doc), &log);
		assert_log(&log, buf_span(&o.log));
	}
	json_decref(tree);
	json_paths_free(paths);
	buf_done(&doc);
	buf_done(&log);
	buf_done(&o.log);
}

static void test_random_documents(void **state)
{
	(void)state;
	random_start();
	for (int round = 0; round < 3000; round++)
		check_random_document();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_prefix_is_unfinished),
		cmocka_unit_test(test_feed_says_when_complete),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_long_texts_between),
		cmocka_unit_test(test_extra),
		cmocka_unit_test(test_long_keys),
		cmocka_unit_test(test_pointers_refused),
		cmocka_unit_test(test_equal_pointers_share_an_id),
		cmocka_unit_test(test_many_pointers),
		cmocka_unit_test(test_keys_of_wildcards),
		cmocka_unit_test(test_too_many_nodes),
		cmocka_unit_test(test_searches_agree),
		cmocka_unit_test(test_random_documents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
