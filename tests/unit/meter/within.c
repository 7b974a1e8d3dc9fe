/* meter/within: where the array at a pointer begins. Expected is what a reader of the text sees. */
#include "meter/within.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* What follows the bracket of the array /a/b; NULL: there is none. Comes in pieces. */
static const char *find(const char *text, size_t piece)
{
	struct span body = span_of(text);
	struct within within;

	within_begin(&within, SPAN("/a/b"));
	for (; body.len; body = span_skip(body, piece)) {
		struct span rest = span_head(body, piece);

		if (within_find(&within, &rest))
			return body.ptr + (body.len < piece ? body.len : piece) - rest.len;
		assert_int_equal(rest.len, 0);
	}
	return NULL;
}

static void finds_the_array_cut_anywhere(void **state)
{
	static const char *const texts[] = {
		"{\"a\":{\"b\":[7]}}",
		" {\n\"a\" : {\r\n\t\"b\" : [7]}}",
		"{\"b\":[1],\"a\":{\"a\":{\"b\":[2]},\"b\":[7]}}",
		"{\"x\":{\"a\":{\"b\":[1]}},\"a\":{\"b\":[7]}}",
		"{\"x\":[{\"a\":{\"b\":[1]}}],\"a\":{\"c\":\"b\",\"b\":[7],\"b\":[8]}}",
		"{\"t\":\"\\\"a\\\":{\\\"b\\\":[\",\"a\":{\"s\":\"b\",\"n\":-1.5,\"b\":[7]}}",
		"{\"t\":\"a\",\"u\":\"]}\\\\\",\"a\":{\"bb\":[1],\"\":[2],\"b\":[7]}}",
		"{\"a\":{\"b\\u0000\":[1],\"\\u0062\":[2],\"b\":[7]}}",
		"{\"a\":[{\"b\":[1]}],\"a\":{\"b\":{\"b\":[2]},\"b\":[7]}}",
		"{\"a\":\"b\",\"a\":null,\"a\":{\"b\":null,\"b\":[7]}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (size_t piece = 1; piece <= strlen(texts[i]); piece++) {
			const char *found = find(texts[i], piece);

			assert_non_null(found);
			assert_string_equal(found, strstr(texts[i], "[7]") + 1);
		}
}

static void finds_none(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"[{\"a\":{\"b\":[7]}}]",
		"{\"a\":{\"b\":{}}}",
		"{\"a\":{},\"b\":[7]}",
		"{\"a\":{\"c\":{\"b\":[7]}}}",
		"{\"a\":{}}{\"a\":{\"b\":[7]}}",
		"{\"a\":{\"b\":\"[7]\"}}",
		"{\"a\":{\"b\"",
		"}}}}{\"a\":{\"b\":[7]}}",
		"{\"a/b\":[7]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (size_t piece = 1; piece <= strlen(texts[i]); piece++)
			assert_null(find(texts[i], piece));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_array_cut_anywhere),
		cmocka_unit_test(finds_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
