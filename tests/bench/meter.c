/* Calls a second through meter_handler on one core: both heads, a request body and a 3 KB chat
 * completion, by the provider file that ships. Beside it what the scan of the answer's body alone
 * would allow. Run at the top of the repository; prints one JSON line. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/timestamp.h"
#include "meter/meter.h"

#define CALLS  20000
#define ROUNDS 15

struct text {
	char bytes[4096];
	size_t n;
};

struct load {
	struct meter *meter;
	struct connection connection;
	struct http_head request, response;
	struct text ask, answer;
	uint64_t calls, tokens;
};

static void on_usage(void *ctx, const struct usage *usage)
{
	struct load *load = ctx;

	load->calls += usage->doubt == USAGE_DOUBT_NONE;
	load->tokens += (uint64_t)usage->counts[USAGE_INPUT];
}

static struct span span_of_text(const struct text *text)
{
	return (struct span){ text->bytes, text->n };
}

static void make_load(struct load *load)
{
	static const char request[] =
	    "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
	    "Authorization: Bearer sk-bench-0123456789abcdef0123456789abcdef\r\n"
	    "Content-Type: application/json\r\nx-stainless-retry-count: 0\r\n\r\n";
	static struct http_header headers[2][HEAD_HEADERS_MAX];
	static const struct process process;
	static const char response[] =
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	    "x-request-id: req_0123456789abcdef0123456789abcdef\r\n"
	    "openai-processing-ms: 420\r\nopenai-version: 2020-10-01\r\n\r\n";

	load->connection.process = &process;
	load->connection.server = "api.openai.com";
	if (head_parse_request(SPAN(request), headers[0], &load->request) < 0 ||
	    head_parse_response(SPAN(response), headers[1], &load->response) < 0)
		abort();
	load->ask.n = (size_t)snprintf(
	    load->ask.bytes, sizeof(load->ask.bytes),
	    "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"%0700d\"}]}", 0);
	load->answer.n = (size_t)snprintf(
	    load->answer.bytes, sizeof(load->answer.bytes),
	    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1764061200,"
	    "\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
	    "\"assistant\",\"content\":\"%02500d\\n\",\"refusal\":null},\"finish_reason\":"
	    "\"stop\"}],\"usage\":{\"prompt_tokens\":2006,\"completion_tokens\":300,"
	    "\"total_tokens\":2306,\"prompt_tokens_details\":{\"cached_tokens\":1920,"
	    "\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0,"
	    "\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
	    "\"rejected_prediction_tokens\":0}},\"service_tier\":\"default\"}",
	    0);
}

static void one_call(struct load *load)
{
	struct exchange ex = { .connection = &load->connection, .request_utc_ns = NS_PER_DAY };

	ex.request = load->request;
	meter_handler.request(load->meter, &ex);
	meter_handler.body(load->meter, &ex, DIRECTION_SENT, span_of_text(&load->ask));
	ex.response = load->response;
	ex.response_utc_ns = NS_PER_DAY + NS_PER_SEC;
	meter_handler.response(load->meter, &ex);
	meter_handler.body(load->meter, &ex, DIRECTION_RECEIVED, span_of_text(&load->answer));
	ex.end_utc_ns = NS_PER_DAY + 2 * NS_PER_SEC;
	meter_handler.end(load->meter, &ex);
}

static void on_value(void *ctx, unsigned id, const struct json_value *value)
{
	(void)id;
	*(int64_t *)ctx += value->integer;
}

static void one_scan(const struct load *load, const struct json_paths *paths)
{
	struct json_scan scan;
	int64_t sum = 0;

	json_scan_init(&scan, paths, on_value, &sum);
	json_scan_feed(&scan, span_of_text(&load->answer));
	if (json_scan_end(&scan) != 1 || sum != 2006)
		abort();
}

static int64_t best_ns(struct load *load, const struct json_paths *paths)
{
	int64_t best = INT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t start = clock_system.monotonic_ns(&clock_system), ns;

		for (int i = 0; i < CALLS; i++) {
			if (paths)
				one_scan(load, paths);
			else
				one_call(load);
		}
		ns = clock_system.monotonic_ns(&clock_system) - start;
		best = ns < best ? ns : best;
	}
	return best;
}

int main(void)
{
	static const uint8_t secret[METER_SECRET_BYTES] = "bench";
	struct load *load = calloc(1, sizeof(*load));
	struct meter_options options = { .secret = secret, .usage = on_usage, .ctx = load };
	struct err err = { "" };
	struct json_paths *paths;
	unsigned id;

	if (!load || providers_load("config/providers", &options.providers, &err) < 0 ||
	    meter_new(&options, &load->meter) < 0 || json_paths_new(&paths) < 0 ||
	    json_paths_add(paths, SPAN("/usage/prompt_tokens"), &id) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	make_load(load);
	printf("{\"name\":\"meter_calls_per_second\",\"value\":%" PRId64
	       ",\"unit\":\"calls/s\",\"floor\":%" PRId64 ",\"body_bytes\":%zu}\n",
	       CALLS * NS_PER_SEC / best_ns(load, NULL), CALLS * NS_PER_SEC / best_ns(load, paths),
	       load->answer.n);
	if (load->calls != CALLS * ROUNDS || load->tokens != load->calls * 86)
		return 1;
	json_paths_free(paths);
	meter_free(load->meter);
	providers_unref(options.providers);
	free(load);
	return 0;
}
