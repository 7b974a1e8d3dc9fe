/* Calls whose path is not known, in the shapes of the API references of OpenAI and Anthropic;
 * figures by hand. And readings that agree, stand over others, or do not. */
#include "meter/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "drive.h"

struct world {
	struct meter *meter;
	struct usage usage;
	unsigned n;
};

static void on_usage(void *ctx, const struct usage *usage)
{
	struct world *w = ctx;

	w->usage = *usage;
	w->n++;
}

static int start(void **state)
{
	static struct world w;
	struct meter_options options = { .usage = on_usage, .ctx = &w };
	struct err err = { "" };

	w = (struct world){ 0 };
	if (providers_load("config/providers", &options.providers, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(meter_new(&options, &w.meter), 0);
	providers_unref(options.providers);
	*state = &w;
	return 0;
}

static int stop(void **state)
{
	struct world *w = *state;

	meter_free(w->meter);
	return 0;
}

static const struct usage *play(struct world *w, const char *server, const char *request,
				const char *answer)
{
	struct drive d = { .meter = w->meter, .connection.process = &d.process };

	d.connection.server = server;
	d.exchange.connection = &d.connection;
	d.exchange.completeness = COMPLETENESS_PRE_ATTACH;
	drive_body(&d, DIRECTION_SENT, span_of(request), 7);
	drive_response(&d, SPAN("HTTP/1.1 200 OK\r\n\r\n"));
	drive_body(&d, DIRECTION_RECEIVED, span_of(answer), 7);
	drive_end(&d);
	assert_int_equal(w->n, 1);
	assert_string_equal(w->usage.route, "");
	assert_int_equal(w->usage.completeness, COMPLETENESS_PRE_ATTACH);
	return &w->usage;
}

static void chat(void **state)
{
	const struct usage *u =
	    play(*state, "api.openai.com", "{\"model\":\"gpt-4o\",\"messages\":[]}",
		 "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"model\":"
		 "\"gpt-4o-2024-08-06\",\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,"
		 "\"total_tokens\":120,\"prompt_tokens_details\":{\"cached_tokens\":64,"
		 "\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":5}}}");

	assert_int_equal(u->doubt, USAGE_DOUBT_NONE);
	assert_string_equal(u->operation, "chat");
	assert_string_equal(u->model, "gpt-4o-2024-08-06");
	assert_string_equal(u->response_id, "chatcmpl-1");
	assert_int_equal(u->counts[USAGE_INPUT], 36);
	assert_int_equal(u->counts[USAGE_INPUT_CACHE_READ], 64);
	assert_int_equal(u->counts[USAGE_OUTPUT], 15);
	assert_int_equal(u->counts[USAGE_OUTPUT_REASONING], 5);
}

/* Without details several routes read the same: what it cost is known, what it was is not. */
static void chat_without_details(void **state)
{
	const struct usage *u =
	    play(*state, "api.openai.com", "{\"model\":\"gpt-4o\",\"messages\":[]}",
		 "{\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o\",\"usage\":{\"prompt_tokens\":100,"
		 "\"completion_tokens\":20,\"total_tokens\":120}}");

	assert_int_equal(u->doubt, USAGE_DOUBT_NONE);
	assert_string_equal(u->operation, "unknown");
	assert_int_equal(u->counts[USAGE_INPUT], 100);
	assert_int_equal(u->counts[USAGE_OUTPUT], 20);
}

static void responses(void **state)
{
	const struct usage *u =
	    play(*state, "api.openai.com", "{\"model\":\"gpt-5\",\"input\":\"hello\"}",
		 "{\"id\":\"resp_1\",\"object\":\"response\",\"model\":\"gpt-5-2025-08-07\","
		 "\"usage\":{\"input_tokens\":36,\"input_tokens_details\":{\"cached_tokens\":6},"
		 "\"output_tokens\":87,\"output_tokens_details\":{\"reasoning_tokens\":7},"
		 "\"total_tokens\":123}}");

	assert_int_equal(u->doubt, USAGE_DOUBT_NONE);
	assert_int_equal(u->counts[USAGE_INPUT], 30);
	assert_int_equal(u->counts[USAGE_INPUT_CACHE_READ], 6);
	assert_int_equal(u->counts[USAGE_OUTPUT], 80);
	assert_int_equal(u->counts[USAGE_OUTPUT_REASONING], 7);
}

static void messages_streamed(void **state)
{
	const struct usage *u = play(
	    *state, "api.anthropic.com",
	    "{\"model\":\"claude-sonnet-4-5\",\"stream\":true,\"messages\":[]}",
	    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","
	    "\"model\":\"claude-sonnet-4-5-20250929\",\"usage\":{\"input_tokens\":25,"
	    "\"output_tokens\":1}}}\n\n"
	    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
	    "\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n"
	    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");

	assert_int_equal(u->doubt, USAGE_DOUBT_NONE);
	assert_int_equal(u->counts[USAGE_INPUT], 25);
	assert_int_equal(u->counts[USAGE_OUTPUT], 15);
}

/* GET /v1/chat/completions/{id} answers so, for nothing. */
static void stored_answer(void **state)
{
	const struct usage *u = play(*state, "api.openai.com", "",
				     "{\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o\",\"usage\":{"
				     "\"prompt_tokens\":100,\"completion_tokens\":20}}");

	assert_int_equal(u->doubt, USAGE_DOUBT_ROUTE_UNKNOWN);
	assert_int_equal(u->present, 0);
}

static void no_counts(void **state)
{
	const struct usage *u = play(*state, "api.openai.com", "{\"model\":\"gpt-4o\"}",
				     "{\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o\"}");

	assert_int_equal(u->doubt, USAGE_DOUBT_ROUTE_UNKNOWN);
	assert_int_equal(u->present, 0);
}

/* --- readings by themselves */

#define REQUIRED USAGE_BIT(USAGE_INPUT)

static struct usage reading(int64_t input, uint64_t more, const char *id)
{
	struct usage usage = { .present = REQUIRED | more, .model_requested = "m" };

	usage.counts[USAGE_INPUT] = input;
	snprintf(usage.response_id, sizeof(usage.response_id), "%s", id);
	return usage;
}

/* The input of the reading that stands, in both orders; -1: none. */
static int64_t of_two(struct usage a, struct usage b)
{
	struct shape one = { .found = false }, other = { .found = false };
	struct usage found = { 0 }, again = { 0 };
	bool stands;

	shape_add(&one, &a, REQUIRED);
	shape_add(&one, &b, REQUIRED);
	shape_add(&other, &b, REQUIRED);
	shape_add(&other, &a, REQUIRED);
	stands = shape_found(&one, &found);
	assert_int_equal(stands, shape_found(&other, &again));
	assert_int_equal(found.counts[USAGE_INPUT], again.counts[USAGE_INPUT]);
	return stands ? found.counts[USAGE_INPUT] : -1;
}

static void two_readings(void **state)
{
	uint64_t output = USAGE_BIT(USAGE_OUTPUT), images = USAGE_BIT(USAGE_IMAGES);

	(void)state;
	assert_int_equal(of_two(reading(5, 0, ""), reading(5, 0, "")), 5);
	assert_int_equal(of_two(reading(5, 0, ""), reading(6, 0, "")), -1);
	assert_int_equal(of_two(reading(5, 0, ""), reading(6, output, "")), 6);
	assert_int_equal(of_two(reading(5, images, ""), reading(6, output, "")), -1);
	assert_int_equal(of_two(reading(5, images, ""), reading(6, output, "id")), 6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(chat),
		TEST(chat_without_details),
		TEST(responses),
		TEST(messages_streamed),
		TEST(stored_answer),
		TEST(no_counts),
		cmocka_unit_test(two_readings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
