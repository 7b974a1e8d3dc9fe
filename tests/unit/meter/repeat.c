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
#define EVENTS_MAX 40
#define N_POINTERS 7
#define N_SLOTS    (N_POINTERS + 3) /* a selector has three parts */

static const char *const pointers[N_POINTERS] = { "/id",
						  "/model",
						  "/tier",
						  "/usage/n",
						  "/list/*",
						  "/choices/*/delta/content",
						  "/parts/*[k=a]/n" };

struct reading {
	struct format_reader reader;
	struct json_scan scan;
	struct slot slots[N_SLOTS];
};

static void read_stream(struct reading *r, const struct slot_plan *plan, struct span body,
			size_t piece)
{
	slots_done(r->slots, N_SLOTS);
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
		assert_int_equal(x->bytes, y->bytes);
		assert_int_equal(x->text_len, y->text_len);
		if (x->text_len)
			assert_memory_equal(x->text, y->text, x->text_len);
	}
}

static void store(void *ctx, unsigned id, const struct json_value *value)
{
	struct reading *r = ctx;

	if (r->reader.repeat)
		repeat_learn(r->reader.repeat, id, value);
	slot_store(&r->slots[id], r->reader.documents, value);
}

static struct slot_plan the_plan(void)
{
	struct slot_plan plan;
	unsigned id;

	assert_int_equal(slot_plan_init(&plan), 0);
	for (unsigned i = 0; i < N_POINTERS; i++) {
		assert_int_equal(slot_plan_add(&plan, span_of(pointers[i]), &id), 0);
		assert_int_equal(id, i);
	}
	assert_int_equal(plan.n, N_SLOTS);
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
	static const char *const words[] = { "\\u00e9", "",     " a",   " word",   "\\n",
					     "\\\\",    "\\\"", "\x01", "\\ud83d", "\xff" };
	static const char *const fills[] = { "", "abc", "\\n", "a longer one" };
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

	static const char *const parts[] = { "", "", "{\"k\":\"a\",\"n\":1},{\"n\":2,\"k\":\"b\"}",
					     "{\"n\":3,\"k\":\"a\"}", "{\"n\":4}" };

	if (rand() % 20 == 0)
		buf_printf(out, "data: [DONE]\n\n");
	buf_printf(out, "data: {\"id\":\"%s\",\"parts\":[%s],\"object\":\"chat.completion.chunk\",",
		   one_of(ids, 4), one_of(parts, 5));
	buf_printf(out, "\"model\":%s,", one_of(models, 5));
	buf_printf(out,
		   "\"tier\":\"default\",%s\"choices\":[{\"delta\":{\"content\":\"%s%s\"},"
		   "\"logprobs\":null}],"
		   "\"fill\":\"%s\",",
		   one_of(middles, rand() % 2 ? 3 : 6), one_of(words, 10), one_of(words, 4),
		   one_of(fills, 4));
	buf_printf(out, "%s\n\n", one_of(ends, 7));
}

static void test_streams(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	struct slot_plan plan = the_plan();
	struct reading whole = { .scan.depth = 0 }, parts = { .scan.depth = 0 };

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
	slots_done(whole.slots, N_SLOTS);
	slots_done(parts.slots, N_SLOTS);
	slot_plan_done(&plan);
}

/* As document.c does, of a document in two pieces. */
static size_t feed_pieces(struct repeat *repeat, struct reading *r, const struct slot_plan *plan,
			  uint32_t document, const char *text, const char *more)
{
	size_t n;

	json_scan_init(&r->scan, plan->paths, store, r);
	r->reader.documents = document;
	n = repeat_feed(repeat, &r->scan, r->slots, document, span_of(text));
	assert_true(n <= strlen(text));
	json_scan_feed(&r->scan, span_skip(span_of(text), n));
	json_scan_feed(&r->scan, span_of(more));
	assert_int_equal(json_scan_end(&r->scan), 1);
	return n;
}

static size_t feed(struct repeat *repeat, struct reading *r, const struct slot_plan *plan,
		   uint32_t document, const char *text)
{
	return feed_pieces(repeat, r, plan, document, text, "");
}

#define FRONT "{\"model\":\"gpt-4o\",\"more than 32 bytes\":\""
#define REST  ",\"tier\":\"flex\",\"usage\":{\"n\":"

/* Front and rest are known from the third document on, and their values are its own. */
static void test_feed(void **state)
{
	struct repeat *repeat = repeat_new();
	struct slot_plan plan = the_plan();
	struct reading r = { .reader.repeat = repeat };
	size_t front = strlen(FRONT), rest = strlen(REST);

	(void)state;
	assert_int_equal(feed(repeat, &r, &plan, 2, FRONT "one\"" REST "1}}"), 0);
	assert_int_equal(feed(repeat, &r, &plan, 3, FRONT "and two\"" REST "2}}"),
			 front + 8 + rest);
	assert_int_equal(repeat->front.n, front);
	assert_int_equal(repeat->rest.n, rest);
	assert_int_equal(feed(repeat, &r, &plan, 4, FRONT "\"" REST "3}}"), front + 1 + rest);
	assert_int_equal(r.slots[1].document, 4);
	assert_int_equal(r.slots[1].bytes, 3 * strlen("gpt-4o"));
	assert_int_equal(r.slots[2].document, 4);
	assert_int_equal(r.slots[2].bytes, 3 * strlen("flex"));
	assert_int_equal(r.slots[3].integer, 3);
	/* a text with an escape, or with another end */
	assert_int_equal(feed(repeat, &r, &plan, 5, FRONT "\\\"\"" REST "4}}"), front);
	assert_int_equal(feed(repeat, &r, &plan, 6, FRONT "six\"}"), front);
	assert_int_equal(r.slots[2].document, 5);
	/* a tier that is not of the document before is read again */
	assert_int_equal(feed(repeat, &r, &plan, 7, FRONT "7\"" REST "5}}"), front + 2 + rest);
	assert_int_equal(r.slots[2].document, 7);
	assert_int_equal(r.slots[3].integer, 5);
	assert_int_equal(feed(repeat, &r, &plan, 8, FRONT "8\"" REST "6}}"), front + 2 + rest);
	/* one in two pieces, whose model is another one */
	assert_int_equal(feed_pieces(repeat, &r, &plan, 9, "{\"model\":\"g", "pt-5\"}"), 0);
	assert_string_equal(r.slots[1].text, "gpt-5");
	assert_int_equal(feed(repeat, &r, &plan, 10, FRONT "10\"" REST "7}}"), front + 3 + rest);
	assert_string_equal(r.slots[1].text, "gpt-4o");
	repeat_free(repeat);
	repeat_free(NULL);
	slots_done(r.slots, N_SLOTS);
	slot_plan_done(&plan);
}

/* What ends in a key, in an escape or after more values than are kept has no rest, or is fed. */
static void test_ends(void **state)
{
	static const char *const pairs[][2] = {
		{ "{\"model\":\"a model of more than 32 bytes\",\"key 1\":\"and more behind it\"}",
		  "{\"model\":\"a model of more than 32 bytes\",\"key 2\":\"and more behind "
		  "it\"}" },
		{ "{\"model\":\"a model of more than 32 bytes\",\"t\":\"\\n\",\"tier\":\"flex\"}",
		  "{\"model\":\"a model of more than 32 bytes\",\"t\":\"\\t\",\"tier\":\"flex\"}" },
		{ "{\"t\":[\"more than 32 bytes of text\",\"\\ud83d\\ude00\"],\"tier\":\"flex\"}",
		  "{\"t\":[\"more than 32 bytes of text\",\"\\ud83d\\ude01\"],\"tier\":\"flex\"}" },
		{ "{\"list\":[1,2,3,4,5,6,7,8,9],\"t\":\"more of it\",\"tier\":\"flex\"}",
		  "{\"list\":[1,2,3,4,5,6,7,8,9],\"t\":\"much of it\",\"tier\":\"flex\"}" },
	};
	struct slot_plan plan = the_plan();

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct repeat *repeat = repeat_new();
		struct reading r = { .reader.repeat = repeat }, plain = { .slots[0].type = 0 };

		for (uint32_t document = 2; document < 9; document++) {
			const char *text = pairs[i][document % 2];

			feed(repeat, &r, &plan, document, text);
			plain.reader.documents = document;
			json_scan_init(&plain.scan, plan.paths, store, &plain);
			json_scan_feed(&plain.scan, span_of(text));
			compare(&r, &plain);
		}
		repeat_free(repeat);
		slots_done(r.slots, N_SLOTS);
		slots_done(plain.slots, N_SLOTS);
	}
	slot_plan_done(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_feed),
		cmocka_unit_test(test_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
