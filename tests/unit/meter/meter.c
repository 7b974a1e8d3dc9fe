/* meter: exchanges in, usage out, by config/providers/openai.yaml. Bodies are written by hand after
 * OpenAI's API reference (chat completions); expected counts are arithmetic on them. */
#include "meter/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/hmac.h>

#include "http/h1.h"
#include "tests/unit/meter/drive.h"

#define USAGES_MAX 8

static const uint8_t secret[METER_SECRET_BYTES] = "0123456789abcdef0123456789abcdef";

struct world {
	struct providers *providers;
	struct meter *meter;
	struct drive drive;
	struct usage usages[USAGES_MAX];
	unsigned n;
	unsigned n_sent, n_landed;
	int64_t most_output;
	struct usage asked;
};

static void on_usage(void *ctx, const struct usage *usage)
{
	struct world *w = ctx;

	assert_true(w->n < USAGES_MAX);
	w->usages[w->n++] = *usage;
}

static void on_flight(void *ctx, const struct meter_flight *flight)
{
	struct world *w = ctx;

	w->n_sent += flight->asked != NULL;
	w->n_landed += !flight->asked;
	if (!flight->asked)
		return;
	w->most_output = flight->most_output;
	w->asked = *flight->asked;
}

static int start(void **state, const uint8_t *key)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err = { "" };
	struct meter_options options = {
		.usage = on_usage,
		.flight = on_flight,
		.ctx = w,
		.secret = key,
		.remembers = true,
	};

	if (providers_load("config/providers", &w->providers, &err) < 0)
		return -1;
	options.providers = w->providers;
	*state = w;
	return meter_new(&options, &w->meter);
}

static int setup(void **state)
{
	return start(state, secret);
}

static int setup_without_secret(void **state)
{
	return start(state, NULL);
}

static int teardown(void **state)
{
	struct world *w = *state;

	meter_free(w->meter);
	providers_unref(w->providers);
	free(w);
	return 0;
}

#define POST                                                                                       \
	"POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\n"                           \
	"Authorization: Bearer sk-test-key\r\nContent-Type: application/json\r\n"
#define OK "HTTP/1.1 200 OK\r\nx-request-id: req_123\r\nContent-Type: "

static const char json_ok[] = OK "application/json\r\n\r\n";
static const char sse_ok[] = OK "text/event-stream; charset=utf-8\r\n\r\n";
static const char ask[] = "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":"
			  "\"\\\"model\\\":\\\"x\\\"\"}]}";

#define ANSWER(usage)                                                                              \
	"{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1764061200,"            \
	"\"model\":\"gpt-4o-2024-08-06\",\"service_tier\":\"default\",\"choices\":[{\"index\":0,"  \
	"\"message\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],"    \
	"\"usage\":" usage "}"

static const char plain_usage[] =
    ANSWER("{\"prompt_tokens\":19,\"completion_tokens\":10,\"total_tokens\":29}");

/* The buckets of a chat completion. */
static const enum usage_bucket listed[] = {
	USAGE_INPUT,        USAGE_INPUT_CACHE_READ, USAGE_INPUT_CACHE_WRITE,
	USAGE_INPUT_AUDIO,  USAGE_OUTPUT,           USAGE_OUTPUT_REASONING,
	USAGE_OUTPUT_AUDIO, USAGE_REQUESTS,         USAGE_UNBILLED_CACHE_READ,
};

#define N_LISTED (sizeof(listed) / sizeof(*listed))

struct expected {
	int64_t counts[N_LISTED]; /* -1 = not said */
	enum usage_doubt doubt;
};

static void expect_counts(const struct usage *usage, const struct expected *expected)
{
	uint64_t said = 0;

	assert_int_equal(usage->doubt, expected->doubt);
	for (size_t i = 0; i < N_LISTED; i++) {
		bool present = usage->present & USAGE_BIT(listed[i]);
		int64_t count = usage->counts[listed[i]];

		if (present != (expected->counts[i] >= 0) ||
		    (present && count != expected->counts[i]))
			fail_msg("%s: %s%lld, not %lld", usage_bucket_name(listed[i]),
				 present ? "" : "absent ", (long long)count,
				 (long long)expected->counts[i]);
		said |= present ? USAGE_BIT(listed[i]) : 0;
	}
	assert_int_equal(usage->present, said);
}

static const struct usage *call(struct world *w, struct span response_head, struct span body,
				size_t piece)
{
	w->n = 0;
	drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
	drive_body(&w->drive, DIRECTION_SENT, SPAN(ask), piece);
	drive_response(&w->drive, response_head);
	drive_body(&w->drive, DIRECTION_RECEIVED, body, piece);
	drive_end(&w->drive);
	assert_int_equal(w->n, 1);
	return &w->usages[0];
}

/* HMAC-SHA256 by the one-shot function of libcrypto. */
static void expect_key(const struct usage *usage, const char *key)
{
	uint8_t digest[32];
	char hex[17];

	HMAC(EVP_sha256(), secret, sizeof(secret), (const uint8_t *)key, strlen(key), digest, NULL);
	for (int i = 0; i < 8; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(usage->api_key_hash, hex);
}

/* As the reference of each interface names the most of an answer, and how many there are. */
static void says_what_is_in_flight_elsewhere(void **state)
{
	static const struct {
		const char *server, *target, *body;
		int64_t most;
	} rows[] = {
		{ "api.openai.com", "/v1/completions",
		  "{\"model\":\"davinci-002\",\"max_tokens\":10,\"n\":2,\"best_of\":4}", 40 },
		/* Each prompt of a list has its own answers. */
		{ "api.openai.com", "/v1/completions",
		  "{\"model\":\"davinci-002\",\"prompt\":[\"x\",\"y\"],\"max_tokens\":10}", -1 },
		{ "api.openai.com", "/v1/completions",
		  "{\"model\":\"davinci-002\",\"prompt\":[[1,2],[3]],\"max_tokens\":10}", -1 },
		{ "api.openai.com", "/v1/completions",
		  "{\"model\":\"davinci-002\",\"prompt\":\"x\"}", -1 },
		{ "api.anthropic.com", "/v1/complete", "{\"max_tokens_to_sample\":9}", 9 },
		{ "x.openai.azure.com", "/openai/deployments/d/chat/completions?api-version=1",
		  "{\"max_completion_tokens\":20,\"n\":2}", 40 },
		{ "bedrock-runtime.us-east-1.amazonaws.com",
		  "/model/amazon.nova-pro-v1%3A0/converse",
		  "{\"inferenceConfig\":{\"maxTokens\":70}}", 70 },
		/* Titan says 51 where 50 are the most: of bodies of the vendors one more. */
		{ "bedrock-runtime.us-east-1.amazonaws.com", "/model/meta.llama3-8b/invoke",
		  "{\"prompt\":\"x\",\"max_gen_len\":60}", 61 },
		{ "bedrock-runtime.us-east-1.amazonaws.com", "/model/amazon.titan-text/invoke",
		  "{\"inputText\":\"x\",\"textGenerationConfig\":{\"maxTokenCount\":90}}", 91 },
		{ "bedrock-runtime.us-east-1.amazonaws.com",
		  "/model/ai21.jamba-1-5-mini-v1%3A0/invoke", "{\"max_tokens\":8,\"n\":3}", 27 },
		{ "bedrock-runtime.us-east-1.amazonaws.com",
		  "/model/amazon.nova-2-lite-v1%3A0/converse",
		  "{\"inferenceConfig\":{\"maxTokens\":70},\"toolConfig\":{\"tools\":[{"
		  "\"toolSpec\":{}}]}}",
		  70 },
		/* It runs these itself, and answers again. */
		{ "bedrock-runtime.us-east-1.amazonaws.com",
		  "/model/amazon.nova-2-lite-v1%3A0/converse",
		  "{\"inferenceConfig\":{\"maxTokens\":70},\"toolConfig\":{\"tools\":[{"
		  "\"toolSpec\":{}},{\"systemTool\":{\"name\":\"nova_grounding\"}}]}}",
		  -1 },
		{ "api.anthropic.com", "/v1/messages",
		  "{\"max_tokens\":9,\"tools\":[{\"name\":\"x\",\"input_schema\":{}}]}", 9 },
		/* An advisor, a compaction and another model write besides. */
		{ "api.anthropic.com", "/v1/messages",
		  "{\"max_tokens\":9,\"tools\":[{\"type\":\"advisor_20260301\",\"name\":"
		  "\"advisor\",\"model\":\"m\"}]}",
		  -1 },
		{ "api.anthropic.com", "/v1/messages",
		  "{\"max_tokens\":9,\"context_management\":{\"edits\":[{\"type\":"
		  "\"compact_20260112\"}]}}",
		  -1 },
		{ "api.anthropic.com", "/v1/messages",
		  "{\"max_tokens\":9,\"fallbacks\":[{\"model\":\"m\"}]}", -1 },
		{ "api.anthropic.com", "/v1/messages",
		  "{\"max_tokens\":9,\"fallbacks\":\"default\"}", -1 },
		{ "api.cerebras.ai", "/v1/completions",
		  "{\"prompt\":\"x\",\"max_tokens\":10,\"n\":2,\"best_of\":5}", 50 },
		{ "api.cohere.com", "/v1/generate", "{\"max_tokens\":5,\"num_generations\":4}",
		  20 },
		{ "ollama.com", "/api/chat", "{\"options\":{\"num_predict\":50}}", 50 },
		{ "ollama.com", "/api/chat", "{\"options\":{\"num_predict\":-1}}", -1 },
		{ "us-central1-aiplatform.googleapis.com",
		  "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:"
		  "generateContent",
		  "{\"generationConfig\":{\"maxOutputTokens\":30,\"candidateCount\":2}}", 60 },
		{ "us-south.ml.cloud.ibm.com", "/ml/v1/text/generation?version=1",
		  "{\"parameters\":{\"max_new_tokens\":200}}", 200 },
		{ "us-central1-aiplatform.googleapis.com",
		  "/v1/projects/p/locations/l/publishers/mistralai/models/mistral-medium-3:"
		  "rawPredict",
		  "{\"max_tokens\":10,\"n\":2}", 20 },
		/* As many as the model can. */
		{ "us-south.ml.cloud.ibm.com", "/ml/v1/text/chat?version=1",
		  "{\"max_completion_tokens\":0}", -1 },
		/* It knows the older name alone. */
		{ "ollama.com", "/v1/chat/completions", "{\"max_completion_tokens\":5}", -1 },
		{ "ollama.com", "/v1/chat/completions", "{\"max_tokens\":5}", 5 },
		/* Tools of its own may go round more than once. */
		{ "openrouter.ai", "/api/v1/responses", "{\"max_output_tokens\":7}", 7 },
		{ "openrouter.ai", "/api/v1/responses",
		  "{\"tools\":[{\"type\":\"openrouter:web_search\"}],\"max_output_tokens\":7}",
		  -1 },
		{ "openrouter.ai", "/api/v1/chat/completions",
		  "{\"tools\":[{\"type\":\"function\"},{\"type\":\"function\"}],\"max_tokens\":7}",
		  7 },
		{ "openrouter.ai", "/api/v1/chat/completions",
		  "{\"tools\":[{\"type\":\"function\"},{\"type\":\"openrouter:datetime\"}],"
		  "\"max_tokens\":7}",
		  -1 },
		{ "openrouter.ai", "/api/v1/chat/completions",
		  "{\"plugins\":[{\"id\":\"web\"}],\"max_tokens\":7}", 7 },
		{ "openrouter.ai", "/api/v1/chat/completions",
		  "{\"plugins\":[{\"id\":\"fusion\"}],\"max_tokens\":7}", -1 },
		{ "openrouter.ai", "/api/v1/chat/completions",
		  "{\"models\":[\"a/b\",\"c/d\"],\"max_tokens\":7}", -1 },
		{ "openrouter.ai", "/api/v1/messages",
		  "{\"tools\":[{\"name\":\"x\",\"input_schema\":{}}],\"max_tokens\":7}", 7 },
		{ "openrouter.ai", "/api/v1/messages",
		  "{\"tools\":[{\"type\":\"openrouter:advisor\"}],\"max_tokens\":7}", -1 },
		/* No reference of it. */
		{ "api.groq.com", "/openai/v1/completions", "{\"max_tokens\":5}", -1 },
		/* What it thinks comes besides. */
		{ "dashscope-intl.aliyuncs.com", "/compatible-mode/v1/chat/completions",
		  "{\"max_tokens\":5}", -1 },
	};
	struct world *w = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char head[256];

		w->n = 0;
		snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\n\r\n", rows[i].target);
		drive_begin_at(&w->drive, w->meter, rows[i].server, span_of(head));
		drive_body(&w->drive, DIRECTION_SENT, span_of(rows[i].body), 7);
		meter_handler.sent(w->meter, &w->drive.exchange);
		assert_int_equal(w->n_sent, i + 1);
		assert_int_equal(w->asked.doubt, USAGE_DOUBT_NONE);
		if (w->most_output != rows[i].most)
			fail_msg("%s%s: %lld", rows[i].server, rows[i].target,
				 (long long)w->most_output);
		drive_end(&w->drive);
	}
}

/* In flight from the end of the request on; OpenAI: each of `n` answers may have that many. */
static void says_what_is_in_flight(void **state)
{
	static const struct {
		const char *head, *body;
		int64_t most;
	} rows[] = {
		{ POST "\r\n", "{\"model\":\"gpt-4o\",\"max_tokens\":300}", 300 },
		{ POST "\r\n",
		  "{\"max_tokens\":1,\"max_completion_tokens\":40,\"n\":3,\"model\":"
		  "\"gpt-4o\"}",
		  120 },
		{ POST "\r\n", "{\"model\":\"gpt-4o\"}", -1 },
		{ POST "\r\n", "{\"model\":\"gpt-4o\",\"max_tokens\":-4}", -1 },
		{ POST "\r\n", "{\"model\":\"gpt-4o\",\"max_tokens\":4,\"n\":\"x\"}", -1 },
		{ POST "Content-Encoding: gzip\r\n\r\n",
		  "{\"model\":\"gpt-4o\",\"max_tokens\":300}", -1 },
	};
	struct world *w = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		w->n = 0;
		drive_begin(&w->drive, w->meter, span_of(rows[i].head));
		drive_body(&w->drive, DIRECTION_SENT, span_of(rows[i].body), 7);
		assert_int_equal(w->n_sent, i);
		meter_handler.sent(w->meter, &w->drive.exchange);
		assert_int_equal(w->n_sent, i + 1);
		assert_true(w->most_output == rows[i].most);
		assert_string_equal(w->asked.provider, "openai");
		assert_string_equal(w->asked.operation, "chat");
		assert_string_equal(w->asked.model_requested, "gpt-4o");
		assert_int_equal(w->asked.request_bytes,
				 strlen(rows[i].head) + strlen(rows[i].body));
		assert_int_equal(w->drive.connection.calls, 1);
		assert_int_equal(w->n_landed, i);
		drive_end(&w->drive);
		assert_int_equal(w->n_landed, i + 1);
		assert_int_equal(w->drive.connection.calls, 0);
	}
}

static void fills_every_field(void **state)
{
	struct world *w = *state;
	const struct usage *u;

	drive_begin(&w->drive, w->meter, SPAN(POST "x-stainless-retry-count: 2\r\n\r\n"));
	w->drive.process.pid = 4711;
	drive_body(&w->drive, DIRECTION_SENT, SPAN(ask), 1000);
	drive_response(&w->drive, SPAN(json_ok));
	drive_body(&w->drive, DIRECTION_RECEIVED, SPAN(plain_usage), 1000);
	drive_end(&w->drive);
	assert_int_equal(w->n, 1);
	u = &w->usages[0];
	assert_int_equal(u->time_start_ns, DRIVE_BEGIN);
	assert_int_equal(u->time_end_ns, DRIVE_END);
	assert_int_equal(u->ttfb_ns, 250 * NS_PER_MS);
	assert_int_equal(u->process.pid, 4711);
	assert_string_equal(u->provider, "openai");
	assert_string_equal(u->server, "api.openai.com");
	assert_string_equal(u->operation, "chat");
	assert_string_equal(u->route, "POST /v1/chat/completions");
	assert_string_equal(u->method, "POST");
	assert_int_equal(u->status, 200);
	assert_string_equal(u->error, "");
	assert_string_equal(u->model_requested, "gpt-4o");
	assert_string_equal(u->model, "gpt-4o-2024-08-06");
	assert_string_equal(u->service_tier, "default");
	assert_false(u->streaming);
	assert_false(u->free);
	assert_string_equal(u->request_id, "req_123");
	assert_string_equal(u->response_id, "chatcmpl-1");
	assert_int_equal(u->attempt, 3);
	expect_key(u, "sk-test-key");
	assert_int_equal(u->completeness, COMPLETENESS_COMPLETE);
	assert_int_equal(u->lost_bytes, 0);
	assert_int_equal(u->request_bytes, w->drive.exchange.request_bytes);
	assert_int_equal(u->response_bytes, w->drive.exchange.response_bytes);
	assert_int_equal(u->event_id.bytes[6] >> 4, 7);
	/* RFC 9562: the first 48 bits are the milliseconds. */
	assert_int_equal((int64_t)u->event_id.bytes[0] << 40 | (int64_t)u->event_id.bytes[1] << 32 |
			     (int64_t)u->event_id.bytes[2] << 24 | u->event_id.bytes[3] << 16 |
			     u->event_id.bytes[4] << 8 | u->event_id.bytes[5],
			 DRIVE_END / NS_PER_MS);
	assert_null(w->drive.exchange.meter);
	assert_int_equal(counter_read(&meter_counters(w->meter)->calls), 1);
}

/* The order of struct expected: input, cache read, cache write, audio; output, reasoning, audio;
 * requests. */
static void counts_are_disjoint(void **state)
{
	static const struct {
		const char *usage;
		struct expected expected;
	} cases[] = {
		{ "{\"prompt_tokens\":19,\"completion_tokens\":10,\"total_tokens\":29}",
		  { { 19, -1, -1, -1, 10, -1, -1, -1, -1 }, USAGE_DOUBT_NONE } },
		/* 2006 of which 1920 cached */
		{ "{\"prompt_tokens\":2006,\"completion_tokens\":300,\"total_tokens\":2306,"
		  "\"prompt_tokens_details\":{\"cached_tokens\":1920}}",
		  { { 86, 1920, -1, -1, 300, -1, -1, -1, -1 }, USAGE_DOUBT_NONE } },
		/* 2600 of which 2000 read and 400 written */
		{ "{\"prompt_tokens\":2600,\"completion_tokens\":0,\"total_tokens\":2600,"
		  "\"prompt_tokens_details\":{\"cached_tokens\":2000,\"cache_write_tokens\":400}}",
		  { { 200, 2000, 400, -1, 0, -1, -1, -1, -1 }, USAGE_DOUBT_NONE } },
		/* 500 of which 200 reasoning: a part of it, never on top */
		{ "{\"prompt_tokens\":500,\"completion_tokens\":500,\"total_tokens\":1000,"
		  "\"completion_tokens_details\":{\"reasoning_tokens\":200}}",
		  { { 500, -1, -1, -1, 300, 200, -1, -1, -1 }, USAGE_DOUBT_NONE } },
		/* predictions stay in the text */
		{ "{\"prompt_tokens\":9,\"completion_tokens\":60,\"completion_tokens_details\":{"
		  "\"reasoning_tokens\":0,\"audio_tokens\":0,\"accepted_prediction_tokens\":20,"
		  "\"rejected_prediction_tokens\":15}}",
		  { { 9, -1, -1, -1, 60, 0, 0, -1, -1 }, USAGE_DOUBT_NONE } },
		/* 17 and 110 text, 482 audio */
		{ "{\"prompt_tokens\":27,\"completion_tokens\":592,\"prompt_tokens_details\":{"
		  "\"cached_tokens\":0,\"audio_tokens\":10},\"completion_tokens_details\":{"
		  "\"reasoning_tokens\":0,\"audio_tokens\":482}}",
		  { { 17, 0, -1, 10, 110, 0, 482, -1, -1 }, USAGE_DOUBT_NONE } },
		{ "{\"prompt_tokens\":3,\"completion_tokens\":2,\"prompt_tokens_details\":null}",
		  { { 3, -1, -1, -1, 2, -1, -1, -1, -1 }, USAGE_DOUBT_NONE } },
		/* parts over their whole: not clamped, and the whole is told alone */
		{ "{\"prompt_tokens\":100,\"completion_tokens\":5,\"prompt_tokens_details\":{"
		  "\"cached_tokens\":101}}",
		  { { 100, -1, -1, -1, 5, -1, -1, -1, 101 }, USAGE_DOUBT_INCONSISTENT } },
		{ "{\"prompt_tokens\":100,\"completion_tokens\":5,\"prompt_tokens_details\":{"
		  "\"cached_tokens\":80,\"audio_tokens\":90}}",
		  { { 100, -1, -1, -1, 5, -1, -1, -1, 80 }, USAGE_DOUBT_INCONSISTENT } },
		{ "{\"prompt_tokens\":-1,\"completion_tokens\":5}",
		  { { -1, -1, -1, -1, 5, -1, -1, -1, -1 }, USAGE_DOUBT_INCONSISTENT } },
		{ "{\"prompt_tokens\":99999999999999999999,\"completion_tokens\":5}",
		  { { -1, -1, -1, -1, 5, -1, -1, -1, -1 }, USAGE_DOUBT_INCONSISTENT } },
		{ "{\"prompt_tokens\":\"many\",\"completion_tokens\":5,"
		  "\"completion_tokens_details\":{\"reasoning_tokens\":6}}",
		  { { -1, -1, -1, -1, 5, -1, -1, -1, -1 }, USAGE_DOUBT_INCONSISTENT } },
		/* not what was due */
		{ "{\"prompt_tokens\":\"many\",\"completion_tokens\":5}",
		  { { -1, -1, -1, -1, 5, -1, -1, -1, -1 }, USAGE_DOUBT_UNPARSED } },
		{ "{\"prompt_tokens\":1.5,\"completion_tokens\":5}",
		  { { -1, -1, -1, -1, 5, -1, -1, -1, -1 }, USAGE_DOUBT_UNPARSED } },
		{ "{\"prompt_tokens\":1,\"total_tokens\":1}",
		  { { 1, -1, -1, -1, -1, -1, -1, -1, -1 }, USAGE_DOUBT_NO_USAGE } },
		{ "{\"completion_tokens\":1}",
		  { { -1, -1, -1, -1, 1, -1, -1, -1, -1 }, USAGE_DOUBT_NO_USAGE } },
		{ "null", { { -1, -1, -1, -1, -1, -1, -1, -1, -1 }, USAGE_DOUBT_NO_USAGE } },
		{ "[]", { { -1, -1, -1, -1, -1, -1, -1, -1, -1 }, USAGE_DOUBT_NO_USAGE } },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char body[1024];
		int n =
		    snprintf(body, sizeof(body), "{\"model\":\"m\",\"usage\":%s}", cases[i].usage);

		expect_counts(call(w, SPAN(json_ok), (struct span){ body, (size_t)n }, 64),
			      &cases[i].expected);
	}
	assert_int_equal(counter_read(&meter_counters(w->meter)->inconsistent), 5);
}

static const struct expected nothing = { { -1, -1, -1, -1, -1, -1, -1, -1, -1 }, 0 };

static void json_cut_at_any_byte_has_no_counts(void **state)
{
	const struct span body = SPAN(plain_usage);
	struct expected expected = nothing;
	struct world *w = *state;

	expected.doubt = USAGE_DOUBT_UNPARSED;
	for (size_t length = 0; length < body.len; length++) {
		w->n = 0;
		drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
		drive_response(&w->drive, SPAN(json_ok));
		drive_body(&w->drive, DIRECTION_RECEIVED, span_head(body, length), 4096);
		w->drive.exchange.completeness = COMPLETENESS_TRUNCATED;
		drive_end(&w->drive);
		expect_counts(&w->usages[0], &expected);
		assert_int_equal(w->usages[0].completeness, COMPLETENESS_TRUNCATED);
	}
	assert_int_equal(counter_read(&meter_counters(w->meter)->bodies_unparsed), body.len);
}

#define CHUNK(delta)                                                                               \
	"data: {\"id\":\"chatcmpl-2\",\"object\":\"chat.completion.chunk\",\"model\":"             \
	"\"gpt-4o-2024-08-06\",\"service_tier\":\"default\",\"choices\":[{\"index\":0,\"delta\":{" \
	"\"content\":\"" delta "\"},\"finish_reason\":null}],\"usage\":null}\n\n"
#define USAGE_CHUNK                                                                                \
	"data: {\"id\":\"chatcmpl-2\",\"object\":\"chat.completion.chunk\",\"model\":"             \
	"\"gpt-4o-2024-08-06\",\"service_tier\":\"flex\",\"choices\":[],\"usage\":{"               \
	"\"prompt_tokens\":40,\"completion_tokens\":12,\"total_tokens\":52,"                       \
	"\"prompt_tokens_details\":{\"cached_tokens\":32}}}\n\n"
#define DONE "data: [DONE]\n\n"

static const struct expected stream_counts = { { 8, 32, -1, -1, 12, -1, -1, -1, -1 },
					       USAGE_DOUBT_NONE };

static void reads_streams_cut_anywhere(void **state)
{
	static const char stream[] = CHUNK("a") CHUNK("b") USAGE_CHUNK DONE;
	struct world *w = *state;

	for (size_t piece = 1; piece <= sizeof(stream); piece += piece < 40 ? 1 : 97) {
		const struct usage *u = call(w, SPAN(sse_ok), SPAN(stream), piece);

		expect_counts(u, &stream_counts);
		assert_true(u->streaming);
		assert_string_equal(u->model, "gpt-4o-2024-08-06");
		assert_string_equal(u->service_tier, "flex");
		assert_string_equal(u->response_id, "chatcmpl-2");
		assert_int_equal(u->completeness, COMPLETENESS_COMPLETE);
	}
	assert_int_equal(counter_read(&meter_counters(w->meter)->bodies_unparsed), 0);
}

/* Some servers of this shape send running totals: the last one is the count. */
static void stream_totals_are_replaced(void **state)
{
	static const char stream[] =
	    "data: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}\n\n"
	    "data: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":15}}\n\n"
	    "data: {\"usage\":null}\n\n" DONE;
	static const struct expected expected = { { 5, -1, -1, -1, 15, -1, -1, -1, -1 },
						  USAGE_DOUBT_NONE };

	expect_counts(call(*state, SPAN(sse_ok), SPAN(stream), 1000), &expected);
}

static void stream_without_usage(void **state)
{
	static const char stream[] = CHUNK("a") DONE;
	/* of 11 bytes and one: meter/estimate.h */
	static const struct expected expected = { { 3, -1, -1, -1, 1, -1, -1, -1, -1 },
						  USAGE_DOUBT_NONE };

	expect_counts(call(*state, SPAN(sse_ok), SPAN(stream), 1000), &expected);
}

static const struct usage *cut_stream(struct world *w, struct span stream,
				      enum completeness completeness)
{
	w->n = 0;
	drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
	drive_response(&w->drive, SPAN(sse_ok));
	drive_body(&w->drive, DIRECTION_RECEIVED, stream, 1000);
	w->drive.exchange.completeness = completeness;
	drive_end(&w->drive);
	assert_int_equal(w->n, 1);
	return &w->usages[0];
}

static void stream_cut_at_any_byte(void **state)
{
	const struct span all = SPAN(CHUNK("a") USAGE_CHUNK DONE);
	/* Its JSON is whole from here on: the blank line behind it is of no matter. */
	const size_t usage_from = sizeof(CHUNK("a") USAGE_CHUNK) - 1 - 2;
	const size_t done_from = all.len - 2;
	struct expected none = nothing;
	struct world *w = *state;

	none.doubt = USAGE_DOUBT_UNPARSED;
	for (size_t length = 0; length <= all.len; length++) {
		const struct usage *u =
		    cut_stream(w, span_head(all, length), COMPLETENESS_TRUNCATED);

		expect_counts(u, length < usage_from ? &none : &stream_counts);
		assert_int_equal(u->completeness, length < done_from ? COMPLETENESS_TRUNCATED
								     : COMPLETENESS_COMPLETE);
	}
	/* The marker heals nothing but the missing end. */
	assert_int_equal(cut_stream(w, all, COMPLETENESS_GAP)->completeness, COMPLETENESS_GAP);
	none.doubt = USAGE_DOUBT_NO_USAGE;
	expect_counts(cut_stream(w, SPAN(CHUNK("a") DONE), COMPLETENESS_TRUNCATED), &none);
}

static void stream_with_a_hole(void **state)
{
	struct expected none = nothing;
	struct world *w = *state;

	drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
	drive_response(&w->drive, SPAN(sse_ok));
	drive_body(&w->drive, DIRECTION_RECEIVED, SPAN(CHUNK("a")), 1000);
	drive_gap(&w->drive, DIRECTION_RECEIVED, 300);
	drive_body(&w->drive, DIRECTION_RECEIVED, SPAN("lost\n\n" USAGE_CHUNK DONE), 1000);
	drive_end(&w->drive);
	expect_counts(&w->usages[0], &stream_counts);
	assert_int_equal(w->usages[0].completeness, COMPLETENESS_GAP);
	assert_int_equal(w->usages[0].lost_bytes, 300);

	drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
	drive_response(&w->drive, SPAN(sse_ok));
	drive_body(&w->drive, DIRECTION_RECEIVED, SPAN(CHUNK("a")), 1000);
	drive_gap(&w->drive, DIRECTION_RECEIVED, 300);
	drive_body(&w->drive, DIRECTION_RECEIVED, SPAN("lost\n\n" DONE), 1000);
	drive_end(&w->drive);
	none.doubt = USAGE_DOUBT_UNPARSED; /* usage was perhaps in the hole */
	expect_counts(&w->usages[1], &none);
}

/* A stream that broke off is estimated by its text, but not where a part of the request is not
 * known: the largest ones are not seen whole. */
static void stream_of_a_request_with_a_hole(void **state)
{
	struct expected estimate = { { -1, -1, -1, -1, 2, -1, -1, -1, -1 }, USAGE_DOUBT_NONE };
	struct expected none = nothing;
	struct world *w = *state;

	none.doubt = USAGE_DOUBT_UNPARSED;
	estimate.counts[0] = 3; /* "model":"x" is text here, of 11 bytes */
	for (unsigned i = 0; i < 2; i++) {
		drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
		drive_body(&w->drive, DIRECTION_SENT, SPAN(ask), 1000);
		if (i == 1)
			drive_gap(&w->drive, DIRECTION_SENT, 300);
		drive_response(&w->drive, SPAN(sse_ok));
		drive_body(&w->drive, DIRECTION_RECEIVED, SPAN(CHUNK("\\u00e9") CHUNK("abc")), 9);
		w->drive.exchange.completeness = COMPLETENESS_TRUNCATED;
		drive_end(&w->drive);
		expect_counts(&w->usages[i], i ? &none : &estimate);
		assert_int_equal(w->usages[i].estimated,
				 i ? 0 : USAGE_BIT(USAGE_INPUT) | USAGE_BIT(USAGE_OUTPUT));
	}
}

/* Whatever bytes of an answer are missing: the counts are right when the usage object lies whole
 * behind the hole, and absent else; never others. */
static void answer_with_a_hole(void **state)
{
	const struct span body = SPAN(plain_usage);
	const size_t comma = (size_t)(strstr(plain_usage, ",\"usage\"") - plain_usage);
	struct world *w = *state;

	for (size_t from = 1; from < body.len; from += 3) {
		for (size_t to = from + 1; to < body.len; to += 5) {
			struct expected expected = nothing;

			w->n = 0;
			drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
			drive_body(&w->drive, DIRECTION_SENT, SPAN(ask), 1000);
			drive_response(&w->drive, SPAN(json_ok));
			drive_body(&w->drive, DIRECTION_RECEIVED, span_head(body, from), 1000);
			drive_gap(&w->drive, DIRECTION_RECEIVED, to - from);
			drive_body(&w->drive, DIRECTION_RECEIVED, span_skip(body, to), 7);
			drive_end(&w->drive);
			expected.doubt = to <= comma ? USAGE_DOUBT_NONE : USAGE_DOUBT_UNPARSED;
			if (to <= comma) {
				expected.counts[USAGE_INPUT] = 19;
				expected.counts[4 /* output */] = 10;
			}
			expect_counts(&w->usages[0], &expected);
			assert_int_equal(w->usages[0].completeness, COMPLETENESS_GAP);
		}
	}
}

/* The middle of a big prompt is not copied: the model is found at either end, and what the prompt
 * quotes is no model. */
static void request_without_its_middle(void **state)
{
	static const char *const bodies[][2] = {
		{ "{\"model\":\"gpt-4o\",\"messages\":[{\"content\":\"a",
		  "b \\\"model\\\":\\\"x\\\"\"}]}" },
		{ "{\"messages\":[{\"content\":\"\\\"model\\\":\\\"x\\\" a",
		  "b\\\",\\\"model\\\":\\\"x\\\"}\"}],\"model\":\"gpt-4o\"}" },
	};
	struct world *w = *state;

	for (unsigned i = 0; i < 2; i++) {
		w->n = 0;
		drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
		drive_body(&w->drive, DIRECTION_SENT, span_of(bodies[i][0]), 1000);
		meter_handler.gap(w->meter, &w->drive.exchange, DIRECTION_SENT);
		drive_body(&w->drive, DIRECTION_SENT, span_of(bodies[i][1]), 9);
		drive_response(&w->drive, SPAN(json_ok));
		drive_body(&w->drive, DIRECTION_RECEIVED, SPAN(plain_usage), 1000);
		drive_end(&w->drive);
		assert_string_equal(w->usages[0].model_requested, "gpt-4o");
		assert_int_equal(w->usages[0].counts[USAGE_INPUT], 19);
		assert_int_equal(w->usages[0].completeness, COMPLETENESS_COMPLETE);
	}
}

static void errors(void **state)
{
	static const struct {
		const char *head, *body, *error;
		enum usage_doubt doubt;
	} cases[] = {
		{ "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n\r\n",
		  "{\"error\":{\"message\":\"You exceeded your quota\",\"type\":"
		  "\"insufficient_quota\",\"param\":null,\"code\":\"insufficient_quota\"}}",
		  "insufficient_quota", USAGE_DOUBT_NONE },
		{ "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n",
		  "{\"error\":{\"message\":\"m\",\"type\":null,\"code\":\"model_not_found\"}}",
		  "model_not_found", USAGE_DOUBT_NONE },
		/* an error that is no more than there */
		{ "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n",
		  "{\"error\":{\"message\":\"m\"}}", "unknown", USAGE_DOUBT_NONE },
		{ "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n",
		  "{\"error\":{\"message\":\"m\",\"type\":\"server_error\"}}", "server_error",
		  USAGE_DOUBT_NONE },
		/* texts that are no codes are not kept: they may quote the request */
		{ "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n",
		  "{\"error\":\"your secret words are not allowed\"}", "unknown",
		  USAGE_DOUBT_NONE },
		{ "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n\r\n",
		  "{\"error\":{\"type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaa\"}}",
		  "unknown", USAGE_DOUBT_NONE },
		{ "HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n", "<html>", "",
		  USAGE_DOUBT_NONE },
		{ "HTTP/1.1 500 Oops\r\n\r\n", "", "", USAGE_DOUBT_NONE },
		{ "HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\n\r\n", "{\"err", "",
		  USAGE_DOUBT_NONE },
		/* A stream that begins with an error made nothing. */
		{ "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
		  "data: {\"error\":{\"type\":\"server_error\"}}\n\n", "server_error",
		  USAGE_DOUBT_NONE },
		/* not the kind of body that the route has */
		{ "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", "<html>", "",
		  USAGE_DOUBT_UNPARSED },
		{ "HTTP/1.1 200 OK\r\n\r\n", "{}", "", USAGE_DOUBT_NO_USAGE },
		{ "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", "", "",
		  USAGE_DOUBT_UNPARSED },
		{ "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", "<html>", "",
		  USAGE_DOUBT_UNPARSED },
		{ "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "", "",
		  USAGE_DOUBT_UNPARSED },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct expected expected = nothing;
		const struct usage *u = call(w, span_of(cases[i].head), span_of(cases[i].body), 7);

		if (strcmp(u->error, cases[i].error) != 0 || u->doubt != cases[i].doubt)
			fail_msg("%s: %s, %d", cases[i].body, u->error, u->doubt);
		expected.doubt = cases[i].doubt;
		expect_counts(u, &expected);
	}
}

/* An error that says what it used is no free one. */
static void error_with_usage_is_counted(void **state)
{
	const struct usage *u = call(*state,
				     SPAN("HTTP/1.1 500 X\r\nContent-Type: "
					  "application/json\r\n\r\n"),
				     SPAN("{\"error\":{\"type\":\"server_error\"},\"usage\":{"
					  "\"prompt_tokens\":4,\"completion_tokens\":2}}"),
				     50);
	static const struct expected expected = { { 4, -1, -1, -1, 2, -1, -1, -1, -1 },
						  USAGE_DOUBT_NONE };

	expect_counts(u, &expected);
	assert_string_equal(u->error, "server_error");
}

static void no_answer(void **state)
{
	struct expected expected = nothing;
	struct world *w = *state;
	const struct usage *u;

	drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
	drive_body(&w->drive, DIRECTION_SENT, SPAN(ask), 1000);
	w->drive.exchange.completeness = COMPLETENESS_TRUNCATED;
	drive_end(&w->drive);
	u = &w->usages[0];
	expected.doubt = USAGE_DOUBT_NO_ANSWER;
	expect_counts(u, &expected);
	assert_int_equal(u->status, 0);
	assert_int_equal(u->ttfb_ns, -1);
	assert_string_equal(u->model_requested, "gpt-4o");
	assert_int_equal(u->attempt, 1);
}

static void decoding_faults(void **state)
{
	struct expected expected = nothing;
	struct world *w = *state;

	drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
	drive_response(&w->drive, SPAN(sse_ok));
	drive_body(&w->drive, DIRECTION_RECEIVED, SPAN(CHUNK("a")), 1000);
	w->drive.exchange.fault = EXCHANGE_BAD_CODING;
	drive_end(&w->drive);
	expected.doubt = USAGE_DOUBT_UNPARSED;
	expect_counts(&w->usages[0], &expected);

	/* Broken chunks behind the marker: it heals a missing end, not a wrong one. */
	drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
	drive_response(&w->drive, SPAN(sse_ok));
	drive_body(&w->drive, DIRECTION_RECEIVED, SPAN(USAGE_CHUNK DONE), 1000);
	w->drive.exchange.completeness = COMPLETENESS_TRUNCATED;
	w->drive.exchange.fault = EXCHANGE_BAD_CHUNK;
	drive_end(&w->drive);
	assert_int_equal(w->usages[1].completeness, COMPLETENESS_TRUNCATED);
}

/* Errors of a route that answers in streams alone are JSON; other JSON of it is not read. */
static void formats_of_a_route(void **state)
{
	static const char file[] = "name: acme\nhosts: [api.openai.com]\nerror: /error/type\n"
				   "routes:\n- match: POST /v1/chat/completions\n"
				   "  operation: chat\n  format: [sse]\n  usage: {input: /n}\n";
	char dir[] = "/tmp/meter-XXXXXX", path[64];
	struct world *w = *state;
	const struct usage *u;
	FILE *out;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/acme.yaml", dir);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fputs(file, out) >= 0);
	assert_int_equal(fclose(out), 0);
	providers_unref(w->providers);
	assert_int_equal(providers_load(dir, &w->providers, NULL), 0);
	meter_set_providers(w->meter, w->providers);
	unlink(path);
	rmdir(dir);

	u = call(w, SPAN("HTTP/1.1 400 X\r\nContent-Type: application/json\r\n\r\n"),
		 SPAN("{\"error\":{\"type\":\"bad\"}}"), 10);
	assert_string_equal(u->error, "bad");
	u = call(w, SPAN(json_ok), SPAN("{\"n\":1}"), 10);
	assert_int_equal(u->doubt, USAGE_DOUBT_UNPARSED);
	assert_int_equal(u->present, 0);
	u = call(w, SPAN(sse_ok), SPAN("data: {\"n\":1}\n\n"), 10);
	assert_int_equal(u->doubt, USAGE_DOUBT_NONE);
	assert_int_equal(u->counts[USAGE_INPUT], 1);
}

static void free_routes(void **state)
{
	struct world *w = *state;
	const struct usage *u;

	drive_begin(&w->drive, w->meter,
		    SPAN("GET /v1/models/gpt-4o?x=1 HTTP/1.1\r\nHost: a\r\n\r\n"));
	drive_response(&w->drive, SPAN(json_ok));
	drive_body(&w->drive, DIRECTION_RECEIVED, SPAN("{\"id\":\"gpt-4o\"}"), 4);
	drive_end(&w->drive);
	u = &w->usages[0];
	assert_true(u->free);
	assert_int_equal(u->doubt, USAGE_DOUBT_NONE);
	assert_string_equal(u->operation, "models");
	assert_string_equal(u->route, "GET /v1/models/{model}");
	assert_string_equal(u->model_requested, "gpt-4o");
	assert_string_equal(u->api_key_hash, "");
}

static void unknown_routes(void **state)
{
	static const char *const heads[] = {
		"POST /v1/nothing HTTP/1.1\r\nAuthorization: Bearer sk-test-key\r\n\r\n",
		"GET /v1/completions HTTP/1.1\r\nAuthorization: Bearer sk-test-key\r\n\r\n",
		"POST /v1/chat/completions/ HTTP/1.1\r\nAuthorization: Bearer sk-test-key\r\n\r\n",
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		const struct usage *u = &w->usages[0];

		w->n = 0;
		drive_begin(&w->drive, w->meter, span_of(heads[i]));
		drive_response(&w->drive, SPAN(json_ok));
		drive_body(&w->drive, DIRECTION_RECEIVED,
			   SPAN("{\"error\":{\"type\":\"nope\"},\"usage\":{\"prompt_tokens\":1}}"),
			   9);
		drive_end(&w->drive);
		assert_int_equal(u->doubt, USAGE_DOUBT_ROUTE_UNKNOWN);
		assert_string_equal(u->operation, "unknown");
		assert_string_equal(u->route, "");
		assert_string_equal(u->request_id, "req_123");
		assert_string_equal(u->error, "nope");
		assert_int_equal(u->present, 0);
		expect_key(u, "sk-test-key");
	}
	assert_int_equal(counter_read(&meter_counters(w->meter)->unknown_routes), 3);
}

static void keys(void **state)
{
	static const struct {
		const char *head, *key;
	} cases[] = {
		{ "Authorization: Bearer abc", "abc" },
		{ "Authorization: bearer  abc", "abc" },
		{ "Authorization: Basic abc==", "abc==" },
		{ "authorization: abc", "abc" },
		{ "Authorization: Digest abc", "Digest abc" },
		{ "Authorization: Bearer", "Bearer" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char head[256];
		int n = snprintf(head, sizeof(head), "POST /v1/x HTTP/1.1\r\n%s\r\n\r\n",
				 cases[i].head);

		w->n = 0;
		drive_begin(&w->drive, w->meter, (struct span){ head, (size_t)n });
		drive_end(&w->drive);
		expect_key(&w->usages[0], cases[i].key);
	}
}

static void no_secret_no_hash(void **state)
{
	assert_string_equal(call(*state, SPAN(json_ok), SPAN(plain_usage), 1000)->api_key_hash, "");
}

static void attempts(void **state)
{
	static const struct {
		const char *count;
		unsigned attempt;
	} cases[] = { { "0", 1 }, { "1", 2 },         { "-1", 1 },
		      { "x", 1 }, { "65534", 65535 }, { "65535", 1 } };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char head[256];
		int n = snprintf(head, sizeof(head),
				 "POST /v1/x HTTP/1.1\r\nX-Stainless-Retry-Count: %s\r\n\r\n",
				 cases[i].count);

		w->n = 0;
		drive_begin(&w->drive, w->meter, (struct span){ head, (size_t)n });
		drive_end(&w->drive);
		assert_int_equal(w->usages[0].attempt, cases[i].attempt);
	}
}

/* The token of decide, in any case; anything else is none. */
static void a_call_names_its_reservation(void **state)
{
	static const char *const tokens[] = { "01890a5d-ac96-774b-bcce-b302099a8057", "x", "" };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		char head[256];
		int n =
		    snprintf(head, sizeof(head),
			     "POST /v1/x HTTP/1.1\r\nX-Outlay-Reservation: %s\r\n\r\n", tokens[i]);
		char text[UUID_TEXT];

		w->n = 0;
		drive_begin(&w->drive, w->meter, (struct span){ head, (size_t)n });
		drive_end(&w->drive);
		if (i == 0)
			assert_string_equal(uuid_format(&w->usages[0].reservation, text),
					    tokens[0]);
		else
			assert_true(uuid_is_zero(&w->usages[0].reservation));
	}
}

static void texts_are_cut_and_safe(void **state)
{
	struct world *w = *state;
	const struct usage *u;
	char body[512];
	int n = snprintf(body, sizeof(body),
			 "{\"id\":\"a\\nb\\u001bc\",\"model\":\"%0200d\",\"service_tier\":"
			 "\"%0100d\",\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}",
			 0, 0);

	u = call(w, SPAN(json_ok), (struct span){ body, (size_t)n }, 11);
	assert_string_equal(u->response_id, "a?b?c");
	assert_int_equal(strlen(u->model), sizeof(u->model) - 1);
	assert_int_equal(strlen(u->service_tier), sizeof(u->service_tier) - 1);
	assert_int_equal(u->doubt, USAGE_DOUBT_NONE);
}

static void other_hosts_leave_nothing(void **state)
{
	struct world *w = *state;
	struct drive *d = &w->drive;

	*d = (struct drive){ .meter = w->meter, .connection.process = &d->process };
	d->connection.server = "api.example.com";
	d->exchange.connection = &d->connection;
	assert_true(head_parse_request(SPAN(POST "\r\n"), d->headers[0], &d->exchange.request) > 0);
	meter_handler.request(w->meter, &d->exchange);
	drive_body(d, DIRECTION_SENT, SPAN(ask), 10);
	drive_response(d, SPAN(json_ok));
	drive_body(d, DIRECTION_RECEIVED, SPAN(plain_usage), 10);
	drive_gap(d, DIRECTION_RECEIVED, 1);
	drive_end(d);
	assert_int_equal(w->n, 0);
	assert_null(d->exchange.meter);
}

/* How a body begins tells more than what it is called. */
static void bodies_under_a_wrong_name(void **state)
{
	static const char *const names[] = { "application/json", "text/event-stream", "text/plain",
					     "" };
	static const char stream[] = ": hello\n\n" CHUNK("a") USAGE_CHUNK DONE;
	const struct span plain = SPAN(plain_usage);
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char head[128], spaced[sizeof(plain_usage) + 8];
		int n = snprintf(head, sizeof(head), OK "%s\r\n\r\n", names[i]);
		int m = snprintf(spaced, sizeof(spaced), " \r\n\t%s", plain_usage);
		struct span as = { head, (size_t)n };

		expect_counts(call(w, as, SPAN(stream), 1), &stream_counts);
		assert_true(w->usages[0].streaming);
		assert_int_equal(call(w, as, plain, 1)->counts[USAGE_INPUT], 19);
		assert_false(w->usages[0].streaming);
		assert_int_equal(
		    call(w, as, (struct span){ spaced, (size_t)m }, 2)->counts[USAGE_INPUT], 19);
		assert_int_equal(w->usages[0].doubt, USAGE_DOUBT_NONE);
	}
}

static void call_on(struct world *w, const char *server, const char *head)
{
	struct drive *d = &w->drive;

	*d = (struct drive){ .meter = w->meter, .connection.process = &d->process };
	connection_set_server(&d->connection, span_of(server));
	d->exchange.connection = &d->connection;
	w->n = 0;
	if (head) {
		assert_true(head_parse_request(span_of(head), d->headers[0], &d->exchange.request) >
			    0);
		meter_handler.request(w->meter, &d->exchange);
	}
	drive_response(d, SPAN(json_ok));
	drive_body(d, DIRECTION_RECEIVED, SPAN(plain_usage), 1000);
	drive_end(d);
	connection_set_server(&d->connection, SPAN(""));
}

/* Where the server name was not seen, the Host of a request stands for it. */
static void the_host_names_a_nameless_connection(void **state)
{
	static const struct {
		const char *server, *host, *result;
	} cases[] = {
		{ "", "api.openai.com", "api.openai.com" },
		{ "", "API.OpenAI.com:443", "api.openai.com" },
		{ "", "api.example.com", NULL },
		{ "", "api.openai.com.example.com", NULL },
		{ "", "", NULL },
		{ "api.example.com", "api.openai.com", NULL }, /* the name that is known counts */
		{ "api.openai.com", "localhost", "api.openai.com" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char head[256];

		snprintf(head, sizeof(head),
			 "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].host);
		call_on(w, cases[i].server, head);
		assert_int_equal(w->n, cases[i].result != NULL);
		if (!cases[i].result)
			continue;
		assert_string_equal(w->usages[0].server, cases[i].result);
		assert_string_equal(w->usages[0].provider, "openai");
	}
	call_on(w, "", NULL); /* nothing tells whose it is */
	assert_int_equal(w->n, 0);
}

/* A response whose request began before we watched: http calls no `request` for it. */
static void response_without_request(void **state)
{
	struct world *w = *state;
	struct drive *d = &w->drive;
	const struct usage *u = &w->usages[0];

	*d = (struct drive){ .meter = w->meter, .connection.process = &d->process };
	d->connection.server = DRIVE_SERVER;
	d->exchange.connection = &d->connection;
	d->exchange.completeness = COMPLETENESS_PRE_ATTACH;
	drive_response(d, SPAN(json_ok));
	drive_body(d, DIRECTION_RECEIVED, SPAN(plain_usage), 10);
	drive_end(d);
	assert_int_equal(w->n, 1);
	assert_int_equal(u->doubt, USAGE_DOUBT_ROUTE_UNKNOWN);
	assert_int_equal(u->completeness, COMPLETENESS_PRE_ATTACH);
	assert_string_equal(u->request_id, "req_123");
	assert_int_equal(u->time_start_ns, DRIVE_FIRST);
	assert_int_equal(u->ttfb_ns, -1);
}

static void calls_keep_their_providers(void **state)
{
	struct world *w = *state;

	drive_begin(&w->drive, w->meter, SPAN(POST "\r\n"));
	meter_set_providers(w->meter, w->providers);
	providers_unref(w->providers);
	w->providers = NULL;
	assert_int_equal(providers_load("config/providers", &w->providers, NULL), 0);
	meter_set_providers(w->meter, w->providers); /* the old set now lives by the call alone */
	drive_response(&w->drive, SPAN(json_ok));
	drive_body(&w->drive, DIRECTION_RECEIVED, SPAN(plain_usage), 10);
	drive_end(&w->drive);
	assert_int_equal(w->usages[0].counts[USAGE_INPUT], 19);
}

/* Made in the background: billed by the first poll that brings it, and by no other. */
static void background(void **state)
{
	static const char made[] = "POST /v1/responses HTTP/1.1\r\nHost: api.openai.com\r\n"
				   "Content-Type: application/json\r\n\r\n";
	static const char poll[] = "GET /v1/responses/resp_1 HTTP/1.1\r\n"
				   "Host: api.openai.com\r\n\r\n";
	static const char done[] =
	    "{\"id\":\"resp_1\",\"status\":\"completed\",\"model\":\"gpt-5\",\"usage\":{"
	    "\"input_tokens\":64,\"output_tokens\":1500}}";
	static const struct {
		const char *request, *response;
		enum usage_doubt doubt;
		bool free;
		int64_t output;
	} calls[] = {
		{ poll, done, USAGE_DOUBT_NONE, true, 0 }, /* of somebody else's making */
		{ made, "{\"id\":\"resp_1\",\"status\":\"queued\",\"usage\":null}",
		  USAGE_DOUBT_NO_USAGE, false, 0 },
		{ poll, "{\"id\":\"resp_1\",\"status\":\"in_progress\",\"usage\":null}",
		  USAGE_DOUBT_NONE, true, 0 },
		{ poll, done, USAGE_DOUBT_NONE, false, 1500 },
		{ poll, done, USAGE_DOUBT_NONE, true, 0 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct span body = span_of(calls[i].response);

		w->n = 0;
		drive_begin(&w->drive, w->meter, span_of(calls[i].request));
		drive_response(&w->drive, SPAN(json_ok));
		drive_body(&w->drive, DIRECTION_RECEIVED, body, 7);
		drive_end(&w->drive);
		assert_int_equal(w->usages[0].doubt, calls[i].doubt);
		assert_int_equal(w->usages[0].free, calls[i].free);
		assert_int_equal(w->usages[0].counts[USAGE_OUTPUT], calls[i].output);
	}
}

/* As on the wire, through the parser of the stage before, cut at every size. */
static void through_http(void **state)
{
	static const char request[] = POST "Content-Length: 19\r\n\r\n{\"model\":\"gpt-4o\"} ";
	static const char first[] = OK "application/json\r\nContent-Length: %zu\r\n\r\n%s";
	static const char second[] = OK "text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
					"%zx\r\n%s\r\n";
	static const char stream[] = CHUNK("a") USAGE_CHUNK DONE;
	struct world *w = *state;
	struct http_counters counters = { 0 };
	char wire[4096];
	size_t n;

	n = (size_t)snprintf(wire, sizeof(wire), first, sizeof(plain_usage) - 1, plain_usage);
	n += (size_t)snprintf(wire + n, sizeof(wire) - n, second, sizeof(stream) - 1, stream);
	for (size_t piece = 1; piece <= n; piece += piece < 20 ? 1 : 211) {
		struct connection conn = { .process = &w->drive.process, .server = DRIVE_SERVER };
		struct chunk chunk = { SPAN(request),  0,    sizeof(request) - 1, DRIVE_BEGIN,
				       DIRECTION_SENT, false };
		const uint64_t lost[2] = { 0, 0 };
		struct h1 *h1;

		w->n = 0;
		assert_int_equal(h1_new(&conn, &meter_handler, w->meter, &counters, &h1), 0);
		h1_feed(h1, &chunk);
		chunk.offset += chunk.length;
		h1_feed(h1, &chunk);
		assert_int_equal(w->n_sent - w->n_landed, 2);
		for (size_t at = 0; at < n; at += piece) {
			struct span part = { wire + at, piece < n - at ? piece : n - at };

			h1_feed(h1, &(struct chunk){ part, at, part.len, DRIVE_FIRST,
						     DIRECTION_RECEIVED, false });
		}
		h1_close(h1, DRIVE_END, lost); /* without the last chunk, but after [DONE] */
		h1_free(h1);
		assert_int_equal(w->n, 2);
		assert_int_equal(w->n_sent, w->n_landed);
		assert_int_equal(w->usages[0].counts[USAGE_INPUT], 19);
		assert_int_equal(w->usages[0].counts[USAGE_OUTPUT], 10);
		assert_string_equal(w->usages[0].model_requested, "gpt-4o");
		expect_counts(&w->usages[1], &stream_counts);
		assert_true(w->usages[1].streaming);
		assert_int_equal(w->usages[1].completeness, COMPLETENESS_COMPLETE);
		assert_string_equal(w->usages[1].model_requested, "gpt-4o");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_what_is_in_flight),
		TEST(says_what_is_in_flight_elsewhere),
		TEST(fills_every_field),
		TEST(counts_are_disjoint),
		TEST(json_cut_at_any_byte_has_no_counts),
		TEST(reads_streams_cut_anywhere),
		TEST(stream_totals_are_replaced),
		TEST(stream_without_usage),
		TEST(stream_cut_at_any_byte),
		TEST(stream_with_a_hole),
		TEST(stream_of_a_request_with_a_hole),
		TEST(answer_with_a_hole),
		TEST(request_without_its_middle),
		TEST(errors),
		TEST(error_with_usage_is_counted),
		TEST(no_answer),
		TEST(decoding_faults),
		TEST(formats_of_a_route),
		TEST(free_routes),
		TEST(unknown_routes),
		TEST(keys),
		cmocka_unit_test_setup_teardown(no_secret_no_hash, setup_without_secret, teardown),
		TEST(attempts),
		TEST(a_call_names_its_reservation),
		TEST(texts_are_cut_and_safe),
		TEST(other_hosts_leave_nothing),
		TEST(bodies_under_a_wrong_name),
		TEST(the_host_names_a_nameless_connection),
		TEST(response_without_request),
		TEST(calls_keep_their_providers),
		TEST(background),
		TEST(through_http),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
