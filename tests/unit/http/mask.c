/* Masks on texts written by hand: what stays, what is overwritten, what is left out ('~' here), in
 * one piece and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "http/mask.h"

static struct mask mask;

/* What stands for `text`, '~' for each byte that is left out. */
static void put(const char *text, size_t piece, char *out)
{
	struct span in = span_of(text);

	memset(out, '~', in.len);
	out[in.len] = '\0';
	while (in.len) {
		struct span rest = span_head(in, piece);

		in = span_skip(in, rest.len);
		while (rest.len) {
			char kept[4096];
			bool is_kept;
			size_t n = mask_next(&mask, rest, kept, &is_kept);

			if (is_kept)
				memcpy(out, kept, n);
			out += n;
			rest = span_skip(rest, n);
		}
	}
}

static void expect(const char *text, const char *due)
{
	static const size_t pieces[] = { 4096, 1, 7 };
	struct mask before = mask;
	char out[4096];

	assert_int_equal(strlen(text), strlen(due));
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		mask = before;
		put(text, pieces[i], out);
		assert_string_equal(out, due);
	}
}

static void test_request(void **state)
{
	(void)state;
	mask_begin(&mask, false);
	expect("{\"model\": \"gpt-4o\", "
	       "\"messages\":[{\"role\":\"user\",\"content\":\"\\\"h\\u00e9\"}],\"n\": 3}",
	       "{\"model\": \"gpt-4o\", "
	       "\"messagex\":[{\"xxxx\":\"xxxx\",\"xxxxxxx\":\"xxxxxxxxx\"}],\"n\": 3}");
	mask_begin(&mask, false);
	expect("data: text", "~~~~~~~~~~");
}

static void test_answer(void **state)
{
	(void)state;
	mask_begin(&mask, true);
	expect(" {\"id\":\"chatcmpl-1\",\"status\""
	       ":\"a secret word\",\"choices\":[{\"index\":20}],\"usage\":{\"prompt_tokens\":25,"
	       "\"by\":{\"a b\":1.5e3}},\"error\":{\"code\":\"x\"}}\n",
	       " {\"id\":\"chatcmpl-1\",\"status\""
	       ":\"axxxxxxxxxxxx\",\"choices\":[{\"xxxxx\":11}],\"usage\":{\"prompt_tokens\":25,"
	       "\"by\":{\"axx\":1.5e3}},\"error\":{\"code\":\"x\"}}\n");
	/* A sequence of documents: what was said of one does not hold for the next. */
	expect("{\"model\":\"a\"}\n{\"yard\":\"b\",\"model\":\"c\"}\n\"model\"{}",
	       "{\"model\":\"a\"}\n{\"xxxx\":\"x\",\"model\":\"c\"}\nxxxxxxxxx");
}

/* Of what is within inputs and outputs, what it is, and no more. */
static void test_chains(void **state)
{
	(void)state;
	mask_begin(&mask, true);
	expect("{\"session\":{\"audio\":{\"input\":{\"transcription\":{\"model\":\"w-1\",\"v\":"
	       "\"it\"}}}}}",
	       "{\"session\":{\"audio\":{\"input\":{\"transcription\":{\"model\":\"w-1\",\"x\":"
	       "\"xx\"}}}}}");
	mask_begin(&mask, true);
	expect("{\"response\":{\"output\":[{\"type\":\"call\",\"action\":{\"type\":\"search\","
	       "\"v\":\"it\"},"
	       "\"code\":\"it\"}]}}",
	       "{\"response\":{\"output\":[{\"type\":\"call\",\"action\":{\"type\":\"search\","
	       "\"x\":\"xx\"},"
	       "\"code\":\"xx\"}]}}");
	mask_begin(&mask, true);
	expect("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"it\"}]},"
	       "\"groundingMetadata\":{\"webSearchQueries\":[\"it\",\"\"]}}]}",
	       "{\"candidates\":[{\"conxxxx\":{\"xxxxx\":[{\"xxxx\":\"xx\"}]},"
	       "\"groundingMetadata\":{\"webSearchQueries\":[\"xx\",\"\"]}}]}");
	mask_begin(&mask, false);
	expect("{\"input\":[\"it\",{\"type\":\"text\",\"id\":\"it\",\"v\":[\"it\"]}]}",
	       "{\"input\":[\"xx\",{\"type\":\"text\",\"id\":\"xx\",\"x\":[\"xx\"]}]}");
}

/* Why a response failed is kept, not what somebody asks about an error. */
static void test_faults(void **state)
{
	(void)state;
	mask_begin(&mask, true);
	expect(
	    "{\"response\":{\"status_details\":{\"error\":{\"code\":\"c-1\",\"v\":\"it\"},\"v\":{"
	    "\"code\":\"it\"}},\"error\":{\"code\":\"c-2\"}}}",
	    "{\"response\":{\"status_details\":{\"error\":{\"code\":\"c-1\",\"x\":\"xx\"},\"x\":{"
	    "\"xxxx\":\"xx\"}},\"error\":{\"code\":\"c-2\"}}}");
	mask_begin(&mask, false);
	expect("{\"input\":[{\"error\":{\"code\":\"it\"}}]}",
	       "{\"input\":[{\"error\":{\"xxxx\":\"xx\"}}]}");
}

/* Results within a batch are masked as they would be alone; a prompt that has the key is dark. */
static void test_results_of_a_batch(void **state)
{
	(void)state;
	mask_begin(&mask, true);
	expect("{\"response\":{\"inlinedResponses\":{\"inlinedResponses\":[{\"response\":{"
	       "\"modelVersion\":\"g-2\",\"v\":\"it\",\"usageMetadata\":{\"n\":7}},"
	       "\"metadata\":{\"id\":\"it\"}}]}}}",
	       "{\"response\":{\"inlinedResponses\":{\"inlinedResponses\":[{\"response\":{"
	       "\"modelVersion\":\"g-2\",\"x\":\"xx\",\"usageMetadata\":{\"n\":7}},"
	       "\"metaxxxx\":{\"xx\":\"xx\"}}]}}}");
	mask_begin(&mask, false);
	expect("{\"vv\":{\"inlinedResponses\":{\"id\":\"it\"}},\"size\":\"1x2\"}",
	       "{\"xx\":{\"xxxxxxxxxxxxxxxx\":{\"xx\":\"xx\"}},\"size\":\"1x2\"}");
}

static void test_events(void **state)
{
	(void)state;
	mask_begin(&mask, true);
	expect(
	    "event: response.done\r\nid: 7\r\ndata: {\"type\":\"delta\",\"delta\":\"Hi\"}\r\n\r\n"
	    ": comment\ndata:{\"v\":no}\n\ndata: [DON'T]\n\ndata: [DONE]\n\n"
	    "event: two words\ndatum: a\n\ndata: "
	    "{\"response\":{\"id\":\"r1\",\"text\":\"Hi\"}}\n\n",
	    "event: response.done\r\nid:xx\r\ndata: {\"type\":\"delta\",\"delta\":\"xx\"}\r\n\r\n"
	    ":xxxxxxxx\ndata:{\"x\":nxx\n\ndata: [DONxxx\n\ndata: [DONE]\n\n"
	    "event: twoxxxxxx\ndatxxxxx\n\ndata: "
	    "{\"response\":{\"id\":\"r1\",\"txxx\":\"xx\"}}\n\n");
	/* In the middle of an event nothing is known until the next begins. */
	mask_gap(&mask);
	expect("data: {\"model\":\"a\"}\n\ndata: {\"model\":\"b\"}\n\n",
	       "xxxxxxxxxxxxxxxxxxx\n\ndata: {\"model\":\"b\"}\n\n");
}

static void test_left_out(void **state)
{
	(void)state;
	mask_begin(&mask, true);
	expect("\1{}", "~~~");
	/* Missing bytes of a document. */
	mask_begin(&mask, true);
	expect("{\"id\":", "{\"id\":");
	mask_gap(&mask);
	expect("\"b\"}", "~~~~");
}

static void test_heads(void **state)
{
	char long_one[2 * MASK_VALUE_MAX + 1], value[MASK_VALUE_MAX], target[MASK_TARGET_MAX];

	(void)state;
	assert_true(mask_keeps_header(SPAN("X-Stainless-Retry-Count")));
	assert_false(mask_keeps_header(SPAN("Authorization")));
	assert_false(mask_keeps_header(SPAN("hos")));
	assert_false(mask_keeps_header(SPAN("hosts")));
	assert_true(mask_keeps_header(SPAN("X-RateLimit-Limit-Tokens-Minute")));
	assert_false(mask_keeps_header(SPAN("x-ratelimit")));
	assert_false(mask_keeps_header(SPAN("x-ratelimit-12345678901234567890123456789012345678901"
					    "234567890123")));
	assert_true(span_eq(mask_value(SPAN("text/event-stream; q=\"a\""), value),
			    SPAN("text/event-stream; q=xax")));
	memset(long_one, 'a', 2 * MASK_VALUE_MAX);
	long_one[2 * MASK_VALUE_MAX] = '\0';
	assert_int_equal(mask_value(span_of(long_one), value).len, MASK_VALUE_MAX);
	assert_true(span_eq(mask_target(SPAN("/v1/chat%20a&b?key=abc?d"), target),
			    SPAN("/v1/chat%20axb?xxxxxxxxx")));
	assert_true(span_eq(mask_target(SPAN("/?amodel=b&model=gpt-4o&key=model"), target),
			    SPAN("/?xxxxxxxx&model=gpt-4o&xxxxxxxxx")));
}

/* What a provider file reads of the heads of answers: `head:NAME`, and not `req-head:NAME`. */
static void test_headers_of_providers(void **state)
{
	unsigned n = 0;
	glob_t files;

	(void)state;
	assert_int_equal(glob("config/providers/*.yaml", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		FILE *file = fopen(files.gl_pathv[i], "r");
		char line[1000];

		assert_non_null(file);
		while (fgets(line, sizeof(line), file)) {
			for (char *at = line; (at = strstr(at, "head:")); at += 5, n++) {
				char name[64];

				if (at > line && at[-1] == '-')
					continue;
				assert_int_equal(sscanf(at + 5, "%63[A-Za-z0-9-]", name), 1);
				if (!mask_keeps_header(span_of(name)))
					fail_msg("%s is not kept", name);
			}
		}
		fclose(file);
	}
	globfree(&files);
	assert_true(n > 20);
}

static void test_too_deep(void **state)
{
	struct mask_json json;

	(void)state;
	mask_json_init(&json, true);
	for (unsigned i = 0; i < MASK_JSON_DEPTH_MAX; i++)
		assert_int_equal(mask_json_byte(&json, '['), '[');
	assert_int_equal(mask_json_byte(&json, '['), 'x');
	assert_int_equal(mask_json_byte(&json, ']'), 'x');
}

static void test_values_end_at_their_limit(void **state)
{
	struct mask_json json;

	(void)state;
	mask_json_init(&json, true);
	for (const char *at = "{\"model\":\""; *at; at++)
		assert_int_equal(mask_json_byte(&json, *at), *at);
	for (unsigned i = 0; i < MASK_JSON_VALUE_MAX; i++)
		assert_int_equal(mask_json_byte(&json, 'a'), 'a');
	assert_int_equal(mask_json_byte(&json, 'a'), 'x');
	assert_int_equal(mask_json_byte(&json, '"'), '"');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_chains),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_results_of_a_batch),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_heads),
		cmocka_unit_test(test_headers_of_providers),
		cmocka_unit_test(test_too_deep),
		cmocka_unit_test(test_values_end_at_their_limit),
	};

	return cmocka_run_group_tests_name("mask", tests, NULL, NULL);
}
