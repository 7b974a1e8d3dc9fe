/* meter/target: request targets and templates (RFC 9112, 3.2). */
#include "meter/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void splits(void **state)
{
	static const struct {
		const char *target, *path, *query;
	} cases[] = {
		{ "/v1/x", "/v1/x", NULL },
		{ "/v1/x?a=b&c", "/v1/x", "a=b&c" },
		{ "/v1/x?", "/v1/x", "" },
		{ "//v1/x?a", "/v1/x", "a" },
		{ "https://h.example//v1//x", "/v1//x", NULL },
		{ "/?a?b", "/", "a?b" },
		{ "https://h.example/v1/x?a", "/v1/x", "a" },
		{ "http://h.example:443/", "/", NULL },
		{ "https://h.example", "h.example", NULL }, /* no path: no route starts so */
		{ "h.example:443", "h.example:443", NULL },
		{ "*", "*", NULL },
		{ "", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct span path, query;

		target_split(span_of(cases[i].target), &path, &query);
		assert_true(span_eq(path, span_of(cases[i].path)));
		assert_true(span_eq(query, span_of(cases[i].query)));
	}
	{
		struct span path, query;

		target_split((struct span){ NULL, 0 }, &path, &query);
		assert_int_equal(path.len + query.len, 0);
	}
}

static void matches(void **state)
{
	static const struct {
		const char *path, *template;
		bool expected;
	} cases[] = {
		{ "/v1/models", "/v1/models", true },
		{ "/m/gemini:generateContent", "/m/{m}:generateContent", true },
		{ "/m/tuned:a:generateContent", "/m/{m}:generateContent", true },
		{ "/m/:generateContent", "/m/{m}:generateContent", false },
		{ "/m/gemini:countTokens", "/m/{m}:generateContent", false },
		{ "/m/gemini", "/m/{m}:generateContent", false },
		{ "/m/gemini:a/b", "/m/{m}:a/b", true },
		{ "/v1/models/", "/v1/models", false },
		{ "/v1/model", "/v1/models", false },
		{ "/V1/models", "/v1/models", false },
		{ "/v1/models/gpt", "/v1/models", false },
		{ "/v1/models/gpt", "/v1/models/{m}", true },
		{ "/v1/models/a%2Fb", "/v1/models/{m}", true },
		{ "/v1/models/a/b", "/v1/models/{m}", false },
		{ "/v1/models/", "/v1/models/{m}", false },
		{ "/v1/models", "/v1/models/{m}", false },
		{ "/v1//models", "/v1/models", false },
		{ "v1/models", "/v1/models", false },
		{ "/a/x/b/y", "/a/{one}/b/{two}", true },
		{ "/a/x/c/y", "/a/{one}/b/{two}", false },
		{ "/a/x", "/a/{p...}", true },
		{ "/a/x/y/z", "/a/{p...}", true },
		{ "/a//", "/a/{p...}", true },
		{ "/a/", "/a/{p...}", false },
		{ "/a", "/a/{p...}", false },
		{ "/b/x", "/a/{p...}", false },
		{ "/x", "/{p...}", true },
		{ "/", "/{p...}", false },
		{ "/", "/", true },
		{ "", "/", false },
		{ "*", "/", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (target_matches(span_of(cases[i].path), span_of(cases[i].template)) !=
		    cases[i].expected)
			fail_msg("%s %s", cases[i].path, cases[i].template);
}

static void checks_templates(void **state)
{
	static const char *const good[] = { "/",       "/v1/x", "/v1/{a}/{b}",
					    "/v1/x:y", "/{a}",  "/v1/{a...}" };
	static const char *const bad[] = {
		"",         "v1",     "/v1 x",  "/v1?x",     "/v1#x",          "/v1%20x",
		"/v1/{a",   "/v1/a}", "/v1/{}", "/v1/x{a}",  "/{a}{b}",        "/{a}/{b}/{a}",
		"/v1/\xc3", "/{{a}}", "/v1\tx", "/{a...}/x", "/{a...}/{b...}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_null(target_check_template(span_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!target_check_template(span_of(bad[i])))
			fail_msg("%s", bad[i]);
}

static void finds_segments(void **state)
{
	const struct span template = SPAN("/v1/{a}/x/{bc}");

	(void)state;
	assert_int_equal(target_segment_of(template, SPAN("a")), 2);
	assert_int_equal(target_segment_of(template, SPAN("bc")), 4);
	assert_int_equal(target_segment_of(template, SPAN("b")), -1);
	assert_int_equal(target_segment_of(template, SPAN("x")), -1);
	assert_true(span_eq(target_segment(SPAN("/v1/m%2f/x/z"), 2), SPAN("m%2f")));
	assert_true(span_eq(target_segment(SPAN("/v1/m/x/z"), 4), SPAN("z")));
	assert_null(target_segment(SPAN("/v1/m/x/z"), 5).ptr);
	assert_null(target_segment((struct span){ NULL, 0 }, 0).ptr);
}

static void finds_parameters(void **state)
{
	const struct span query = SPAN("a=1&b=&c&a=2&=x&d=e=f");

	(void)state;
	assert_true(span_eq(target_query(query, SPAN("a")), SPAN("1")));
	assert_true(span_eq(target_query(query, SPAN("d")), SPAN("e=f")));
	assert_non_null(target_query(query, SPAN("b")).ptr);
	assert_int_equal(target_query(query, SPAN("b")).len, 0);
	assert_non_null(target_query(query, SPAN("c")).ptr);
	assert_int_equal(target_query(query, SPAN("c")).len, 0);
	assert_null(target_query(query, SPAN("z")).ptr);
	assert_null(target_query((struct span){ NULL, 0 }, SPAN("a")).ptr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits),           cmocka_unit_test(matches),
		cmocka_unit_test(checks_templates), cmocka_unit_test(finds_segments),
		cmocka_unit_test(finds_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
