/* line CONFIG-DIR [SECONDS]: calls a second through http -> meter -> price on one core: a
 * keep-alive connection of chat completions, the request in one chunk, the answer in two. Prints
 * one JSON line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "http/h1.h"
#include "meter/meter.h"
#include "price/catalog.h"

static struct catalog *catalog;
static money_wide total_pico;
static uint64_t calls, priced;

static void on_usage(void *ctx, const struct usage *usage)
{
	struct charge charge;

	(void)ctx;
	catalog_price(catalog, usage, &charge);
	calls++;
	priced += charge.source == COST_CATALOG;
	total_pico += charge.cost_pico;
}

static size_t make_request(char *out, size_t room)
{
	char body[1500];

	snprintf(body, sizeof(body),
		 "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\","
		 "\"content\":\"%0700d\"}]}",
		 0);
	return (size_t)snprintf(out, room,
				"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"
				"Authorization: Bearer sk-bench-0123456789abcdef\r\n"
				"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
				strlen(body), body);
}

static size_t make_response(char *out, size_t room)
{
	char body[4000];

	snprintf(
	    body, sizeof(body),
	    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1764000000,"
	    "\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"message\":"
	    "{\"role\":\"assistant\",\"content\":\"%02300d\",\"refusal\":null,\"annotations\":[]},"
	    "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1200,"
	    "\"completion_tokens\":400,\"total_tokens\":1600,\"prompt_tokens_details\":"
	    "{\"cached_tokens\":1024,\"audio_tokens\":0},\"completion_tokens_details\":"
	    "{\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
	    "\"rejected_prediction_tokens\":0}},\"service_tier\":\"default\","
	    "\"system_fingerprint\":\"fp_bench\"}",
	    0);
	return (size_t)snprintf(out, room,
				"HTTP/1.1 200 OK\r\nDate: Wed, 25 Nov 2026 00:00:00 GMT\r\n"
				"Content-Type: application/json\r\nContent-Length: %zu\r\n"
				"x-request-id: req_0123456789abcdef0123456789abcdef\r\n"
				"openai-processing-ms: 420\r\nopenai-version: 2020-10-01\r\n"
				"x-ratelimit-remaining-requests: 9999\r\n\r\n%s",
				strlen(body), body);
}

static void feed(struct h1 *h1, enum direction direction, const char *bytes, size_t n,
		 uint64_t *offset, int64_t utc_ns)
{
	struct chunk chunk = { .data = { bytes, n },
			       .offset = *offset,
			       .length = n,
			       .time_utc_ns = utc_ns,
			       .direction = direction };

	h1_feed(h1, &chunk);
	*offset += n;
}

int main(int argc, char **argv)
{
	int64_t seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 2;
	static const uint8_t secret[METER_SECRET_BYTES];
	static const struct process process;
	struct connection conn = { .process = &process, .server = "api.openai.com" };
	struct meter_options options = { .secret = secret, .usage = on_usage };
	struct http_counters counters = { 0 };
	static char request[4096], response[8192];
	size_t n_request = make_request(request, sizeof(request));
	size_t n_response = make_response(response, sizeof(response)), half = n_response / 2;
	uint64_t offsets[2] = { 0, 0 };
	int64_t start, took, utc = clock_system.now_ns(&clock_system);
	struct meter *meter = NULL;
	struct err err = { 0 };
	struct h1 *h1 = NULL;
	char path[512];

	snprintf(path, sizeof(path), "%s/providers", argc > 1 ? argv[1] : "config");
	if (providers_load(path, &options.providers, &err) < 0)
		goto failed;
	snprintf(path, sizeof(path), "%s/prices", argc > 1 ? argv[1] : "config");
	if (catalog_load(path, &catalog, &err) < 0 || meter_new(&options, &meter) < 0 ||
	    h1_new(&conn, &meter_handler, meter, &counters, &h1) < 0)
		goto failed;
	start = clock_system.monotonic_ns(&clock_system);
	do {
		for (int i = 0; i < 1000; i++) {
			feed(h1, DIRECTION_SENT, request, n_request, &offsets[0], utc);
			feed(h1, DIRECTION_RECEIVED, response, half, &offsets[1], utc);
			feed(h1, DIRECTION_RECEIVED, response + half, n_response - half,
			     &offsets[1], utc);
		}
		took = clock_system.monotonic_ns(&clock_system) - start;
	} while (took < seconds * NS_PER_SEC);
	if (priced != calls) {
		fprintf(stderr, "line: %llu of %llu calls priced\n", (unsigned long long)priced,
			(unsigned long long)calls);
		return 1;
	}
	printf("{\"name\":\"line_ns_per_call\",\"value\":%lld,\"unit\":\"ns\",\"calls\":%llu,"
	       "\"bytes\":%zu}\n",
	       (long long)(took / (int64_t)calls), (unsigned long long)calls,
	       n_request + n_response);
	return 0;
failed:
	fprintf(stderr, "line: %s\n", err.text);
	return 1;
}
