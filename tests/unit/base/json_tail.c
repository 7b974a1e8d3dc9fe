/* The end of a document, cut at every byte, against what its members are by construction: each is
 * written by jansson, so where one begins is known by adding lengths. */
#include "base/json_tail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "tests/jansson.h"

#define MEMBERS_MAX 12

static void append(void *ctx, unsigned id, const struct json_value *value)
{
	buf_printf(ctx, "%u=", id);
	if (value->type == JSON_OBJECT || value->type == JSON_ARRAY)
		buf_printf(ctx, "open");
	else
		buf_put(ctx, value->text);
	buf_printf(ctx, ";");
}

/* Scans an exact copy, so that ASan sees a read past either end. */
static void assert_scan(struct span tail, int expected, struct span values)
{
	static const char *const pointers[] = { "/model", "/usage/n", "/stream" };
	FREE_PTR char *copy = malloc(tail.len ? tail.len : 1);
	struct json_paths *paths;
	struct buf log;
	unsigned id;

	assert_non_null(copy);
	memcpy(copy, tail.ptr, tail.len);
	log = buf_with_max(4096);
	assert_int_equal(json_paths_new(&paths), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(json_paths_add(paths, span_of(pointers[i]), &id), 0);
	assert_int_equal(json_tail_scan((struct span){ copy, tail.len }, paths, append, &log),
			 expected);
	if (!span_eq(buf_span(&log), values))
		fail_msg("%.*s: expected %.*s, got %.*s", (int)tail.len, tail.ptr, (int)values.len,
			 values.ptr, (int)buf_span(&log).len, buf_span(&log).ptr);
	json_paths_free(paths);
	buf_done(&log);
}

static void test_members(void **state)
{
	static const struct {
		const char *tail;
		int found;
		const char *values;
	} cases[] = {
		{ "lo\"}],\"model\":\"gpt-4o\",\"usage\":{\"n\":7}}", 1, "0=gpt-4o;1=7;" },
		{ "lo\"}],\"model\":\"gpt-4o\"} \r\n", 1, "0=gpt-4o;" },
		/* The member that the cut went through is not whole. */
		{ "el\":\"x\",\"stream\":5}", 1, "2=5;" },
		{ "\"model\":\"x\"}", 0, "" },
		{ ",\"model\":\"x\"}", 1, "0=x;" },
		/* Quoted text is no member, however it looks. */
		{ "hi \\\"}],\\\"model\\\":\\\"evil\\\",\\\"\"}", 0, "" },
		{ "hi \\\",\\\"model\\\":\\\"evil\\\"}\",\"model\":\"good\"}", 1, "0=good;" },
		{ ",\\\"model\\\":\\\"evil\\\"}\",\"stream\":1}", 1, "2=1;" },
		{ "\",\"stream\":1}", 1, "2=1;" },
		{ "\\\\\",\"stream\":1}", 1, "2=1;" },
		/* Deeper ones of the same name are others. */
		{ "1,{\"model\":\"deep\"}],\"x\":[{\"model\":\"deep\"}],\"stream\":1}", 1, "2=1;" },
		/* No end of an object, or not well formed. */
		{ "", 0, "" },
		{ " ", 0, "" },
		{ ",\"model\":\"x\"", 0, "" },
		{ ",\"model\":\"x\"]", 0, "" },
		{ ",\"model\":x}", 0, "" },
		{ "{}", 0, "" },
		{ "}", 0, "" },
		{ "{\"model\":\"x\"}", 0, "" }, /* of its own, not the end of another */
		{ "1,{\"model\":\"x\"}", 0, "" },
		{ ",\"model\":\"x\"}}", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_scan(span_of(cases[i].tail), cases[i].found, span_of(cases[i].values));
}

/* --- random documents */

static json_t *random_text(void)
{
	static const char alphabet[] = "\"\\{}[],: ab\n";
	char text[24];
	size_t n = (size_t)rand() % sizeof(text);

	for (size_t i = 0; i < n; i++)
		text[i] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
	return json_stringn(text, n);
}

static json_t *random_value(unsigned depth)
{
	json_t *value;

	switch (rand() % (depth < 3 ? 6 : 4)) {
	case 0:
		return json_integer(rand());
	case 1:
		return json_true();
	case 2:
	case 3:
		return random_text();
	case 4:
		value = json_array();
		for (int n = rand() % 4; n > 0; n--)
			json_array_append_new(value, random_value(depth + 1));
		return value;
	default:
		value = json_object();
		for (int n = rand() % 4; n > 0; n--) {
			json_t *key = random_text();

			json_object_set_new_nocheck(value, json_string_value(key),
						    random_value(depth + 1));
			json_decref(key);
		}
		return value;
	}
}

static void put_json(struct buf *doc, json_t *value)
{
	FREE_PTR char *text = json_dumps(value, JSON_ENCODE_ANY);

	assert_non_null(text);
	buf_put(doc, span_of(text));
	json_decref(value);
}

/* Writes an object of `n` members and where each begins. */
static void random_document(struct buf *doc, unsigned n, size_t starts[static MEMBERS_MAX])
{
	buf_printf(doc, "{");
	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_printf(doc, ",");
		starts[i] = buf_span(doc).len;
		put_json(doc, random_text());
		buf_printf(doc, rand() % 2 ? ":" : " :\t");
		put_json(doc, random_value(0));
	}
	buf_printf(doc, rand() % 2 ? "}" : " }\n");
}

static void test_every_cut(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

	(void)state;
	print_message("SEED=%u\n", seed);
	srand(seed);
	for (unsigned round = 0; round < 400; round++) {
		unsigned n = 1 + (unsigned)rand() % MEMBERS_MAX, next = 0;
		size_t starts[MEMBERS_MAX];
		struct span doc;
		struct buf buf;

		buf = buf_with_max(1 << 20);
		random_document(&buf, n, starts);
		doc = buf_span(&buf);
		for (size_t cut = 1; cut <= doc.len; cut++) {
			/* The first member whose comma is in the tail. */
			while (next < n && starts[next] - 1 < cut)
				next++;
			assert_int_equal(cut + json_tail_skip(span_skip(doc, cut)),
					 next < n ? starts[next] : doc.len);
		}
		buf_done(&buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_every_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
