/* Bytes of answers -> charges, by the files that ship: h1, body, meter and price, on one core. A
 * stream of server-sent events beside memchr and memmem over the same bytes, and a gzip body beside
 * inflate alone. Run at the top of the repository; prints JSON lines. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/timestamp.h"
#include "http/h1.h"
#include "meter/meter.h"
#include "price/catalog.h"

#define ROUNDS      15
#define EVENTS      2000
#define PIECE_BYTES 16384 /* of a TLS record */
#define BYTES_MAX   (4u << 20)

struct load {
	struct catalog *catalog;
	struct meter *meter;
	struct h1 *h1;
	uint64_t offsets[2], calls;
	struct buf request;
};

static void on_usage(void *ctx, const struct usage *usage)
{
	struct load *load = ctx;
	struct charge charge;

	catalog_price(load->catalog, usage, &charge);
	/* 1200 - 1024 input, 1024 cached, 400 output at 0.15, 0.075 and 0.6 a million */
	load->calls += charge.source == COST_CATALOG && charge.cost_pico == 343200000;
}

static void feed(struct load *load, enum direction direction, struct span bytes)
{
	while (bytes.len) {
		struct span piece = span_head(bytes, PIECE_BYTES);
		struct chunk chunk = { .data = piece,
				       .offset = load->offsets[direction],
				       .length = piece.len,
				       .time_utc_ns = 1764061200 * NS_PER_SEC,
				       .direction = direction };

		h1_feed(load->h1, &chunk);
		load->offsets[direction] += piece.len;
		bytes = span_skip(bytes, piece.len);
	}
}

#define USAGE                                                                                      \
	"\"usage\":{\"prompt_tokens\":1200,\"completion_tokens\":400,\"total_tokens\":1600,"       \
	"\"prompt_tokens_details\":{\"cached_tokens\":1024,\"audio_tokens\":0},"                   \
	"\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}}"
#define CHUNK                                                                                      \
	"data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":"       \
	"1764061200,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\","            \
	"\"system_fingerprint\":\"fp_bench\",\"choices\":["

/* One event a chunk of the transfer coding, as OpenAI sends them: filled up to a length that does
 * not tell the word. */
static void put_event(struct buf *out, const char *choices, const char *rest, size_t filling)
{
	char event[1024];
	int n = snprintf(event, sizeof(event), CHUNK "%s],%s,\"obfuscation\":\"%.*s\"}\n\n",
			 choices, rest, (int)filling, "x8FzQm3LpK7Wd");

	buf_printf(out, "%x\r\n%.*s\r\n", (unsigned)n, n, event);
}

static struct buf make_stream(void)
{
	static const char *const words[] = { " the",   " scanner", ",",      " reads",
					     " what",  " it",      "\\n\\n", ".",
					     " Words", " differ",  " in",    " lengths" };
	struct buf out = buf_with_max(BYTES_MAX);

	buf_printf(&out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
			 "Transfer-Encoding: chunked\r\n\r\n");
	for (int i = 0; i < EVENTS; i++) {
		const char *word = words[(size_t)(i * i) % (sizeof(words) / sizeof(*words))];
		char choice[128];

		snprintf(choice, sizeof(choice),
			 "{\"index\":0,\"delta\":{\"content\":\"%s\"},\"logprobs\":null,"
			 "\"finish_reason\":null}",
			 word);
		put_event(&out, choice, "\"usage\":null", 13 - strlen(word));
	}
	put_event(&out, "", USAGE, 0);
	buf_printf(&out, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
	return out;
}

static struct buf make_gzip(const char *body)
{
	struct buf out = buf_with_max(BYTES_MAX);
	Bytef packed[8192];
	z_stream z = { .next_in = (Bytef *)body,
		       .avail_in = (uInt)strlen(body),
		       .next_out = packed,
		       .avail_out = sizeof(packed) };

	if (deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	buf_printf(&out,
		   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
		   "Content-Length: %lu\r\n\r\n",
		   z.total_out);
	buf_put(&out, (struct span){ (char *)packed, z.total_out });
	deflateEnd(&z);
	return out;
}

/* A 3 KB answer whose text does not shrink to nothing. */
static void make_body(char *out, size_t size)
{
	char text[2300];
	uint32_t random = 1;

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		random = random * 1664525 + 1013904223;
		text[i] = "etaoin shrdlu cmfwyp"[random >> 24 & 15];
	}
	text[sizeof(text) - 1] = '\0';
	snprintf(out, size,
		 "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1764061200,"
		 "\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"message\":"
		 "{\"role\":\"assistant\",\"content\":\"%s\",\"refusal\":null},\"finish_reason\":"
		 "\"stop\"}]," USAGE ",\"service_tier\":\"default\"}",
		 text);
}

static void one_call(struct load *load, struct span response)
{
	feed(load, DIRECTION_SENT, buf_span(&load->request));
	feed(load, DIRECTION_RECEIVED, response);
}

static void one_search(struct load *load, struct span bytes)
{
	const char *at = bytes.ptr, *end = bytes.ptr + bytes.len;

	(void)load;
	while (at < end) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((line ? line : end) - at);
		const char *found = memmem(at, n, "\"usage", 6);

		__asm__ volatile("" : : "r"(found));
		at += n + 1;
	}
}

static void one_inflate(struct load *load, struct span response)
{
	const char *body = memmem(response.ptr, response.len, "\r\n\r\n", 4);
	Bytef plain[8192];
	z_stream z = { .next_in = (Bytef *)body + 4,
		       .avail_in = (uInt)(response.ptr + response.len - body - 4),
		       .next_out = plain,
		       .avail_out = sizeof(plain) };

	(void)load;
	if (inflateInit2(&z, 15 + 16) != Z_OK || inflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	inflateEnd(&z);
}

/* Nanoseconds of one, the best of rounds. */
static int64_t best_ns(struct load *load, void (*one)(struct load *, struct span),
		       struct span response, int times)
{
	int64_t best = INT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = clock_system.monotonic_ns(&clock_system), ns;

		for (int i = 0; i < times; i++)
			one(load, response);
		ns = (clock_system.monotonic_ns(&clock_system) - start) / times;
		best = ns < best ? ns : best;
	}
	return best;
}

static void print_row(const char *name, int64_t value, const char *unit, int64_t floor)
{
	printf("{\"name\":\"%s\",\"value\":%" PRId64 ",\"unit\":\"%s\",\"floor\":%" PRId64 "}\n",
	       name, value, unit, floor);
}

int main(void)
{
	static const uint8_t secret[METER_SECRET_BYTES];
	static const struct process process;
	struct connection conn = { .process = &process, .server = "api.openai.com" };
	struct load load = { .request = buf_with_max(BYTES_MAX) };
	struct meter_options options = { .secret = secret, .usage = on_usage, .ctx = &load };
	struct http_counters counters = { 0 };
	struct buf stream = make_stream(), packed;
	struct err err = { "" };
	char body[8192];

	make_body(body, sizeof(body));
	packed = make_gzip(body);
	buf_printf(&load.request, "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
				  "Content-Length: 23\r\n\r\n{\"model\":\"gpt-4o-mini\"}");
	if (providers_load("config/providers", &options.providers, &err) < 0 ||
	    catalog_load("config/prices", &load.catalog, &err) < 0 ||
	    meter_new(&options, &load.meter) < 0 ||
	    h1_new(&conn, &meter_handler, load.meter, &counters, &load.h1) < 0) {
		fprintf(stderr, "charge: %s\n", err.text);
		return 1;
	}
	print_row("sse_charge_mb_per_second",
		  (int64_t)stream.len * 1000 / best_ns(&load, one_call, buf_span(&stream), 20),
		  "MB/s",
		  (int64_t)stream.len * 1000 / best_ns(&load, one_search, buf_span(&stream), 20));
	print_row("gzip_charge_ns", best_ns(&load, one_call, buf_span(&packed), 2000), "ns",
		  best_ns(&load, one_inflate, buf_span(&packed), 2000));
	return load.calls == ROUNDS * (20 + 2000) ? 0 : 1;
}
