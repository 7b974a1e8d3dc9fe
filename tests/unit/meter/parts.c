/* What holds for any counts, drawn at random: the buckets are the parts that went into the answer,
 * they add up to the total that the provider gives beside them, and parts that are more than their
 * whole make the call inconsistent, with no count below zero. By the provider files that ship. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "tests/unit/meter/drive.h"

#define PARTS  5
#define ROUNDS 2000

static uint64_t seed;

static uint64_t random_next(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return seed >> 20;
}

/* Any magnitude up to 2^59, so that the sum of all parts is an int64. */
static int64_t random_count(void)
{
	return (int64_t)(random_next() * random_next() >> (5 + random_next() % 59));
}

static int start(void **state)
{
	const char *given = getenv("SEED");
	struct err err = { "" };

	(void)state;
	seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	print_message("SEED=%llu\n", (unsigned long long)seed);
	return providers_load("config/providers", (struct providers **)state, &err);
}

static int stop(void **state)
{
	providers_unref(*state);
	return 0;
}

static void keep(void *ctx, const struct usage *usage)
{
	*(struct usage *)ctx = *usage;
}

static struct usage meter_answer(struct providers *providers, const char *server, const char *line,
				 const char *body)
{
	struct usage usage = { 0 };
	struct meter_options options = { .providers = providers, .usage = keep, .ctx = &usage };
	struct meter *meter;
	struct drive d;
	char head[256];

	snprintf(head, sizeof(head), "%s HTTP/1.1\r\n\r\n", line);
	assert_int_equal(meter_new(&options, &meter), 0);
	drive_begin_at(&d, meter, server, span_of(head));
	drive_response(&d, SPAN("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"));
	drive_body(&d, DIRECTION_RECEIVED, span_of(body), 1 + random_next() % 100);
	drive_end(&d);
	meter_free(meter);
	return usage;
}

/* How a provider writes its parts, in the order of `buckets`: printf takes whole, parts, total. */
struct shape {
	const char *name, *server, *line;
	enum usage_bucket buckets[PARTS];
	unsigned n;
	void (*write)(const int64_t *parts, char *out, size_t size);
};

#define LL (long long)

static void write_openai(const int64_t *p, char *out, size_t size)
{
	snprintf(out, size,
		 "{\"model\":\"m\",\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,"
		 "\"prompt_tokens_details\":{\"cached_tokens\":%lld,\"audio_tokens\":%lld},"
		 "\"completion_tokens_details\":{\"reasoning_tokens\":%lld}}}",
		 LL(p[0] + p[1] + p[2]), LL(p[3] + p[4]), LL p[1], LL p[2], LL p[4]);
}

static void write_anthropic(const int64_t *p, char *out, size_t size)
{
	snprintf(out, size,
		 "{\"type\":\"message\",\"model\":\"m\",\"usage\":{\"input_tokens\":%lld,"
		 "\"cache_read_input_tokens\":%lld,\"cache_creation_input_tokens\":%lld,"
		 "\"cache_creation\":{\"ephemeral_5m_input_tokens\":%lld,"
		 "\"ephemeral_1h_input_tokens\":%lld},\"output_tokens\":%lld}}",
		 LL p[0], LL p[1], LL(p[2] + p[3]), LL p[2], LL p[3], LL p[4]);
}

static void write_gemini(const int64_t *p, char *out, size_t size)
{
	snprintf(out, size,
		 "{\"candidates\":[],\"modelVersion\":\"m\",\"usageMetadata\":{"
		 "\"promptTokenCount\":%lld,\"cachedContentTokenCount\":%lld,"
		 "\"toolUsePromptTokenCount\":%lld,\"candidatesTokenCount\":%lld,"
		 "\"thoughtsTokenCount\":%lld}}",
		 LL(p[0] + p[1]), LL p[1], LL p[2], LL p[3], LL p[4]);
}

static const struct shape shapes[] = {
	{ "openai",
	  "api.openai.com",
	  "POST /v1/chat/completions",
	  { USAGE_INPUT, USAGE_INPUT_CACHE_READ, USAGE_INPUT_AUDIO, USAGE_OUTPUT,
	    USAGE_OUTPUT_REASONING },
	  5,
	  write_openai },
	{ "anthropic",
	  "api.anthropic.com",
	  "POST /v1/messages",
	  { USAGE_INPUT, USAGE_INPUT_CACHE_READ, USAGE_INPUT_CACHE_WRITE_5M,
	    USAGE_INPUT_CACHE_WRITE_1H, USAGE_OUTPUT },
	  5,
	  write_anthropic },
	{ "gemini",
	  "generativelanguage.googleapis.com",
	  "POST /v1beta/models/m:generateContent",
	  { USAGE_INPUT, USAGE_INPUT_CACHE_READ, USAGE_INPUT_TOOL, USAGE_OUTPUT,
	    USAGE_OUTPUT_REASONING },
	  5,
	  write_gemini },
};

static void test_parts_add_up(void **state)
{
	char body[1024];

	for (int round = 0; round < ROUNDS; round++) {
		const struct shape *shape = &shapes[round % 3];
		int64_t parts[PARTS], total = 0, sum = 0;
		struct usage usage;

		for (unsigned i = 0; i < shape->n; i++) {
			parts[i] = random_count();
			total += parts[i];
		}
		shape->write(parts, body, sizeof(body));
		usage = meter_answer(*state, shape->server, shape->line, body);
		if (usage.doubt)
			fail_msg("%s: doubt %u: %s", shape->name, usage.doubt, body);
		for (unsigned i = 0; i < shape->n; i++)
			if (usage.counts[shape->buckets[i]] != parts[i])
				fail_msg("%s: part %u is %lld: %s", shape->name, i,
					 LL usage.counts[shape->buckets[i]], body);
		for (int i = 0; i < USAGE_BUCKET_MAX; i++)
			sum += usage.counts[i];
		if (sum != total)
			fail_msg("%s: in all %lld: %s", shape->name, LL sum, body);
	}
}

/* The whole is drawn by itself: it may be less than its parts. */
static void test_never_below_zero(void **state)
{
	unsigned n_inconsistent = 0;
	char body[1024];

	for (int round = 0; round < ROUNDS; round++) {
		int64_t whole = random_count() % 1000, a = random_count() % 1000,
			b = random_count() % 1000;
		bool contradicts = a + b > whole;
		struct usage usage;

		snprintf(
		    body, sizeof(body),
		    "{\"model\":\"m\",\"usage\":{\"prompt_tokens\":%lld,\"completion_tokens\":1,"
		    "\"prompt_tokens_details\":{\"cached_tokens\":%lld,\"audio_tokens\":%lld}}}",
		    LL whole, LL a, LL b);
		usage = meter_answer(*state, shapes[0].server, shapes[0].line, body);
		if ((usage.doubt == USAGE_DOUBT_INCONSISTENT) != contradicts)
			fail_msg("doubt %u: %s", usage.doubt, body);
		for (int i = 0; i < USAGE_BUCKET_MAX; i++)
			assert_true(usage.counts[i] >= 0);
		n_inconsistent += contradicts;
	}
	assert_true(n_inconsistent > ROUNDS / 4 && n_inconsistent < ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_add_up),
		cmocka_unit_test(test_never_below_zero),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
