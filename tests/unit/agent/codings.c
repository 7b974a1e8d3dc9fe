/* The matrix: each content coding, a plain answer and an event stream, each framing of HTTP/1 and
 * HTTP/2, through http -> meter, in pieces of many sizes. The last event of the stream is of 64 KiB
 * and has the usage at its end. To add a protocol: a function that frames an answer, and a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "http/http.h"
#include "meter/meter.h"
#include "tests/unit/http/encode.h"

#define EVENT_BYTES 65536
#define USAGE                                                                                      \
	"\"usage\":{\"prompt_tokens\":1200,\"completion_tokens\":400,\"prompt_tokens_details\":"   \
	"{\"cached_tokens\":1024},\"completion_tokens_details\":{\"reasoning_tokens\":64}}"

static const struct coding {
	const char *name;
	encode_fn *inner, *outer; /* NULL: none */
} codings[] = {
	{ "identity", NULL, NULL },
	{ "gzip", encode_gzip, NULL },
	{ "deflate", encode_deflate, NULL },
	{ "deflate", encode_raw, NULL },
	{ "br", encode_brotli, NULL },
	{ "zstd", encode_zstd, NULL },
	{ "gzip, br", encode_gzip, encode_brotli },
};

struct answer {
	const char *coding, *type;
	struct span body;
};

struct protocol {
	const char *name;
	void (*request)(struct buf *out);
	void (*response)(struct buf *out, const struct answer *answer);
};

/* --- HTTP/1.1 */

static void h1_request(struct buf *out)
{
	buf_put(out, SPAN("POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
			  "Content-Length: 18\r\n\r\n{\"model\":\"gpt-4o\"}"));
}

static void h1_head(struct buf *out, const struct answer *answer)
{
	buf_printf(out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Encoding: %s\r\n",
		   answer->type, answer->coding);
}

static void h1_length(struct buf *out, const struct answer *answer)
{
	h1_head(out, answer);
	buf_printf(out, "Content-Length: %zu\r\n\r\n", answer->body.len);
	buf_put(out, answer->body);
}

static void h1_chunked(struct buf *out, const struct answer *answer)
{
	h1_head(out, answer);
	buf_put(out, SPAN("Transfer-Encoding: chunked\r\n\r\n"));
	for (struct span rest = answer->body; rest.len; rest = span_skip(rest, 1013)) {
		struct span part = span_head(rest, 1013);

		buf_printf(out, "%zx\r\n", part.len);
		buf_put(out, part);
		buf_put(out, SPAN("\r\n"));
	}
	buf_put(out, SPAN("0\r\n\r\n"));
}

static void h1_until_close(struct buf *out, const struct answer *answer)
{
	h1_head(out, answer);
	buf_put(out, SPAN("\r\n"));
	buf_put(out, answer->body);
}

/* --- HTTP/2 (RFC 9113, 4.1; RFC 7541, 6.2.2: literals that are not indexed) */

enum { DATA, HEADERS, SETTINGS = 4, END_STREAM = 1, END_HEADERS = 4 };

static void h2_frame(struct buf *out, unsigned type, unsigned flags, unsigned stream,
		     struct span payload)
{
	const char head[] = { (char)(payload.len >> 16),
			      (char)(payload.len >> 8),
			      (char)payload.len,
			      (char)type,
			      (char)flags,
			      0,
			      0,
			      0,
			      (char)stream };

	buf_put(out, (struct span){ head, sizeof(head) });
	buf_put(out, payload);
}

static void h2_field(struct buf *out, const char *name, const char *value)
{
	buf_put(out, (struct span){ (char[]){ 0, (char)strlen(name) }, 2 });
	buf_put(out, span_of(name));
	buf_put(out, (struct span){ (char[]){ (char)strlen(value) }, 1 });
	buf_put(out, span_of(value));
}

static void h2_request(struct buf *out)
{
	struct buf block = buf_with_max(1000);

	h2_field(&block, ":method", "POST");
	h2_field(&block, ":scheme", "https");
	h2_field(&block, ":authority", "api.openai.com");
	h2_field(&block, ":path", "/v1/chat/completions");
	buf_put(out, SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
	h2_frame(out, SETTINGS, 0, 0, SPAN(""));
	h2_frame(out, HEADERS, END_HEADERS, 1, buf_span(&block));
	h2_frame(out, DATA, END_STREAM, 1, SPAN("{\"model\":\"gpt-4o\"}"));
	buf_done(&block);
}

static void h2_response(struct buf *out, const struct answer *answer)
{
	struct buf block = buf_with_max(1000);

	h2_field(&block, ":status", "200");
	h2_field(&block, "content-type", answer->type);
	h2_field(&block, "content-encoding", answer->coding);
	h2_frame(out, SETTINGS, 0, 0, SPAN(""));
	h2_frame(out, HEADERS, END_HEADERS, 1, buf_span(&block));
	for (struct span rest = answer->body; rest.len; rest = span_skip(rest, 16384))
		h2_frame(out, DATA, rest.len <= 16384 ? END_STREAM : 0, 1, span_head(rest, 16384));
	buf_done(&block);
}

static const struct protocol protocols[] = {
	{ "h1 by length", h1_request, h1_length },
	{ "h1 in chunks", h1_request, h1_chunked },
	{ "h1 until the close", h1_request, h1_until_close },
	{ "h2", h2_request, h2_response },
};

/* --- the answers */

static void make_plain(struct buf *out)
{
	buf_printf(out,
		   "{\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{"
		   "\"message\":{\"content\":\"%03000d\"}}]," USAGE "}",
		   0);
}

static void make_stream(struct buf *out)
{
	for (int i = 0; i < 50; i++)
		buf_printf(
		    out,
		    "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o-2024-08-06\","
		    "\"choices\":[{\"delta\":{\"content\":\" word%d\"}}],\"usage\":null}\r\n\r\n",
		    i);
	buf_printf(
	    out,
	    "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o-2024-08-06\",\"x\":\"%0*d\"," USAGE
	    "}\n\ndata: [DONE]\n\n",
	    EVENT_BYTES, 0);
}

/* --- the play */

static void on_usage(void *ctx, const struct usage *usage)
{
	*(struct usage *)ctx = *usage;
}

static void feed(struct http *http, enum direction direction, struct span bytes, size_t piece)
{
	for (size_t at = 0; at < bytes.len; at += piece) {
		struct span part = span_head(span_skip(bytes, at), piece);
		struct chunk chunk = { .data = part,
				       .offset = at,
				       .length = part.len,
				       .time_utc_ns = NS_PER_DAY,
				       .direction = direction };

		http_feed(http, &chunk);
	}
}

static void play(struct meter *meter, struct usage *usage, const struct protocol *protocol,
		 const struct answer *answer, size_t parts)
{
	struct buf request = buf_with_max(1 << 20), response = buf_with_max(1 << 20);
	struct http_counters counters = { 0 };
	const struct process process = { 0 };
	struct connection conn = { .process = &process, .server = "api.openai.com" };
	struct http *http;

	*usage = (struct usage){ .doubt = USAGE_DOUBT_NO_ANSWER };
	protocol->request(&request);
	protocol->response(&response, answer);
	assert_int_equal(http_new(&conn, &meter_handler, meter, &counters, &http), 0);
	feed(http, DIRECTION_SENT, buf_span(&request), request.len);
	feed(http, DIRECTION_RECEIVED, buf_span(&response), (response.len + parts - 1) / parts);
	http_close(http, NS_PER_DAY, (uint64_t[2]){ 0 });
	http_free(http);
	if (usage->doubt != USAGE_DOUBT_NONE || usage->counts[USAGE_INPUT] != 176 ||
	    usage->counts[USAGE_INPUT_CACHE_READ] != 1024 || usage->counts[USAGE_OUTPUT] != 336 ||
	    usage->counts[USAGE_OUTPUT_REASONING] != 64 ||
	    usage->completeness != COMPLETENESS_COMPLETE ||
	    usage->streaming != (answer->type[0] == 't'))
		fail_msg("%s, %s, %s, %zu parts: doubt %d, input %lld", protocol->name,
			 answer->coding, answer->type, parts, usage->doubt,
			 (long long)usage->counts[USAGE_INPUT]);
	buf_done(&request);
	buf_done(&response);
}

static void encode(const struct coding *coding, struct buf *body)
{
	struct buf coded = buf_with_max(1 << 20);
	encode_fn *const steps[] = { coding->inner, coding->outer };

	for (unsigned i = 0; i < 2 && steps[i]; i++) {
		buf_reset(&coded);
		steps[i](&coded, buf_span(body), 6);
		buf_reset(body);
		buf_put(body, buf_span(&coded));
	}
	buf_done(&coded);
}

static void test_matrix(void **state)
{
	static const size_t parts[] = { 1, 2, 5, 1000, 1000000 };
	static const char *const types[] = { "application/json", "text/event-stream" };
	struct usage usage;
	struct meter_options options = { .usage = on_usage, .ctx = &usage };
	struct err err = { "" };
	struct meter *meter;

	(void)state;
	assert_int_equal(providers_load("config/providers", &options.providers, &err), 0);
	assert_int_equal(meter_new(&options, &meter), 0);
	for (size_t i = 0; i < sizeof(codings) / sizeof(*codings) * 2; i++) {
		struct buf body = buf_with_max(1 << 20);
		struct answer answer = { codings[i / 2].name, types[i % 2], { NULL, 0 } };

		(i % 2 ? make_stream : make_plain)(&body);
		encode(&codings[i / 2], &body);
		answer.body = buf_span(&body);
		for (size_t p = 0; p < sizeof(protocols) / sizeof(*protocols); p++)
			for (size_t n = 0; n < sizeof(parts) / sizeof(*parts); n++)
				play(meter, &usage, &protocols[p], &answer, parts[n]);
		buf_done(&body);
	}
	meter_free(meter);
	providers_unref(options.providers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matrix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
