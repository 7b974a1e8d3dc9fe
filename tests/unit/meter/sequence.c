/* meter/sequence: where documents begin and end. Expected values are those a reader of the text
 * sees; the array is the shape of Gemini's streamGenerateContent without alt=sse. */
#include "meter/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct result {
	int64_t integer;
	uint32_t documents;
	bool well;
};

static struct result read_pieces(const char *text, size_t piece, const char *after_hole)
{
	struct format_reader reader;
	struct slot_plan plan;
	struct result result = { .well = false };
	struct slot slot = { 0 };
	struct span body = span_of(text);
	unsigned id;

	assert_int_equal(slot_plan_init(&plan), 0);
	assert_int_equal(slot_plan_add(&plan, SPAN("/u/n"), &id), 0);
	format_begin(&reader, &format_table[FORMAT_SEQUENCE], &plan, &slot);
	for (; body.len; body = span_skip(body, piece))
		format_feed(&reader, span_head(body, piece));
	if (after_hole) {
		format_gap(&reader);
		format_feed(&reader, span_of(after_hole));
	}
	format_end(&reader, true);
	result.documents = reader.documents;
	result.well = format_read_well(&reader);
	result.integer = slot.integer;
	slots_done(&slot, 1);
	slot_plan_done(&plan);
	return result;
}

static void reads_documents_cut_anywhere(void **state)
{
	static const struct {
		const char *text;
		uint32_t documents;
		int64_t n;
	} cases[] = {
		{ "[{\"u\":{\"n\":1}}\n,\r\n{\"u\":{\"n\":2}}]\n", 2, 2 },
		{ "{\"u\":{\"n\":1}}\n{\"u\":{\"n\":3}}\n", 2, 3 },
		{ "{\"u\":{\"n\":1}}{\"u\":{\"n\":3}}", 2, 3 },
		{ "{\n \"u\": {\n  \"n\": 4\n }\n}\n", 1, 4 },
		{ "[{\"t\":\"}]{\\\"\\\\\",\"u\":{\"n\":5}},{\"a\":[[{}]]}]", 2, 5 },
		{ "[{\"t\":\"{\\\"u\\\":{\\\"n\\\":9}}\"},{\"u\":{\"n\":6}}]", 2, 6 },
		{ "{\"t\":\"\\{\",\"u\":{\"n\":7}} {\"u\":{\"n\":8}}", 2, 8 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t piece = 1; piece < 9; piece++) {
			struct result r = read_pieces(cases[i].text, piece, NULL);

			assert_int_equal(r.documents, cases[i].documents);
			assert_true(r.well);
			assert_int_equal(r.integer, cases[i].n);
		}
}

static void says_what_is_none(void **state)
{
	static const char *const cases[] = {
		"<html>",           "{\"u\":{\"n\":1}} x", "[[{\"u\":{\"n\":1}}]]",
		"{\"u\":{\"n\":1}", "{\"u\":{\"n\":1}]",   "]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct result r = read_pieces(cases[i], 3, NULL);

		assert_false(r.well);
	}
}

static void reads_nothing_behind_a_hole(void **state)
{
	struct result r = read_pieces("[{\"u\":{\"n\":1}},{\"u\":{", 50, "{\"u\":{\"n\":7}}]");

	(void)state;
	assert_int_equal(r.integer, 1);
	assert_false(r.well);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_documents_cut_anywhere),
		cmocka_unit_test(says_what_is_none),
		cmocka_unit_test(reads_nothing_behind_a_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
