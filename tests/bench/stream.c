/* Captured bytes a second through http -> meter on one core, by the provider files that ship: event
 * streams of 1 KiB deltas as providers chunk them, and plain answers of 4 KiB. Prints a JSON line
 * each; the bars are in MB/s. Run at the top of the repository. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/timestamp.h"
#include "http/http.h"
#include "meter/meter.h"

#define ROUNDS 15
#define EVENTS 200
#define USAGE                                                                                      \
	"\"usage\":{\"prompt_tokens\":1200,\"completion_tokens\":400,\"total_tokens\":1600,"       \
	"\"prompt_tokens_details\":{\"cached_tokens\":1024,\"audio_tokens\":0},"                   \
	"\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0}}"
#define REQUEST                                                                                    \
	"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"                           \
	"Content-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"model\":\"gpt-4o\"}"

struct load {
	const char *name;
	int64_t bar;
	unsigned answers; /* a round */
	struct buf answer;
	size_t piece; /* bytes of a record */
};

static uint64_t tokens;

static void on_usage(void *ctx, const struct usage *usage)
{
	(void)ctx;
	tokens += (uint64_t)usage->counts[USAGE_OUTPUT];
}

static void put_chunk(struct buf *out, const char *event)
{
	buf_printf(out, "%zx\r\n%s\r\n", strlen(event), event);
}

static struct buf make_stream(void)
{
	struct buf out = buf_with_max(1 << 20);
	char event[2048], words[800];

	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	for (size_t i = 6; i < sizeof(words); i += 6)
		words[i - 1] = ' ';
	buf_put(&out, SPAN("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
			   "Transfer-Encoding: chunked\r\n\r\n"));
	for (int i = 0; i < EVENTS; i++) {
		snprintf(event, sizeof(event),
			 "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","
			 "\"created\":1764061200,\"model\":\"gpt-4o-2024-08-06\",\"service_tier\":"
			 "\"default\",\"system_fingerprint\":\"fp_1\",\"choices\":[{\"index\":0,"
			 "\"delta\":{\"content\":\"%s\\n\"},\"logprobs\":null,\"finish_reason\":"
			 "null}],\"usage\":null}\n\n",
			 words);
		put_chunk(&out, event);
	}
	put_chunk(&out, "data: {\"id\":\"chatcmpl-bench\",\"model\":\"gpt-4o-2024-08-06\","
			"\"choices\":[]," USAGE "}\n\n");
	put_chunk(&out, "data: [DONE]\n\n");
	buf_put(&out, SPAN("0\r\n\r\n"));
	return out;
}

static struct buf make_plain(void)
{
	struct buf out = buf_with_max(1 << 20);
	char body[8192];

	snprintf(body, sizeof(body),
		 "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1764061200,"
		 "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
		 "\"assistant\",\"content\":\"%03600d\\n\",\"refusal\":null},\"finish_reason\":"
		 "\"stop\"}]," USAGE "}",
		 0);
	buf_printf(&out,
		   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_1\r\n"
		   "openai-processing-ms: 420\r\nContent-Length: %zu\r\n\r\n%s",
		   strlen(body), body);
	return out;
}

static void feed(struct http *http, enum direction direction, struct span bytes, uint64_t *offset)
{
	struct chunk chunk = { .data = bytes,
			       .offset = *offset,
			       .length = bytes.len,
			       .time_utc_ns = NS_PER_DAY,
			       .direction = direction };

	http_feed(http, &chunk);
	*offset += bytes.len;
}

static int64_t run(const struct load *load, struct http *http, uint64_t offsets[2])
{
	int64_t start_ns = clock_system.monotonic_ns(&clock_system);

	for (unsigned i = 0; i < load->answers; i++) {
		struct span rest = buf_span(&load->answer);

		feed(http, DIRECTION_SENT, SPAN(REQUEST), &offsets[0]);
		for (; rest.len; rest = span_skip(rest, load->piece))
			feed(http, DIRECTION_RECEIVED, span_head(rest, load->piece), &offsets[1]);
	}
	return clock_system.monotonic_ns(&clock_system) - start_ns;
}

static int measure(struct meter *meter, struct load *load)
{
	uint64_t bytes = load->answers * (load->answer.len + sizeof(REQUEST) - 1), before = tokens;
	struct connection conn = { .server = "api.openai.com" };
	struct http_counters counters = { 0 };
	uint64_t offsets[2] = { 0 };
	int64_t best = INT64_MAX;
	struct http *http;

	if (http_new(&conn, &meter_handler, meter, &counters, &http) < 0)
		return 1;
	for (int round = 0; round < ROUNDS; round++) {
		int64_t ns = run(load, http, offsets);

		best = ns < best ? ns : best;
	}
	http_free(http);
	printf("{\"name\":\"%s\",\"value\":%" PRIu64 ",\"unit\":\"MB/s\",\"bar\":%" PRId64 "}\n",
	       load->name, bytes * 1000 / (uint64_t)best, load->bar);
	return tokens - before != 400ull * ROUNDS * load->answers;
}

int main(void)
{
	struct load loads[] = {
		{ "http_meter_sse", 300, 100, make_stream(), 1100 },
		{ "http_meter_json", 500, 5000, make_plain(), 2048 },
	};
	struct meter_options options = { .usage = on_usage };
	struct err err = { "" };
	struct meter *meter;
	int failed = 0;

	if (providers_load("config/providers", &options.providers, &err) < 0 ||
	    meter_new(&options, &meter) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	for (size_t i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		failed |= measure(meter, &loads[i]);
		buf_done(&loads[i].answer);
	}
	meter_free(meter);
	providers_unref(options.providers);
	return failed;
}
