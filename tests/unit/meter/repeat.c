/* meter/repeat: a stream of documents with like beginnings leaves the same values whether it comes
 * in whole events, where what repeats is skipped, or byte by byte, where nothing is. */
#include "meter/repeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "meter/format.h"

#define STREAMS    400
#define EVENTS_MAX 12
#define N_SLOTS    5

static const char *const pointers[N_SLOTS] = { "/id", "/model", "/tier", "/usage/n", "/list/*" };

struct reading {
	struct format_reader reader;
	struct slot slots[N_SLOTS];
};

static void read_stream(struct reading *r, const struct slot_plan *plan, struct span body,
			size_t piece)
{
	memset(r, 0, sizeof(*r));
	format_begin(&r->reader, &format_table[FORMAT_SSE], plan, r->slots);
	for (; body.len; body = span_skip(body, piece))
		format_feed(&r->reader, span_head(body, piece));
	format_end(&r->reader, true);
	assert_null(r->reader.repeat);
}

static void compare(const struct reading *a, const struct reading *b)
{
	assert_int_equal(a->reader.documents, b->reader.documents);
	assert_int_equal(a->reader.broken, b->reader.broken);
	for (int i = 0; i < N_SLOTS; i++) {
		const struct slot *x = &a->slots[i], *y = &b->slots[i];

		assert_int_equal(x->type, y->type);
		assert_int_equal(x->document, y->document);
		assert_int_equal(x->torn, y->torn);
		assert_int_equal(x->count, y->count);
		assert_int_equal(x->sum, y->sum);
		assert_int_equal(x->integer, y->integer);
		assert_string_equal(x->text, y->text);
	}
}

static struct slot_plan the_plan(void)
{
	struct slot_plan plan;
	unsigned id;

	assert_int_equal(slot_plan_init(&plan), 0);
	for (unsigned i = 0; i < N_SLOTS; i++) {
		assert_int_equal(slot_plan_add(&plan, span_of(pointers[i]), &id), 0);
		assert_int_equal(id, i);
	}
	return plan;
}

static const char *one_of(const char *const *texts, unsigned n)
{
	return texts[(unsigned)rand() % n];
}

/* Mostly alike; now and then another value, a key twice, an end that overwrites, a broken one. */
static void put_event(struct buf *out)
{
	static const char *const ids[] = { "chatcmpl-1", "chatcmpl-1", "chatcmpl-1", "chatcmpl-2" };
	static const char *const models[] = { "\"gpt-4o\"", "\"gpt-4o\"", "null", "\"\"",
					      "\"other\"" };
	static const char *const middles[] = {
		"", "", "", "\"model\":\"twice\",", "\"list\":[1,2,3],", "\"list\":[1,"
	};
	static const char *const ends[] = { "\"usage\":null}",
					    "\"usage\":null}",
					    "\"usage\":{\"n\":7}}",
					    "\"usage\":{\"n\":8},\"model\":\"last\"}",
					    "\"list\":[4]}",
					    "\"usage\":{\"n\":9}",
					    "}" };

	if (rand() % 20 == 0)
		buf_printf(out, "data: [DONE]\n\n");
	buf_printf(out, "data: {\"id\":\"%s\",\"object\":\"chat.completion.chunk\",\"model\":%s,",
		   one_of(ids, 4), one_of(models, 5));
	buf_printf(out,
		   "\"tier\":\"default\",%s\"choices\":[{\"delta\":{\"content\":\"w%d\\u00e9\"}}],",
		   one_of(middles, 6), rand() % 1000);
	buf_printf(out, "%s\n\n", one_of(ends, 7));
}

static void test_streams(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	struct slot_plan plan = the_plan();
	struct reading whole, parts;

	(void)state;
	print_message("SEED=%u\n", seed);
	srand(seed);
	for (int i = 0; i < STREAMS; i++) {
		struct buf stream = buf_with_max(1 << 20);
		int n = 2 + rand() % EVENTS_MAX;

		while (n--)
			put_event(&stream);
		read_stream(&whole, &plan, buf_span(&stream), stream.len);
		read_stream(&parts, &plan, buf_span(&stream), 1);
		compare(&whole, &parts);
		read_stream(&parts, &plan, buf_span(&stream), 1 + (size_t)rand() % 300);
		compare(&whole, &parts);
		buf_done(&stream);
	}
	slot_plan_done(&plan);
}

/* The part that repeats is known from the third document on, and its values are its own. */
static void test_take(void **state)
{
	static const char first[] = "{\"model\":\"gpt-4o\",\"more than 32 bytes\":\"aaaa\"}";
	static const char second[] = "{\"model\":\"gpt-4o\",\"more than 32 bytes\":\"bbbb\"}";
	struct repeat *repeat = repeat_new();
	struct slot slots[2] = { { .document = 0 }, { .document = 2, .count = 1 } };
	size_t n = sizeof(first) - 1 - strlen("aaaa\"}");

	(void)state;
	assert_int_equal(repeat_match(repeat, SPAN(first)), 0);
	assert_int_equal(repeat_common(repeat, SPAN(first)), 0);
	assert_int_equal(repeat_common(repeat, SPAN(second)), n);
	repeat_learn(repeat, 1);
	assert_int_equal(repeat_match(repeat, SPAN(first)), n);
	assert_int_equal(repeat_match(repeat, span_head(SPAN(first), n - 1)), 0);
	assert_true(repeat_take(repeat, slots, 3));
	assert_int_equal(slots[1].document, 3);
	/* not of the document before; stored twice there; torn */
	assert_false(repeat_take(repeat, slots, 5));
	slots[1] = (struct slot){ .document = 2, .count = 2 };
	assert_false(repeat_take(repeat, slots, 3));
	slots[1] = (struct slot){ .document = 2, .count = 1, .torn = true };
	assert_false(repeat_take(repeat, slots, 3));
	slots[1].torn = false;
	for (int i = 0; i < REPEAT_SLOTS_MAX; i++)
		repeat_learn(repeat, 1);
	assert_false(repeat_take(repeat, slots, 3));
	repeat_free(repeat);
	repeat_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
