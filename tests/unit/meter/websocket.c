/* Calls over a WebSocket: the events of OpenAI's "Responses API: WebSocket events" and "Realtime
 * API: server events", in the shapes that these pages give. Figures by hand. */
#include "meter/meter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive.h"

#define USAGES_MAX 8

struct world {
	struct meter *meter;
	struct usage usages[USAGES_MAX];
	unsigned n;
};

static void on_usage(void *ctx, const struct usage *usage)
{
	struct world *w = ctx;

	assert_true(w->n < USAGES_MAX);
	w->usages[w->n++] = *usage;
}

static void start(struct world *w, const char *dir)
{
	struct meter_options options = { .usage = on_usage, .ctx = w };
	struct err err = { "" };

	*w = (struct world){ 0 };
	if (providers_load(dir, &options.providers, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(meter_new(&options, &w->meter), 0);
	providers_unref(options.providers);
}

#define UPGRADE(target)                                                                            \
	SPAN("GET " target " HTTP/1.1\r\nUpgrade: websocket\r\nAuthorization: Bearer x\r\n\r\n")
#define SWITCH                                                                                     \
	SPAN("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nx-request-id: "            \
	     "req_1\r\n\r\n")
#define AT(n) (DRIVE_BEGIN + (n)*NS_PER_SEC)

#define CREATE "{\"type\":\"response.create\",\"model\":\"gpt-5\",\"input\":\"hello\"}"
#define CREATED(id)                                                                                \
	" {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"" id         \
	"\",\"model\":\"gpt-5-2025-08-07\",\"usage\":null,\"error\":null}}"
#define DELTA                                                                                      \
	"{\"type\":\"response.output_text.delta\",\"delta\":\"\\\"usage\\\":{\\\"input_"           \
	"tokens\\\":9\"}"
#define COMPLETED(id, in, cached, out, reasoning)                                                  \
	"{\"type\":\"response.completed\",\"response\":{\"id\":\"" id                              \
	"\",\"model\":\"gpt-5-2025-08-07\",\"service_tier\":\"default\",\"usage\":"                \
	"{\"input_tokens\":" #in ",\"input_tokens_details\":{\"cached_tokens\":" #cached           \
	"},\"output_tokens\":" #out ",\"output_tokens_details\":{\"reasoning_tokens\":" #reasoning \
	"},\"total_tokens\":0}}}"

static void begin(struct world *w, struct drive *d)
{
	drive_begin(d, w->meter, UPGRADE("/v1/responses"));
	drive_response(d, SWITCH);
}

static void end(struct world *w, struct drive *d)
{
	drive_end(d);
	assert_null(d->exchange.meter);
	meter_free(w->meter);
}

static void assert_counts(const struct usage *usage, int64_t input, int64_t cached, int64_t output,
			  int64_t reasoning)
{
	assert_int_equal(usage->counts[USAGE_INPUT], input);
	assert_int_equal(usage->counts[USAGE_INPUT_CACHE_READ], cached);
	assert_int_equal(usage->counts[USAGE_OUTPUT], output);
	assert_int_equal(usage->counts[USAGE_OUTPUT_REASONING], reasoning);
	assert_int_equal(usage->doubt, USAGE_DOUBT_NONE);
}

/* Two answers: two calls, at once and each with its own; nothing is left for the end. */
static void each_answer_is_a_call(void **state)
{
	struct world w;
	struct drive d;

	(void)state;
	start(&w, "config/providers");
	begin(&w, &d);
	drive_message(&d, DIRECTION_SENT, CREATE, AT(1));
	drive_message(&d, DIRECTION_RECEIVED, CREATED("resp_1"), AT(2));
	drive_message(&d, DIRECTION_RECEIVED, DELTA, AT(3));
	assert_int_equal(w.n, 0);
	drive_message(&d, DIRECTION_RECEIVED, COMPLETED("resp_1", 10000, 8000, 1000, 250), AT(4));
	assert_int_equal(w.n, 1);
	drive_message(&d, DIRECTION_SENT, CREATE, AT(10));
	drive_message(&d, DIRECTION_RECEIVED, CREATED("resp_2"), AT(11));
	drive_message(&d, DIRECTION_RECEIVED, COMPLETED("resp_2", 50, 0, 7, 0), AT(12));
	assert_int_equal(w.n, 2);
	end(&w, &d);
	assert_int_equal(w.n, 2);

	assert_counts(&w.usages[0], 2000, 8000, 750, 250);
	assert_counts(&w.usages[1], 50, 0, 7, 0);
	for (unsigned i = 0; i < 2; i++) {
		const struct usage *u = &w.usages[i];

		assert_string_equal(u->route, "GET /v1/responses");
		assert_string_equal(u->model_requested, "gpt-5");
		assert_string_equal(u->model, "gpt-5-2025-08-07");
		assert_string_equal(u->response_id, i ? "resp_2" : "resp_1");
		assert_string_equal(u->service_tier, "default");
		assert_string_equal(u->request_id, "req_1");
		assert_int_equal(u->time_start_ns, AT(i ? 10 : 1));
		assert_int_equal(u->time_end_ns, AT(i ? 12 : 4));
		assert_true(u->streaming);
		assert_int_equal(u->completeness, COMPLETENESS_COMPLETE);
	}
	assert_memory_not_equal(&w.usages[0].event_id, &w.usages[1].event_id,
				sizeof(w.usages[0].event_id));
	assert_int_equal(w.usages[0].response_bytes + w.usages[1].response_bytes,
			 d.exchange.response_bytes);
	assert_int_equal(w.usages[0].request_bytes + w.usages[1].request_bytes,
			 d.exchange.request_bytes);
}

/* Begun and never ended: the tokens are billed, so the call is there, and in doubt. */
static void an_answer_broken_off(void **state)
{
	struct world w;
	struct drive d;

	(void)state;
	start(&w, "config/providers");
	begin(&w, &d);
	drive_message(&d, DIRECTION_RECEIVED, COMPLETED("resp_1", 50, 0, 7, 0), AT(1));
	drive_message(&d, DIRECTION_RECEIVED, CREATED("resp_2"), AT(2));
	end(&w, &d);
	assert_int_equal(w.n, 2);
	assert_counts(&w.usages[0], 50, 0, 7, 0);
	assert_string_equal(w.usages[1].response_id, "resp_2");
	assert_int_equal(w.usages[1].doubt, USAGE_DOUBT_NO_USAGE);
	assert_int_equal(w.usages[1].present, 0);
}

static void nothing_was_asked(void **state)
{
	struct world w;
	struct drive d;

	(void)state;
	start(&w, "config/providers");
	begin(&w, &d);
	end(&w, &d);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.usages[0].present, 0);
	assert_int_equal(w.usages[0].doubt, USAGE_DOUBT_UNPARSED);
}

/* Refused before it began: free. Failed on the way: in doubt. Neither stays for the next. */
static void errors(void **state)
{
	struct world w;
	struct drive d;

	(void)state;
	start(&w, "config/providers");
	begin(&w, &d);
	drive_message(&d, DIRECTION_RECEIVED,
		      "{\"type\":\"error\",\"status\":400,\"error\":{\"type\":"
		      "\"invalid_request_error\",\"code\":\"previous_response_not_found\"}}",
		      AT(1));
	drive_message(&d, DIRECTION_RECEIVED, CREATED("resp_2"), AT(2));
	drive_message(&d, DIRECTION_RECEIVED,
		      "{\"type\":\"response.failed\",\"response\":{\"id\":\"resp_2\",\"error\":"
		      "{\"code\":\"server_error\",\"message\":\"x\"},\"usage\":null}}",
		      AT(3));
	drive_message(&d, DIRECTION_RECEIVED, COMPLETED("resp_3", 50, 0, 7, 0), AT(4));
	end(&w, &d);
	assert_int_equal(w.n, 3);
	assert_string_equal(w.usages[0].error, "invalid_request_error");
	assert_int_equal(w.usages[0].doubt, USAGE_DOUBT_NONE);
	assert_int_equal(w.usages[0].present, 0);
	assert_string_equal(w.usages[1].error, "server_error");
	assert_int_equal(w.usages[1].doubt, USAGE_DOUBT_NO_USAGE);
	assert_string_equal(w.usages[2].error, "");
	assert_counts(&w.usages[2], 50, 0, 7, 0);
}

static void contradicting_counts(void **state)
{
	struct world w;
	struct drive d;

	(void)state;
	start(&w, "config/providers");
	begin(&w, &d);
	drive_message(&d, DIRECTION_RECEIVED, COMPLETED("resp_1", 50, 51, 7, 0), AT(1));
	drive_message(&d, DIRECTION_RECEIVED, COMPLETED("resp_2", 50, 0, 7, 0), AT(2));
	end(&w, &d);
	assert_int_equal(w.n, 2);
	assert_int_equal(w.usages[0].doubt, USAGE_DOUBT_INCONSISTENT);
	assert_counts(&w.usages[1], 50, 0, 7, 0);
}

/* A message lost in part is no answer; what is lost may have been one. */
static void a_hole(void **state)
{
	struct world w;
	struct drive d;

	(void)state;
	start(&w, "config/providers");
	begin(&w, &d);
	drive_body(&d, DIRECTION_RECEIVED, SPAN("{\"response\":{\"usage\":{\"input_tokens\":50,"),
		   7);
	drive_gap(&d, DIRECTION_RECEIVED, 100);
	drive_message(&d, DIRECTION_RECEIVED, COMPLETED("resp_2", 60, 0, 7, 0), AT(2));
	assert_int_equal(w.n, 1);
	end(&w, &d);
	assert_int_equal(w.n, 2);
	assert_counts(&w.usages[0], 60, 0, 7, 0);
	assert_int_equal(w.usages[0].completeness, COMPLETENESS_GAP);
	assert_int_equal(w.usages[0].lost_bytes, 100);
	assert_int_equal(w.usages[1].present, 0);
	assert_int_equal(w.usages[1].doubt, USAGE_DOUBT_UNPARSED);
	assert_int_equal(w.usages[1].lost_bytes, 0);
}

/* Messages that are no JSON objects are none of ours, whatever is in them. */
static void other_messages(void **state)
{
	struct world w;
	struct drive d;

	(void)state;
	start(&w, "config/providers");
	begin(&w, &d);
	drive_message(&d, DIRECTION_SENT, "\x01\x02{\"model\":\"gpt-4o\"}", AT(1));
	drive_message(&d, DIRECTION_SENT, "", AT(1));
	drive_message(&d, DIRECTION_SENT, "\n" CREATE, AT(1));
	drive_message(&d, DIRECTION_RECEIVED, "[" COMPLETED("resp_0", 9, 9, 9, 9) "]", AT(2));
	drive_message(&d, DIRECTION_RECEIVED, "RIFF " COMPLETED("resp_0", 9, 9, 9, 9), AT(2));
	drive_message(&d, DIRECTION_RECEIVED, "\r\n\t " COMPLETED("resp_1", 50, 0, 7, 0), AT(2));
	end(&w, &d);
	assert_int_equal(w.n, 1);
	assert_counts(&w.usages[0], 50, 0, 7, 0);
	assert_string_equal(w.usages[0].model_requested, "gpt-5");
}

/* A route that does not list the format reads nothing of it. */
static void not_of_this_route(void **state)
{
	struct world w;
	struct drive d;

	(void)state;
	start(&w, "config/providers");
	drive_begin(&d, w.meter, SPAN("POST /v1/chat/completions HTTP/1.1\r\n\r\n"));
	drive_response(&d, SWITCH);
	drive_message(&d, DIRECTION_RECEIVED,
		      "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}}", AT(1));
	end(&w, &d);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.usages[0].present, 0);
}

static const char realtime[] =
    "name: openai\nhosts: [api.openai.com]\nroutes:\n  - match: GET /v1/realtime\n"
    "    operation: realtime\n    format: [ws]\n    model: /session/model\n"
    "    model_requested: query:model\n    response_id: /response/id\n    usage:\n"
    "      input: /response/usage/input_token_details/text_tokens"
    " - /response/usage/input_token_details/cached_tokens_details/text_tokens\n"
    "      input_audio: /response/usage/input_token_details/audio_tokens\n"
    "      output: /response/usage/output_token_details/text_tokens\n"
    "      output_audio: /response/usage/output_token_details/audio_tokens\n";

/* A conversation by sound: the model is said once, at its start. */
static void realtime_session(void **state)
{
	char dir[] = "/tmp/outlay-ws-XXXXXX", path[64];
	struct world w;
	struct drive d;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.yaml", dir);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(realtime, file);
	fclose(file);
	start(&w, dir);
	unlink(path);
	rmdir(dir);

	drive_begin(&d, w.meter, UPGRADE("/v1/realtime?model=gpt-realtime"));
	drive_response(&d, SWITCH);
	drive_message(&d, DIRECTION_RECEIVED,
		      "{\"type\":\"session.created\",\"session\":{\"model\":"
		      "\"gpt-realtime-2025-08-28\"}}",
		      AT(1));
	for (int i = 1; i <= 2; i++) {
		drive_message(&d, DIRECTION_SENT,
			      "{\"type\":\"input_audio_buffer.append\",\"audio\":\"UklGRg==\"}",
			      AT(2 * i));
		drive_message(&d, DIRECTION_RECEIVED,
			      "{\"type\":\"response.output_audio.delta\",\"delta\":\"AAAA\"}",
			      AT(2 * i));
		drive_message(
		    &d, DIRECTION_RECEIVED,
		    "{\"type\":\"response.done\",\"response\":{\"id\":\"resp_1\",\"status\":"
		    "\"completed\",\"usage\":{\"total_tokens\":275,\"input_tokens\":127,"
		    "\"output_tokens\":148,\"input_token_details\":{\"text_tokens\":119,"
		    "\"audio_tokens\":8,\"cached_tokens\":64,\"cached_tokens_details\":"
		    "{\"text_tokens\":64,\"audio_tokens\":0}},\"output_token_details\":"
		    "{\"text_tokens\":36,\"audio_tokens\":112}}}}",
		    AT(2 * i + 1));
	}
	end(&w, &d);
	assert_int_equal(w.n, 2);
	for (int i = 0; i < 2; i++) {
		assert_counts(&w.usages[i], 55, 0, 36, 0);
		assert_int_equal(w.usages[i].counts[USAGE_INPUT_AUDIO], 8);
		assert_int_equal(w.usages[i].counts[USAGE_OUTPUT_AUDIO], 112);
		assert_string_equal(w.usages[i].model, "gpt-realtime-2025-08-28");
		assert_string_equal(w.usages[i].model_requested, "gpt-realtime");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_is_a_call), cmocka_unit_test(an_answer_broken_off),
		cmocka_unit_test(nothing_was_asked),     cmocka_unit_test(errors),
		cmocka_unit_test(contradicting_counts),  cmocka_unit_test(a_hole),
		cmocka_unit_test(other_messages),        cmocka_unit_test(not_of_this_route),
		cmocka_unit_test(realtime_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
