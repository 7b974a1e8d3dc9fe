/* meter/form and meter/multipart through the rows of the format table. Expected values are those of
 * WHATWG URL 5.1 and RFC 7578, read by hand. */
#include "meter/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define PART(head, value) "--b\r\nContent-Disposition: form-data; " head "\r\n\r\n" value "\r\n"

static void expect(int format, const char *text, size_t piece, const char *value)
{
	struct slot slot = { .type = SLOT_ABSENT };
	struct format_reader reader;
	struct slot_plan plan;
	struct span body = span_of(text);
	unsigned id;

	assert_int_equal(slot_plan_init(&plan), 0);
	assert_int_equal(slot_plan_add(&plan, SPAN("/model"), &id), 0);
	format_begin(&reader, &format_table[format], &plan, &slot);
	for (; body.len; body = span_skip(body, piece))
		format_feed(&reader, span_head(body, piece));
	format_end(&reader, true);
	assert_false(slot.torn);
	if (value)
		assert_string_equal(slot.text, value);
	else
		assert_int_equal(slot.type, SLOT_ABSENT);
	slots_done(&slot, 1);
	slot_plan_done(&plan);
}

static void reads_forms_cut_anywhere(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{ "model=m-1", "m-1" },
		{ "a=b&model=m%2F1+x&c=d", "m/1 x" },
		{ "mo%64el=a%22%5Cb&&", "a\"\\b" },
		{ "model=a=b", "a=b" },
		{ "model=%zz1", "zz1" },
		{ "model=&model", NULL },
		{ "Model=x", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t piece = 1; piece < 12; piece++)
			expect(FORMAT_FORM, cases[i].text, piece, cases[i].value);
}

static void reads_parts_cut_anywhere(void **state)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{ PART("name=\"model\"", "whisper-1") "--b--\r\n", "whisper-1" },
		{ PART("filename=\"f\"; name=\"model\"", "no")
		      PART("name=\"model\"", "a\"b") "--b--\r\n",
		  "a\"b" },
		{ PART("name=\"file\"; filename=\"x\"", "\n--c\r\n--b-\r\n\r\nmodel")
		      PART("name=\"model\"", "yes") "--b--\r\n",
		  "yes" },
		{ PART("name=\"model\"; filename=\"x\"", "no") "--b--\r\n", NULL },
		{ PART("name=\"models\"", "no") "--b--\r\n", NULL },
		{ "no boundary\r\n\r\nname=\"model\"\r\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t piece = 1; piece < 60; piece++)
			expect(FORMAT_MULTIPART, cases[i].text, piece, cases[i].value);
}

static void are_of_requests_alone(void **state)
{
	(void)state;
	assert_int_equal(format_find(SPAN("form")), -1);
	assert_int_equal(format_find(SPAN("multipart")), -1);
	assert_int_equal(format_of_type(SPAN("multipart/form-data; boundary=b")), FORMAT_MULTIPART);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_forms_cut_anywhere),
		cmocka_unit_test(reads_parts_cut_anywhere),
		cmocka_unit_test(are_of_requests_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
