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

#include "capture/mask.h"

static struct mask mask;

static int set_up(void **state)
{
	(void)state;
	mask_init(&mask);
	return 0;
}

/* What stands for `text`, '~' for each byte that is left out. */
static void put(enum direction direction, const char *text, size_t piece, char *out)
{
	struct span in = span_of(text);

	memset(out, '~', in.len);
	out[in.len] = '\0';
	while (in.len) {
		struct span rest = span_head(in, piece);

		in = span_skip(in, rest.len);
		mask_begin(&mask, direction, rest);
		while (rest.len) {
			char kept[4096];
			bool is_kept;
			size_t n = mask_next(&mask, direction, rest, kept, &is_kept);

			if (is_kept)
				memcpy(out, kept, n);
			out += n;
			rest = span_skip(rest, n);
		}
	}
}

static void expect(enum direction direction, const char *text, const char *due)
{
	static const size_t pieces[] = { 4096, 1, 7 };
	struct mask before = mask;
	char out[4096];

	assert_int_equal(strlen(text), strlen(due));
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		mask = before;
		put(direction, text, pieces[i], out);
		assert_string_equal(out, due);
	}
}

#define SENT     DIRECTION_SENT
#define RECEIVED DIRECTION_RECEIVED

static void test_request(void **state)
{
	(void)state;
	expect(SENT,
	       "POST /v1/chat/completions?key=abc HTTP/1.1\r\n"
	       "Host: api.openai.com\r\n"
	       "Authorization: Bearer sk-1\r\n"
	       "X-Stainless-Retry-Count: 2\r\n"
	       "X-Requested-By: me\r\n"
	       "Content-Length: 78\r\n\r\n"
	       "{\"model\": \"gpt-4o\", "
	       "\"messages\":[{\"role\":\"user\",\"content\":\"\\\"h\\u00e9\"}],\"n\": 3}",
	       "POST /v1/chat/completions?xxxxxxx HTTP/1.1\r\n"
	       "Host: api.openai.com\r\n"
	       "Axxxxxxxxxxxx: xxxxxx xxxx\r\n"
	       "X-Stainless-Retry-Count: 2\r\n"
	       "X-Requestxxxxx: xx\r\n"
	       "Content-Length: 78\r\n\r\n"
	       "{\"model\": \"gpt-4o\", "
	       "\"messagex\":[{\"xxxx\":\"xxxx\",\"xxxxxxx\":\"xxxxxxxxx\"}],\"n\": 3}");
	/* The next one begins where its length says. */
	expect(SENT, "\r\nGET /v1/models HTTP/1.1\r\n\r\n", "\r\nGET /v1/models HTTP/1.1\r\n\r\n");
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
				char text[200], name[40];

				if (at > line && at[-1] == '-')
					continue;
				assert_int_equal(sscanf(at + 5, "%39[A-Za-z0-9-]", name), 1);
				snprintf(text, sizeof(text),
					 "HTTP/1.1 200 \r\n%s: 17\r\nContent-Length: 0\r\n\r\n",
					 name);
				expect(RECEIVED, text, text);
			}
		}
		fclose(file);
	}
	globfree(&files);
	assert_true(n > 20);
}

static void test_answer(void **state)
{
	(void)state;
	expect(RECEIVED, "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 xxxxxxxx\r\n\r\n");
	expect(
	    RECEIVED,
	    "HTTP/1.1 200 OK\r\nset-cookie: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1B;name=v\r\n{\"id\":\"chatcmpl-1\",\"object\"\r\n"
	    "6f\r\n:\"a secret word\",\"choices\":[{\"index\":20}],\"usage\":{\"prompt_tokens\":25,"
	    "\"by\":{\"a b\":1.5e3}},\"error\":{\"code\":\"x\"}}\r\n"
	    "0\r\nx-trailer: a\r\n\r\nHTTP/1.1 204 \r\n\r\n",
	    "HTTP/1.1 200 xx\r\nsxxxxxxxxx: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "1B;xxxxxx\r\n{\"id\":\"chatcmpl-1\",\"object\"\r\n"
	    "6f\r\n:\"axxxxxxxxxxxx\",\"choices\":[{\"xxxxx\":11}],\"usage\":{\"prompt_tokens\":25,"
	    "\"by\":{\"axx\":1.5e3}},\"error\":{\"code\":\"x\"}}\r\n"
	    "0\r\nx-xxxxxxx: x\r\n\r\nHTTP/1.1 204 \r\n\r\n");
}

static void test_events(void **state)
{
	(void)state;
	expect(
	    RECEIVED,
	    "HTTP/1.1 200 OK\r\n\r\n"
	    "event: response.done\r\nid: 7\r\ndata: {\"type\":\"delta\",\"delta\":\"Hi\"}\r\n\r\n"
	    ": comment\ndata:{\"a\":no}\n\ndata: [DON'T]\n\ndata: [DONE]\n\n"
	    "event: two words\ndatum: a\n\ndata: "
	    "{\"response\":{\"id\":\"r1\",\"text\":\"Hi\"}}\n\n",
	    "HTTP/1.1 200 xx\r\n\r\n"
	    "event: response.done\r\nid:xx\r\ndata: {\"type\":\"delta\",\"dxxxx\":\"xx\"}\r\n\r\n"
	    ":xxxxxxxx\ndata:{\"x\":nxx\n\ndata: [DONxxx\n\ndata: [DONE]\n\n"
	    "event: twoxxxxxx\ndatxxxxx\n\ndata: "
	    "{\"response\":{\"id\":\"r1\",\"txxx\":\"xx\"}}\n\n");
	/* In the middle of an event nothing is known until the next begins. */
	mask_gap(&mask, RECEIVED, 10);
	expect(RECEIVED, "data: {\"model\":\"a\"}\n\ndata: {\"model\":\"b\"}\n\n",
	       "xxxxxxxxxxxxxxxxxxx\n\ndata: {\"model\":\"b\"}\n\n");
}

static void test_left_out(void **state)
{
	(void)state;
	expect(SENT, "PUT /a HTTP/1.1\r\ncontent-length: 4\r\n\r\ntextGET /b HTTP/1.1\r\n\r\n",
	       "PUT /a HTTP/1.1\r\ncontent-length: 4\r\n\r\n~~~~GET /b HTTP/1.1\r\n\r\n");
	expect(RECEIVED,
	       "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
	       "2\r\n{}\r\n0\r\n\r\n",
	       "HTTP/1.1 200 xx\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"
	       "2\r\n~~\r\n0\r\n\r\n");
	/* Missing bytes of a document. */
	expect(RECEIVED, "HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n{\"id\":",
	       "HTTP/1.1 200 xx\r\ncontent-length: 30\r\n\r\n{\"id\":");
	mask_gap(&mask, RECEIVED, 20);
	expect(RECEIVED, "\"b\"}HTTP/1.1 404 A\r\ncontent-length: 0\r\n\r\n",
	       "~~~~HTTP/1.1 404 x\r\ncontent-length: 0\r\n\r\n");
}

static void test_lost(void **state)
{
	char out[64];

	(void)state;
	mask_gap(&mask, SENT, 5);
	expect(SENT, "st: a\r\n\r\nGET / HTTP/1.1\r\n\r\n", "~~~~~~~~~~~~~~~~~~~~~~~~~~~");
	put(SENT, "GET / HTTP/1.1\r\n", 64, out);
	assert_string_equal(out, "GET / HTTP/1.1\r\n");
	/* More is missing than the head. */
	mask_gap(&mask, SENT, 5);
	put(SENT, "a: b\r\n", 64, out);
	assert_string_equal(out, "~~~~~~");
	expect(RECEIVED, "SSH-2.0-a\r\n", "~~~~~~~~~~~");
}

static void test_other_protocols(void **state)
{
	char out[64];

	(void)state;
	expect(SENT, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI ~~~~~~~~~~~~~~~~~~~~");
	put(SENT, "GET / HTTP/1.1\r\n", 64, out);
	assert_string_equal(out, "~~~~~~~~~~~~~~~~");
	mask_init(&mask);
	expect(SENT, "GET /v1/responses HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
	       "GET /v1/responses HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
	expect(RECEIVED, "HTTP/1.1 101 Up\r\n\r\n{\"model\":\"a\"}",
	       "HTTP/1.1 101 xx\r\n\r\n~~~~~~~~~~~~~");
	put(SENT, "{\"model\":\"a\"}", 64, out);
	assert_string_equal(out, "~~~~~~~~~~~~~");
}

static void test_an_answer_to_head_has_no_body(void **state)
{
	(void)state;
	expect(SENT, "HEAD /a HTTP/1.1\r\n\r\n", "HEAD /a HTTP/1.1\r\n\r\n");
	expect(RECEIVED, "HTTP/1.1 200\r\ncontent-length: 9\r\n\r\nHTTP/1.1 304\n\n",
	       "HTTP/1.1 200\r\ncontent-length: 9\r\n\r\nHTTP/1.1 304\n\n");
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
		cmocka_unit_test_setup(test_request, set_up),
		cmocka_unit_test_setup(test_answer, set_up),
		cmocka_unit_test_setup(test_events, set_up),
		cmocka_unit_test_setup(test_left_out, set_up),
		cmocka_unit_test_setup(test_lost, set_up),
		cmocka_unit_test_setup(test_other_protocols, set_up),
		cmocka_unit_test_setup(test_an_answer_to_head_has_no_body, set_up),
		cmocka_unit_test_setup(test_headers_of_providers, set_up),
		cmocka_unit_test_setup(test_too_deep, set_up),
		cmocka_unit_test_setup(test_values_end_at_their_limit, set_up),
	};

	return cmocka_run_group_tests_name("mask", tests, NULL, NULL);
}
