/* meter/format: bodies in, slots out. Expected values are those a reader of the text sees. */
#include "meter/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N, TEXT, ITEMS, N_SLOTS };

struct world {
	struct slot_plan plan;
	struct format_reader reader;
	struct slot slots[N_SLOTS];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned id;

	assert_int_equal(slot_plan_init(&w->plan), 0);
	assert_int_equal(slot_plan_add(&w->plan, SPAN("/u/n"), &id), 0);
	assert_int_equal(id, N);
	assert_int_equal(slot_plan_add(&w->plan, SPAN("/t"), &id), 0);
	assert_int_equal(id, TEXT);
	assert_int_equal(slot_plan_add(&w->plan, SPAN("/i/*"), &id), 0);
	assert_int_equal(id, ITEMS);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	slots_done(w->slots, N_SLOTS);
	slot_plan_done(&w->plan);
	free(w);
	return 0;
}

static void begin(struct world *w, int format)
{
	slots_done(w->slots, N_SLOTS);
	format_begin(&w->reader, &format_table[format], &w->plan, w->slots);
}

static void feed(struct world *w, struct span body, size_t piece)
{
	for (; body.len; body = span_skip(body, piece))
		format_feed(&w->reader, span_head(body, piece));
}

static void read_body(struct world *w, int format, const char *body)
{
	begin(w, format);
	feed(w, span_of(body), strlen(body));
	format_end(&w->reader, true);
}

static void finds_rows(void **state)
{
	static const struct {
		const char *type;
		int row;
	} cases[] = {
		{ "application/json", FORMAT_JSON },
		{ "Application/JSON; charset=utf-8", FORMAT_JSON },
		{ "application/json;charset=utf-8", FORMAT_JSON },
		{ " application/json ", FORMAT_JSON },
		{ "application/problem+json", FORMAT_JSON },
		{ "text/event-stream", FORMAT_SSE },
		{ "text/event-stream; charset=utf-8", FORMAT_SSE },
		{ "text/html", -1 },
		{ "application/jsonl", -1 },
		{ "json", -1 },
		{ "+", -1 },
		{ "", -1 },
		{ ";", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(format_of_type(span_of(cases[i].type)), cases[i].row);
	assert_int_equal(format_of_type((struct span){ NULL, 0 }), -1);
	assert_int_equal(format_find(SPAN("json")), FORMAT_JSON);
	assert_int_equal(format_find(SPAN("sse")), FORMAT_SSE);
	assert_int_equal(format_find(SPAN("xml")), -1);
	assert_int_equal(format_find(SPAN("")), -1);
}

static void reads_json_cut_anywhere(void **state)
{
	static const char body[] = " {\"t\":\"a\\u00e9b\",\"i\":[1,2,3],\"u\":{\"n\":17}}\r\n";
	struct world *w = *state;

	for (size_t piece = 1; piece <= sizeof(body); piece++) {
		begin(w, FORMAT_JSON);
		feed(w, SPAN(body), piece);
		format_end(&w->reader, true);
		assert_true(format_read_well(&w->reader));
		assert_int_equal(w->slots[N].type, SLOT_INTEGER);
		assert_int_equal(w->slots[N].integer, 17);
		assert_string_equal(w->slots[TEXT].text, "a\xc3\xa9"
							 "b");
		assert_int_equal(w->slots[ITEMS].count, 3);
		assert_int_equal(w->slots[ITEMS].sum, 6);
	}
}

static void marks_json_that_is_cut(void **state)
{
	static const char body[] = "{\"u\":{\"n\":17},\"t\":\"x\"}";
	struct world *w = *state;

	for (size_t length = 0; length < sizeof(body) - 1; length++) {
		begin(w, FORMAT_JSON);
		feed(w, span_head(SPAN(body), length), 5);
		format_end(&w->reader, true);
		assert_false(format_read_well(&w->reader));
		assert_int_equal(w->slots[N].torn, w->slots[N].type != SLOT_ABSENT);
	}
}

static void marks_what_is_no_json(void **state)
{
	static const char *const bodies[] = {
		"<html>", "{\"u\":{\"n\":17}} x", "{\"u\":{\"n\":17}}{", "{\"u\":{\"n\":17,}}", " ",
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		read_body(w, FORMAT_JSON, bodies[i]);
		assert_false(format_read_well(&w->reader));
		assert_true(w->slots[N].type == SLOT_ABSENT || w->slots[N].torn);
	}
}

static void marks_json_with_a_hole(void **state)
{
	struct world *w = *state;

	begin(w, FORMAT_JSON);
	feed(w, SPAN("{\"u\":{\"n\":17},"), 100);
	format_gap(&w->reader);
	feed(w, SPAN("{\"u\":{\"n\":18}}"), 100);
	format_end(&w->reader, true);
	assert_false(format_read_well(&w->reader));
	assert_true(w->slots[N].torn);
	assert_int_equal(w->slots[N].integer, 17);
}

/* What lies whole behind a hole is as good as any, if the body went on to its end. */
static void reads_the_end_behind_a_hole(void **state)
{
	static const char quoted[] =
	    "lo \\\"},\\\"t\\\":\\\"evil\\\",\\\"\",\"i\":[4,5],\"u\":{\"n\":18}}";
	struct world *w = *state;

	for (size_t piece = 1; piece < sizeof(quoted); piece++) {
		begin(w, FORMAT_JSON);
		feed(w, SPAN("{\"t\":\"head\",\"i\":[1,2,3"), 100);
		format_gap(&w->reader);
		feed(w, SPAN("{\"t\":\"between two holes\"}"), 100);
		format_gap(&w->reader);
		feed(w, SPAN(quoted), piece);
		format_end(&w->reader, true);
		assert_false(format_read_well(&w->reader));
		assert_string_equal(w->slots[TEXT].text, "head");
		assert_int_equal(w->slots[ITEMS].count, 2);
		assert_false(w->slots[ITEMS].torn);
		assert_int_equal(w->slots[N].integer, 18);
		assert_false(w->slots[N].torn);
	}
	begin(w, FORMAT_JSON);
	format_gap(&w->reader);
	feed(w, SPAN(quoted), 5);
	format_end(&w->reader, false); /* more was to come */
	assert_int_equal(w->slots[N].type, SLOT_ABSENT);
}

/* However much comes behind a hole, the last of it is kept. */
static void keeps_the_last_of_a_long_end(void **state)
{
	static const char end[] = "\",\"u\":{\"n\":19}}";
	struct world *w = *state;
	char filler[1000];

	memset(filler, 'x', sizeof(filler));
	for (size_t piece = 1; piece <= 5 * sizeof(filler); piece += 999) {
		begin(w, FORMAT_JSON);
		format_gap(&w->reader);
		for (unsigned i = 0; i < 50; i++)
			feed(w, (struct span){ filler, sizeof(filler) }, piece);
		feed(w, SPAN(end), piece);
		format_end(&w->reader, true);
		assert_int_equal(w->slots[N].integer, 19);
	}
}

static void latest_value_replaces(void **state)
{
	static const char stream[] = ": comment\n\n"
				     "data: {\"t\":\"a\",\"u\":null,\"i\":[1,2]}\n\n"
				     "data: {\"t\":\"b\",\"u\":{\"n\":5},\"i\":[4]}\r\n\r\n"
				     "event: x\ndata: {\"t\":\"\",\n"
				     "data: \"u\":{\"n\":7}}\n\n"
				     "data: {\"t\":null,\"u\":null,\"i\":[]}\n\n"
				     "data: [DONE]\n\n";
	struct world *w = *state;

	for (size_t piece = 1; piece <= sizeof(stream); piece++) {
		begin(w, FORMAT_SSE);
		feed(w, SPAN(stream), piece);
		format_end(&w->reader, true);
		assert_true(format_read_well(&w->reader));
		assert_true(w->reader.finished);
		assert_int_equal(w->slots[N].integer, 7); /* replaced, not 12 */
		assert_string_equal(w->slots[TEXT].text, "b");
		assert_int_equal(w->slots[ITEMS].count, 1); /* of the latest event that had any */
		assert_int_equal(w->slots[ITEMS].sum, 4);
	}
}

static void a_stream_without_marker_is_not_finished(void **state)
{
	static const char *const streams[] = {
		"data: {\"u\":{\"n\":5}}\n\n",
		"data: {\"u\":{\"n\":5}}\n\ndata: [DONE", /* cut */
		"data: {\"u\":{\"n\":5}}\n\ndata: [DONE]x\n\n",
		"data: {\"u\":{\"n\":5}}\n\ndata: [DONE\n\n",
		"data: {\"u\":{\"n\":5}}\n\ndata: [\ndata: DONE]\n\n",
		"data: {\"u\":{\"n\":5}}\n\n: [DONE]\n\n",
		"data: {\"u\":{\"n\":5},\"t\":\"[DONE]\"}\n\n",
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
		read_body(w, FORMAT_SSE, streams[i]);
		assert_false(w->reader.finished);
		assert_int_equal(w->slots[N].integer, 5);
		assert_false(w->slots[N].torn);
	}
}

/* Servers close without the last blank line; a document that is whole counts all the same. */
static void last_event_needs_no_blank_line(void **state)
{
	struct world *w = *state;

	read_body(w, FORMAT_SSE, "data: {\"u\":{\"n\":5}}\n");
	assert_true(format_read_well(&w->reader));
	assert_false(w->slots[N].torn);
	read_body(w, FORMAT_SSE, "data: {\"u\":{\"n\":5}}\n\ndata: [DONE]");
	assert_true(w->reader.finished);
}

static void torn_event_heals(void **state)
{
	struct world *w = *state;

	read_body(w, FORMAT_SSE, "data: {\"u\":{\"n\":5},\n\n");
	assert_true(w->slots[N].torn);
	read_body(w, FORMAT_SSE, "data: {\"u\":{\"n\":5},\n\ndata: {\"u\":{\"n\":6}}\n\n");
	assert_false(format_read_well(&w->reader));
	assert_int_equal(w->slots[N].integer, 6);
	assert_false(w->slots[N].torn);
	read_body(w, FORMAT_SSE, "data: {\"u\":{\"n\":5}}\n\ndata: {nonsense\n\n");
	assert_false(format_read_well(&w->reader));
	assert_false(w->slots[N].torn);
}

static void stream_goes_on_after_a_hole(void **state)
{
	struct world *w = *state;

	begin(w, FORMAT_SSE);
	feed(w, SPAN("data: {\"u\":{\"n\":5},"), 100);
	format_gap(&w->reader);
	assert_true(w->slots[N].torn);
	feed(w, SPAN("{\"u\":{\"n\":9}}\n\ndata: {\"u\":{\"n\":6}}\n\ndata: [DONE]\n\n"), 100);
	format_end(&w->reader, true);
	assert_false(format_read_well(&w->reader));
	assert_true(w->reader.finished);
	assert_int_equal(w->slots[N].integer, 6);
	assert_false(w->slots[N].torn);
}

static void cuts_long_texts(void **state)
{
	struct world *w = *state;
	char body[600];
	int n = snprintf(body, sizeof(body), "{\"t\":\"%0500d\"}", 0);

	begin(w, FORMAT_JSON);
	feed(w, (struct span){ body, (size_t)n }, 7);
	format_end(&w->reader, true);
	assert_int_equal(w->slots[TEXT].text_len, SLOT_TEXT_MAX - 1);
	assert_int_equal(strlen(w->slots[TEXT].text), SLOT_TEXT_MAX - 1);
}

static void unread_is_not_read_well(void **state)
{
	struct world *w = *state;

	format_begin(&w->reader, NULL, &w->plan, w->slots);
	feed(w, SPAN("{\"u\":{\"n\":5}}"), 3);
	format_gap(&w->reader);
	format_end(&w->reader, true);
	assert_false(format_read_well(&w->reader));
	assert_int_equal(w->slots[N].type, SLOT_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_rows),
		cmocka_unit_test_setup_teardown(reads_json_cut_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(marks_json_that_is_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(marks_what_is_no_json, setup, teardown),
		cmocka_unit_test_setup_teardown(marks_json_with_a_hole, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_the_end_behind_a_hole, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_the_last_of_a_long_end, setup, teardown),
		cmocka_unit_test_setup_teardown(latest_value_replaces, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stream_without_marker_is_not_finished, setup,
						teardown),
		cmocka_unit_test_setup_teardown(last_event_needs_no_blank_line, setup, teardown),
		cmocka_unit_test_setup_teardown(torn_event_heals, setup, teardown),
		cmocka_unit_test_setup_teardown(stream_goes_on_after_a_hole, setup, teardown),
		cmocka_unit_test_setup_teardown(cuts_long_texts, setup, teardown),
		cmocka_unit_test_setup_teardown(unread_is_not_read_well, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
