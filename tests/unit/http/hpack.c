/* Header blocks: the examples of RFC 7541, appendix C, cut at every place; and blocks by nghttp2's
 * deflater, heard from any one on: what is told must be what was said. SEED= repeats a run. */
#include "http/hpack.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <nghttp2/nghttp2.h>

struct example {
	const char *hex; /* one block */
	const char *text;
};

#define WWW "host: www.example.com\n"

/* C.3 and C.4: three requests, without and with Huffman coding. */
static const struct example requests[] = {
	{ "828684410f7777772e6578616d706c652e636f6d", "GET / 0\n" WWW },
	{ "828684be58086e6f2d6361636865", "GET / 0\ncache-control: no-cache\n" WWW },
	{ "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
	  "GET /index.html 0\ncustom-key: custom-value\n" WWW },
	{ NULL, NULL },
};
static const struct example requests_huffman[] = {
	{ "828684418cf1e3c2e5f23a6ba0ab90f4ff", "GET / 0\n" WWW },
	{ "828684be5886a8eb10649cbf", "GET / 0\ncache-control: no-cache\n" WWW },
	{ "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
	  "GET /index.html 0\ncustom-key: custom-value\n" WWW },
	{ NULL, NULL },
};

#define PRIVATE  "cache-control: private\n"
#define DATE(s)  "date: Mon, 21 Oct 2013 20:13:" s " GMT\n"
#define LOCATION "location: https://www.example.com\n"
#define THIRD                                                                                      \
	"  200\n" PRIVATE DATE("22") LOCATION                                                      \
	    "content-encoding: gzip\n"                                                             \
	    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1\n"

/* C.5 and C.6: three responses with a table of 256 bytes, so that entries are evicted. The first
 * block begins with that size (6.3), which the RFC takes from SETTINGS. */
static const struct example responses[] = {
	{ "3fe101"
	  "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d"
	  "546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
	  "  302\n" PRIVATE DATE("21") LOCATION },
	{ "4803333037c1c0bf", "  307\n" PRIVATE DATE("21") LOCATION },
	{ "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f"
	  "6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b"
	  "2076657273696f6e3d31",
	  THIRD },
	{ NULL, NULL },
};
static const struct example responses_huffman[] = {
	{ "3fe101"
	  "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c7"
	  "8f0b97c8e9ae82ae43d3",
	  "  302\n" PRIVATE DATE("21") LOCATION },
	{ "4883640effc1c0bf", "  307\n" PRIVATE DATE("21") LOCATION },
	{ "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335"
	  "dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
	  THIRD },
	{ NULL, NULL },
};

static size_t from_hex(const char *hex, char *out)
{
	size_t n = 0;

	for (; hex[2 * n]; n++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * n, "%2x", &byte), 1);
		out[n] = (char)byte;
	}
	return n;
}

static void write_head(const struct http_head *head, char *out, size_t size)
{
	int n = snprintf(out, size, "%.*s %.*s %u\n", (int)head->method.len, head->method.ptr,
			 (int)head->target.len, head->target.ptr, head->status);

	if (!head->method.len)
		n = snprintf(out, size, "  %u\n", head->status);
	for (unsigned i = 0; i < head->n_headers; i++)
		n += snprintf(out + n, size - (size_t)n, "%.*s: %.*s\n",
			      (int)head->headers[i].name.len, head->headers[i].name.ptr,
			      (int)head->headers[i].value.len, head->headers[i].value.ptr);
}

static void play_examples(const struct example *examples, size_t piece)
{
	struct hpack hpack = hpack_of(false);

	for (; examples->hex; examples++) {
		char bytes[512], text[2048];
		struct span rest = { bytes, from_hex(examples->hex, bytes) };
		struct hpack_block block;

		for (; rest.len; rest = span_skip(rest, piece))
			assert_int_equal(hpack_feed(&hpack, span_head(rest, piece)), 0);
		assert_int_equal(hpack_end(&hpack, &block), 0);
		assert_false(block.unknown || block.malformed);
		write_head(&block.head, text, sizeof(text));
		assert_string_equal(text, examples->text);
		head_done(&block.head);
	}
	hpack_done(&hpack);
}

static void test_rfc_7541_examples(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 140; piece++) {
		play_examples(requests, piece);
		play_examples(requests_huffman, piece);
		play_examples(responses, piece);
		play_examples(responses_huffman, piece);
	}
}

static void expect_bad(const char *hex, int feed_error, int end_error)
{
	struct hpack hpack = hpack_of(false);
	struct hpack_block block;
	char bytes[512];
	size_t n = from_hex(hex, bytes);

	assert_int_equal(hpack_feed(&hpack, (struct span){ bytes, n }), feed_error);
	assert_int_equal(hpack_end(&hpack, &block), end_error);
	assert_true(block.unknown || !feed_error);
	assert_int_equal(block.head.n_headers, 0);
	head_done(&block.head);
	/* The next block is read, with a table of which nothing is known. */
	n = from_hex("8286be", bytes);
	assert_int_equal(hpack_feed(&hpack, (struct span){ bytes, n }), 0);
	assert_int_equal(hpack_end(&hpack, &block), 0);
	assert_true(block.unknown && !block.head.method.len);
	head_done(&block.head);
	hpack_done(&hpack);
}

static void test_broken(void **state)
{
	(void)state;
	expect_bad("be", -EBADMSG, 0);           /* an entry that is not there */
	expect_bad("80", -EBADMSG, 0);           /* index 0 */
	expect_bad("3fffffffff0f", -EBADMSG, 0); /* a table over HPACK_TABLE_MAX */
	expect_bad("400a6375", 0, -EBADMSG);     /* breaks off in a name */
}

static void test_what_http_forbids_is_left_out(void **state)
{
	/* Literals without indexing: "Upper: x", "a: b\nc" and "ok: 1"; then :status twice. */
	static const char hex[] = "0005557070657201780001610362"
				  "0a630002"
				  "6f6b01318889";
	struct hpack hpack = hpack_of(false);
	struct hpack_block block;
	char bytes[64], text[256];
	size_t n = from_hex(hex, bytes);

	(void)state;
	assert_int_equal(hpack_feed(&hpack, (struct span){ bytes, n }), 0);
	assert_int_equal(hpack_end(&hpack, &block), 0);
	assert_true(block.malformed && !block.unknown);
	write_head(&block.head, text, sizeof(text));
	assert_string_equal(text, "  200\nok: 1\n");
	head_done(&block.head);
	hpack_done(&hpack);
}

static void test_limits(void **state)
{
	static char fill[HPACK_BLOCK_MAX];
	struct hpack hpack = hpack_of(false);
	struct hpack_block block;

	(void)state;
	memset(fill, '\x88', sizeof(fill)); /* :status 200, 65536 times */
	assert_int_equal(hpack_feed(&hpack, (struct span){ fill, sizeof(fill) }), 0);
	assert_int_equal(hpack_feed(&hpack, SPAN("\x88")), -E2BIG);
	assert_int_equal(hpack_end(&hpack, &block), 0);
	assert_true(block.unknown); /* more than HEAD_HEADERS_MAX */
	assert_int_equal(block.head.status, 200);
	head_done(&block.head);
	hpack_done(&hpack);
}

/* --- from the middle */

static unsigned seed;

static unsigned draw(unsigned below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

#define BLOCKS 120
#define FIELDS 12

struct said {
	char names[FIELDS][16], values[FIELDS][64];
	unsigned n;
	uint8_t bytes[2048];
	size_t len;
};

static void say(nghttp2_hd_deflater *deflater, struct said *said)
{
	nghttp2_nv fields[FIELDS];
	ssize_t len;

	said->n = 1 + draw(FIELDS - 1);
	for (unsigned i = 0; i < said->n; i++) {
		snprintf(said->names[i], sizeof(said->names[i]), "x-%u", draw(40));
		snprintf(said->values[i], sizeof(said->values[i]), "%0*u", 1 + (int)draw(40),
			 draw(50));
		fields[i] = (nghttp2_nv){ (uint8_t *)said->names[i], (uint8_t *)said->values[i],
					  strlen(said->names[i]), strlen(said->values[i]),
					  draw(5) ? 0 : NGHTTP2_NV_FLAG_NO_INDEX };
	}
	if (draw(20) == 0)
		nghttp2_hd_deflate_change_table_size(deflater, draw(4097));
	len = nghttp2_hd_deflate_hd(deflater, said->bytes, sizeof(said->bytes), fields, said->n);
	assert_true(len >= 0);
	said->len = (size_t)len;
}

/* Every field that is told was said, in that order; all of them, unless some are unknown. */
static bool judge(const struct said *said, const struct hpack_block *block)
{
	const struct http_head *head = &block->head;
	unsigned at = 0;

	for (unsigned i = 0; i < head->n_headers; i++, at++) {
		while (at < said->n &&
		       !(span_eq(head->headers[i].name, span_of(said->names[at])) &&
			 span_eq(head->headers[i].value, span_of(said->values[at]))))
			at++;
		assert_true(at < said->n);
	}
	assert_int_equal(block->unknown, head->n_headers < said->n);
	return !block->unknown;
}

/* Capture case 36. */
static void test_from_any_block_on(void **state)
{
	static struct said said[BLOCKS];
	const char *given = getenv("SEED");
	unsigned known = 0, unknown = 0;

	(void)state;
	seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	print_message("SEED=%u\n", seed);
	for (int round = 0; round < 20; round++) {
		nghttp2_hd_deflater *deflater;

		assert_int_equal(nghttp2_hd_deflate_new(&deflater, 4096), 0);
		for (unsigned i = 0; i < BLOCKS; i++)
			say(deflater, &said[i]);
		nghttp2_hd_deflate_del(deflater);
		for (unsigned from = 1; from < BLOCKS; from += 1 + draw(8)) {
			struct hpack hpack = hpack_of(true);

			for (unsigned i = from; i < BLOCKS; i++) {
				struct span bytes = { (char *)said[i].bytes, said[i].len };
				struct hpack_block block;

				assert_int_equal(hpack_feed(&hpack, bytes), 0);
				assert_int_equal(hpack_end(&hpack, &block), 0);
				if (judge(&said[i], &block))
					known++;
				else
					unknown++;
				head_done(&block.head);
			}
			hpack_done(&hpack);
		}
	}
	print_message("%u blocks known, %u in part\n", known, unknown);
	assert_true(unknown > 0 && known > unknown); /* the table mends */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_7541_examples),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_what_http_forbids_is_left_out),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_from_any_block_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
