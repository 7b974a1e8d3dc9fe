/* base/plain against jansson: the same tree, or none. What it must not leave to jansson is the
 * price lists that are shipped. */
#include "base/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/document.h"

/* True when it gave a tree. */
static bool agrees(struct span text)
{
	json_t *due = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	json_t *got = plain_parse(text);
	bool plain = got != NULL;

	if (plain && !json_equal(got, due))
		fail_msg("differs: %.*s", (int)text.len, text.ptr);
	json_decref(due);
	json_decref(got);
	return plain;
}

static void cases(void **state)
{
	static const struct {
		struct span text;
		bool plain;
	} rows[] = {
		{ SPAN("{}"), true },
		{ SPAN(" \t\r\n[ ] \n"), true },
		{ SPAN("{\"a\":[1,-2,0,-0,true,false,null,\"\",\"\xc3\xa9\",{\"\":{}}]}"), true },
		{ SPAN("[123456789012345678,-123456789012345678]"), true },
		{ SPAN("[1234567890123456789]"), false },
		{ SPAN("[\"a\\n\"]"), false },
		{ SPAN("[1.5]"), false },
		{ SPAN("[1e2]"), false },
		{ SPAN("[01]"), false },
		{ SPAN("[-]"), false },
		{ SPAN("[1"), false },
		{ SPAN("[1,]"), false },
		{ SPAN("[1 2]"), false },
		{ SPAN("[nul]"), false },
		{ SPAN("[truefalse]"), false },
		{ SPAN("{\"a\":1,\"a\":1}"), false },
		{ SPAN("{\"a\" 1}"), false },
		{ SPAN("{a:1}"), false },
		{ SPAN("{} x"), false },
		{ SPAN("{}\0"), false },
		{ SPAN("[\"\xed\xa0\x80\"]"), false }, /* a surrogate in UTF-8 */
		{ SPAN("[\"\xc0\x80\"]"), false },     /* NUL, too long */
		{ SPAN("[\"\x01\"]"), false },
		{ SPAN("[\"a"), false },
		{ SPAN("7"), false },
		{ SPAN(""), false },
		{ { NULL, 0 }, false },
		{ SPAN("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), true },
		{ SPAN("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (agrees(rows[i].text) != rows[i].plain)
			fail_msg("row %zu: %s", i, rows[i].text.ptr);
}

/* A document with some of its bytes changed, cut or doubled. */
static void random_bytes(void **state)
{
	static const char seed_text[] =
	    "{\"catalog\":\"x-1\",\"n\":[1,20,-300,0,true,null,{\"a\":\"b \xe2\x82\xac\"}],"
	    "\"rates\":{\"input\":\"0.15\",\"output\":\"=input\"},\"e\":{}, \"l\":[ ]}";
	static const char bytes[] = "{}[]\",:\\ 019-.eEtrufalsn\n\x80\xe2\xc3";
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	unsigned plain = 0;

	(void)state;
	printf("SEED=%u\n", seed);
	for (int i = 0; i < 50000; i++) {
		char text[sizeof(seed_text)];
		size_t n = sizeof(seed_text) - 1;

		memcpy(text, seed_text, n);
		for (int k = rand_r(&seed) % 4; k > 0; k--)
			text[(size_t)rand_r(&seed) % n] =
			    bytes[(size_t)rand_r(&seed) % (sizeof(bytes) - 1)];
		if (rand_r(&seed) % 8 == 0)
			n = (size_t)rand_r(&seed) % n;
		plain += agrees((struct span){ text, n });
	}
	assert_in_range(plain, 10000, 49999);
}

static void shipped(void **state)
{
	static const char *const files[] = { "openai", "azure", "bedrock", "openrouter", "vertex" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		struct buf text = buf_with_max(1 << 20);
		char path[64];

		snprintf(path, sizeof(path), "config/prices/%s.json", files[i]);
		assert_int_equal(document_read(path, 1 << 20, &text, NULL), 0);
		assert_true(agrees(buf_span(&text)));
		buf_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),
		cmocka_unit_test(random_bytes),
		cmocka_unit_test(shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
