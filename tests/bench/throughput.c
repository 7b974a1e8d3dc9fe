/* Bytes a second through http -> meter on one core: chat completions of 4 KiB of JSON and streams
 * of server-sent events, each over HTTP/1.1 and HTTP/2, in chunks as SSL_read gives them. The bytes
 * of all messages of both directions count, heads too. Run at the top of the repository; prints a
 * JSON line each, the median over rounds. */
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/timestamp.h"
#include "http/http.h"
#include "meter/meter.h"

#define ROUNDS      21
#define CALLS       500
#define JSON_BYTES  4096
#define EVENTS      200
#define READ_BYTES  16384 /* of one SSL_read */
#define FRAME_BYTES 16384

enum protocol { HTTP1, HTTP2 };

struct load {
	struct meter *meter;
	struct connection conn;
	struct http_counters counters;
	struct http *http;
	uint64_t offset[2];
	nghttp2_hd_deflater *deflaters[2];
	uint32_t id;
	uint64_t calls, tokens;
};

static void on_usage(void *ctx, const struct usage *usage)
{
	struct load *load = ctx;

	load->calls +=
	    usage->doubt == USAGE_DOUBT_NONE && usage->completeness == COMPLETENESS_COMPLETE;
	load->tokens += (uint64_t)usage->counts[USAGE_INPUT];
}

static void feed(struct load *load, enum direction direction, struct span bytes)
{
	while (bytes.len) {
		struct span part = span_head(bytes, READ_BYTES);
		struct chunk chunk = { .data = part,
				       .offset = load->offset[direction],
				       .length = part.len,
				       .time_utc_ns = NS_PER_DAY,
				       .direction = direction };

		http_feed(load->http, &chunk);
		load->offset[direction] += part.len;
		bytes = span_skip(bytes, part.len);
	}
}

#define USAGE                                                                                      \
	"\"usage\":{\"prompt_tokens\":2006,\"completion_tokens\":300,\"total_tokens\":2306,"       \
	"\"prompt_tokens_details\":{\"cached_tokens\":1920,\"audio_tokens\":0},"                   \
	"\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"                \
	"\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}"

static void make_json(struct buf *body)
{
	buf_printf(body, "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":"
			 "1764061200,\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,"
			 "\"message\":{\"role\":\"assistant\",\"content\":\"");
	while (body->len < JSON_BYTES - 480)
		buf_printf(body, "Lorem ipsum dolor sit amet, \\\"consetetur\\\" sadipscing.\\n");
	buf_printf(body, "\",\"refusal\":null},\"finish_reason\":\"stop\"}]," USAGE
			 ",\"service_tier\":\"default\"}");
}

static void make_events(struct buf *body)
{
	for (int i = 0; i < EVENTS; i++)
		buf_printf(
		    body,
		    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","
		    "\"created\":1764061200,\"model\":\"gpt-4o-2024-08-06\",\"service_tier\":"
		    "\"default\",\"system_fingerprint\":\"fp_bench\",\"choices\":[{\"index\":0,"
		    "\"delta\":{\"content\":\" word%d\"},\"logprobs\":null,"
		    "\"finish_reason\":null}],\"usage\":null}\n\n",
		    i);
	buf_printf(body,
		   "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","
		   "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[]," USAGE "}\n\ndata: [DONE]\n\n");
}

static void make_request(struct buf *body, bool stream)
{
	buf_printf(
	    body,
	    "{\"model\":\"gpt-4o\",%s\"messages\":[{\"role\":\"user\",\"content\":\"%0700d\"}"
	    "]}",
	    stream ? "\"stream\":true,\"stream_options\":{\"include_usage\":true}," : "", 0);
}

/* --- HTTP/1.1: a response in chunks of one event, or with its length */

static void make_h1(struct buf out[2], struct span ask, struct span answer, bool stream)
{
	buf_printf(&out[0],
		   "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
		   "Authorization: Bearer sk-bench-0123456789abcdef0123456789abcdef\r\n"
		   "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		   ask.len);
	buf_put(&out[0], ask);
	buf_printf(&out[1],
		   "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
		   "x-request-id: req_0123456789abcdef0123456789abcdef\r\n"
		   "openai-processing-ms: 420\r\nopenai-version: 2020-10-01\r\n",
		   stream ? "text/event-stream" : "application/json");
	if (!stream) {
		buf_printf(&out[1], "Content-Length: %zu\r\n\r\n", answer.len);
		buf_put(&out[1], answer);
		return;
	}
	buf_printf(&out[1], "Transfer-Encoding: chunked\r\n\r\n");
	while (answer.len) {
		const char *end = memmem(answer.ptr, answer.len, "\n\n", 2);
		struct span event = span_head(answer, (size_t)(end - answer.ptr) + 2);

		buf_printf(&out[1], "%zx\r\n%.*s\r\n", event.len, (int)event.len, event.ptr);
		answer = span_skip(answer, event.len);
	}
	buf_printf(&out[1], "0\r\n\r\n");
}

/* --- HTTP/2: the same, a DATA frame an event, or frames of 16 KiB */

static void put_frame(struct buf *out, int type, int flags, uint32_t id, struct span payload)
{
	const char head[9] = { (char)(payload.len >> 16),
			       (char)(payload.len >> 8),
			       (char)payload.len,
			       (char)type,
			       (char)flags,
			       (char)(id >> 24),
			       (char)(id >> 16),
			       (char)(id >> 8),
			       (char)id };

	buf_put(out, (struct span){ head, sizeof(head) });
	buf_put(out, payload);
}

static void put_headers(struct load *load, struct buf *out, int direction, const char *const *texts)
{
	nghttp2_nv fields[16];
	uint8_t block[1024];
	ssize_t len;
	size_t n = 0;

	for (; texts[2 * n]; n++)
		fields[n] = (nghttp2_nv){ (uint8_t *)texts[2 * n], (uint8_t *)texts[2 * n + 1],
					  strlen(texts[2 * n]), strlen(texts[2 * n + 1]), 0 };
	len = nghttp2_hd_deflate_hd(load->deflaters[direction], block, sizeof(block), fields, n);
	if (len < 0)
		abort();
	put_frame(out, 1, 4, load->id, (struct span){ (char *)block, (size_t)len });
}

static void put_data(struct buf *out, uint32_t id, struct span body, bool by_event)
{
	while (body.len) {
		const char *end = by_event ? memmem(body.ptr, body.len, "\n\n", 2) : NULL;
		struct span part =
		    span_head(body, end ? (size_t)(end - body.ptr) + 2 : FRAME_BYTES);

		body = span_skip(body, part.len);
		put_frame(out, 0, body.len == 0, id, part);
	}
}

static void make_h2(struct load *load, struct buf out[2], struct span ask, struct span answer,
		    bool stream)
{
	const char *const request[] = { ":method",
					"POST",
					":scheme",
					"https",
					":authority",
					"api.openai.com",
					":path",
					"/v1/chat/completions",
					"authorization",
					"Bearer sk-bench-0123456789abcdef0123456789abcdef",
					"content-type",
					"application/json",
					NULL };
	const char *const response[] = { ":status",
					 "200",
					 "content-type",
					 stream ? "text/event-stream" : "application/json",
					 "x-request-id",
					 "req_0123456789abcdef0123456789abcdef",
					 "openai-processing-ms",
					 "420",
					 "openai-version",
					 "2020-10-01",
					 NULL };

	load->id += load->id ? 2 : 1;
	put_headers(load, &out[0], 0, request);
	put_data(&out[0], load->id, ask, false);
	put_headers(load, &out[1], 1, response);
	put_data(&out[1], load->id, answer, stream);
}

/* --- measuring */

static void open_connection(struct load *load, enum protocol protocol)
{
	load->offset[0] = load->offset[1] = load->id = 0;
	if (http_new(&load->conn, &meter_handler, load->meter, &load->counters, &load->http) < 0)
		abort();
	for (int d = 0; d < 2; d++)
		nghttp2_hd_deflate_new(&load->deflaters[d], 4096);
	if (protocol == HTTP1)
		return;
	feed(load, DIRECTION_SENT, SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"));
	feed(load, DIRECTION_RECEIVED, SPAN("\0\0\0\4\0\0\0\0\0"));
}

static void close_connection(struct load *load)
{
	http_close(load->http, NS_PER_DAY, (uint64_t[2]){ 0, 0 });
	http_free(load->http);
	for (int d = 0; d < 2; d++)
		nghttp2_hd_deflate_del(load->deflaters[d]);
}

/* The calls of a round are made first, for heads of HTTP/2 are different each time. */
static int64_t round_mb_per_s(struct load *load, enum protocol protocol, struct span ask,
			      struct span answer, bool stream)
{
	static struct buf calls[CALLS][2];
	int64_t took = 0;
	uint64_t bytes = 0;

	open_connection(load, protocol);
	for (int i = 0; i < CALLS; i++) {
		struct buf *call = calls[i % 16];
		int64_t start;

		for (int d = 0; d < 2; d++) {
			call[d].max = 1 << 20;
			buf_reset(&call[d]);
		}
		if (protocol == HTTP1)
			make_h1(call, ask, answer, stream);
		else
			make_h2(load, call, ask, answer, stream);
		start = clock_system.monotonic_ns(&clock_system);
		feed(load, DIRECTION_SENT, buf_span(&call[0]));
		feed(load, DIRECTION_RECEIVED, buf_span(&call[1]));
		took += clock_system.monotonic_ns(&clock_system) - start;
		bytes += call[0].len + call[1].len;
	}
	close_connection(load);
	return (int64_t)(bytes * 1000 / (uint64_t)took);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void measure(struct load *load, const char *name, enum protocol protocol, bool stream)
{
	struct buf ask = buf_with_max(4096), answer = buf_with_max(1 << 20);
	int64_t rounds[ROUNDS];

	make_request(&ask, stream);
	(stream ? make_events : make_json)(&answer);
	for (int i = 0; i < ROUNDS; i++)
		rounds[i] =
		    round_mb_per_s(load, protocol, buf_span(&ask), buf_span(&answer), stream);
	qsort(rounds, ROUNDS, sizeof(*rounds), compare);
	printf("{\"name\":\"%s\",\"value\":%lld,\"unit\":\"MB/s\"}\n", name,
	       (long long)rounds[ROUNDS / 2]);
	buf_done(&ask);
	buf_done(&answer);
}

int main(void)
{
	static const struct process process;
	struct load load = { .conn = { .process = &process, .server = "api.openai.com" } };
	struct meter_options options = { .usage = on_usage, .ctx = &load };
	struct err err = { 0 };

	if (providers_load("config/providers", &options.providers, &err) < 0 ||
	    meter_new(&options, &load.meter) < 0) {
		fprintf(stderr, "throughput: %s\n", err.text);
		return 1;
	}
	measure(&load, "http_meter_h1_json_4k", HTTP1, false);
	measure(&load, "http_meter_h2_json_4k", HTTP2, false);
	measure(&load, "http_meter_h1_sse", HTTP1, true);
	measure(&load, "http_meter_h2_sse", HTTP2, true);
	if (load.calls != 4ull * ROUNDS * CALLS || load.tokens != load.calls * 86) {
		fprintf(stderr, "throughput: %llu calls\n", (unsigned long long)load.calls);
		return 1;
	}
	meter_free(load.meter);
	providers_unref(options.providers);
	return 0;
}
