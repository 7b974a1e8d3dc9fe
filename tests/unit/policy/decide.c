/* Decide and settle over the socket: the figures of every answer add up, and over ten thousand
 * random steps no budget is ever overdrawn and no microdollar gets lost. An input token costs one
 * microdollar here, an output token two. */
#include "tests/unit/policy/rig.h"

#include <time.h>

#include "policy/watch.h"

#define BUDGETS                                                                                    \
	"budgets:\n"                                                                               \
	"  - name: day\n"                                                                          \
	"    match: {model: \"gpt-*\"}\n"                                                          \
	"    limit: 0.001 USD per day\n"                                                           \
	"    mode: advise\n"                                                                       \
	"  - name: team \"x\\y\"\n"                                                                \
	"    match: {label: {team: x}}\n"                                                          \
	"    limit: 0.0005 USD per month\n"                                                        \
	"    mode: advise\n"                                                                       \
	"    unpriced: allow\n"                                                                    \
	"  - name: watched\n"                                                                      \
	"    match: {label: {env: dev}}\n"                                                         \
	"    limit: 0.0001 USD per day\n"                                                          \
	"    mode: observe\n"                                                                      \
	"  - name: strict\n"                                                                       \
	"    match: {model: \"odd-*\"}\n"                                                          \
	"    limit: 5 USD per day\n"                                                               \
	"    mode: advise\n"                                                                       \
	"    unpriced: deny\n"                                                                     \
	"  - name: burst\n"                                                                        \
	"    match: {label: {env: fast}}\n"                                                        \
	"    rate: 2 requests per minute\n"                                                        \
	"    mode: advise\n"
#define MICRO 1000000LL /* picodollars */

static int start(void **state)
{
	*state = rig_start(BUDGETS);
	return 0;
}

static int stop(void **state)
{
	rig_stop(*state);
	return 0;
}

static struct reply decide(struct caller *caller, const char *rest)
{
	char body[512];

	snprintf(body, sizeof(body), "{\"provider\":\"openai\",%s}", rest);
	return caller_ask(caller, "POST", "/v1/decide", body);
}

static struct reply settle(struct caller *caller, const char *id, const char *usd)
{
	char body[256];

	if (usd)
		snprintf(body, sizeof(body), "{\"reservation\":\"%s\",\"usd\":\"%s\"}", id, usd);
	else
		snprintf(body, sizeof(body), "{\"reservation\":\"%s\"}", id);
	return caller_ask(caller, "POST", "/v1/settle", body);
}

static int64_t pico_of(const json_t *json, const char *key)
{
	money_wide pico = -1;

	if (money_parse(span_of(text_of(json, key)), MONEY_PICO_DIGITS, &pico) < 0)
		fail_msg("%s: %s", key, text_of(json, key));
	return (int64_t)pico;
}

static void assert_adds_up(const json_t *budget)
{
	assert_int_equal(pico_of(budget, "remaining_usd"), pico_of(budget, "limit_usd") -
							       pico_of(budget, "spent_usd") -
							       pico_of(budget, "reserved_usd"));
}

static const json_t *budget_named(const json_t *json, const char *name)
{
	const json_t *budgets = json_object_get(json, "budgets");

	for (size_t i = 0; i < json_array_size(budgets); i++)
		if (strcmp(text_of(json_array_get(budgets, i), "name"), name) == 0)
			return json_array_get(budgets, i);
	fail_msg("no budget %s", name);
	return NULL;
}

static void assert_budget(struct caller *caller, const char *name, const char *spent,
			  const char *reserved)
{
	struct reply reply = caller_ask(caller, "GET", "/v1/budgets", NULL);
	const json_t *budget = budget_named(reply.json, name);

	assert_string_equal(text_of(budget, "spent_usd"), spent);
	assert_string_equal(text_of(budget, "reserved_usd"), reserved);
	assert_adds_up(budget);
	reply_done(&reply);
}

/* A provider that is not well is a matter for the caller: the answer says it, and stays a yes. */
static void test_breaker(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = decide(&caller, "\"model\":\"gpt-1\"");

	assert_true(json_typeof(json_object_get(reply.json, "breaker")) == JANSSON_NULL);
	reply_done(&reply);
	/* date -u -d @1800000000: Fri Jan 15 08:00:00 UTC 2027 */
	rig->breaker = (struct breaker_view){ .state = BREAKER_OPEN,
					      .by_latency = true,
					      .since_ns = 1800000000000000000 };
	reply = decide(&caller, "\"model\":\"gpt-1\"");
	assert_int_equal(reply.status, 200);
	assert_string_equal(text_of(json_object_get(reply.json, "breaker"), "state"), "open");
	assert_string_equal(text_of(json_object_get(reply.json, "breaker"), "since"),
			    "2027-01-15T08:00:00.000000Z");
	assert_true(json_typeof(json_object_get(json_object_get(reply.json, "breaker"),
						"by_latency")) == JANSSON_TRUE);
	reply_done(&reply);
	rig->breaker = (struct breaker_view){ .state = BREAKER_CLOSED };
	caller_done(&caller);
}

/* A refusal is a matter for people, a question about one is not. */
static void test_denial_is_told(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	const struct alert *denial;
	struct reply reply;
	unsigned told;

	reply = decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":1000000000,\"dry_run\":true");
	assert_int_equal(reply.status, 429);
	reply_done(&reply);
	assert_null(rig_alert_of(rig, ALERT_DENIAL));
	reply = decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":1000000000");
	assert_int_equal(reply.status, 429);
	reply_done(&reply);
	reply = caller_ask(&caller, "GET", "/v1/status", NULL); /* behind it on the same loop */
	reply_done(&reply);
	denial = rig_alert_of(rig, ALERT_DENIAL);
	assert_non_null(denial);
	assert_string_equal(denial->subject, "day");
	assert_int_equal(denial->step, 1);
	assert_true(denial->window_ns > 0);
	/* Of what was told no alert is made again. */
	told = rig->n_alerts;
	reply = decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":1000000000");
	assert_int_equal(reply.status, 429);
	reply_done(&reply);
	reply = caller_ask(&caller, "GET", "/v1/status", NULL);
	reply_done(&reply);
	assert_int_equal(rig->n_alerts, told);
	caller_done(&caller);
}

static void settle_and_forget(struct caller *caller, struct reply *decided, const char *usd)
{
	const json_t *reservation = json_object_get(decided->json, "reservation");
	struct reply settled = settle(caller, text_of(reservation, "id"), usd);

	assert_int_equal(settled.status, 200);
	reply_done(&settled);
	reply_done(decided);
}

/* On the loop's thread, between its ticks: how many it tells. */
static void forecast(struct rig *rig, void *ctx)
{
	unsigned before = rig->n_alerts;

	watch_forecasts(rig->policy);
	*(unsigned *)ctx = rig->n_alerts - before;
}

/* 0.0006 of 0.001 by noon: at that pace it is used up at 20 h. By 20 h it would last. */
static void test_forecast_is_told(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	int64_t now_ns = clock_system.now_ns(&clock_system);
	int64_t day_ns = now_ns / NS_PER_DAY * NS_PER_DAY;
	const struct alert *told;
	struct reply reply;
	unsigned n_told;

	rig->moved_ns = day_ns + NS_PER_DAY / 2 - now_ns;
	reply = decide(&caller, "\"model\":\"gpt-1\"");
	settle_and_forget(&caller, &reply, "0.0006");
	rig_run(rig, forecast, &n_told);
	assert_int_equal(n_told, 1);
	told = rig_alert_of(rig, ALERT_FORECAST);
	assert_non_null(told);
	assert_string_equal(told->subject, "day");
	assert_int_equal(told->window_ns, day_ns);
	assert_non_null(strstr(told->text, "T20:0"));
	rig->moved_ns = day_ns + NS_PER_DAY / 24 * 20 - now_ns;
	rig_run(rig, forecast, &n_told);
	assert_int_equal(n_told, 0);
	caller_done(&caller);
}

static void test_allow_and_settle(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply =
	    decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":100,\"max_output_tokens\":50");
	const json_t *reservation = json_object_get(reply.json, "reservation");
	struct reply settled;
	int64_t expires_ns;

	assert_int_equal(reply.status, 200);
	assert_string_equal(text_of(reply.json, "decision"), "allow");
	assert_true(json_typeof(json_object_get(reply.json, "priced")) == JANSSON_TRUE);
	assert_string_equal(text_of(reply.json, "asked_usd"), "0.0002");
	assert_string_equal(text_of(reservation, "usd"), "0.0002");
	assert_int_equal(timestamp_parse(span_of(text_of(reservation, "expires")), &expires_ns), 0);
	assert_int_equal(json_array_size(json_object_get(reply.json, "budgets")), 1);
	assert_budget(&caller, "day", "0", "0.0002");

	settled = settle(&caller, text_of(reservation, "id"), "0.000123456789");
	assert_int_equal(settled.status, 200);
	assert_string_equal(text_of(settled.json, "settled_usd"), "0.000123456789");
	assert_string_equal(text_of(budget_named(settled.json, "day"), "spent_usd"),
			    "0.000123456789");
	assert_int_equal(rig->n_touches, 1);
	reply_done(&settled);
	assert_budget(&caller, "day", "0.000123456789", "0");

	settled = settle(&caller, text_of(reservation, "id"), "0.5");
	assert_int_equal(settled.status, 409);
	reply_done(&settled);
	assert_budget(&caller, "day", "0.000123456789", "0");
	reply_done(&reply);
	caller_done(&caller);
}

/* The first takes 0.0006 of 0.001, the second would take as much, the third fits beside it. */
static void test_list(void **state)
{
	static const char *const due[] = { "allow", "deny", "allow" };
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply;

#define ASK(n) "{\"provider\":\"openai\",\"model\":\"gpt-1\",\"input_tokens\":" #n "}"
	/* A fault in one, or one too many: nothing is reserved for the others. */
	reply = caller_ask(&caller, "POST", "/v1/decide", "[" ASK(600) "," ASK(-1) "]");
	assert_int_equal(reply.status, 400);
	assert_string_equal(text_of(reply.json, "field"), "input_tokens");
	assert_true(strncmp(text_of(reply.json, "detail"), "[1]: ", 5) == 0);
	reply_done(&reply);
	assert_budget(&caller, "day", "0", "0");

	reply = caller_ask(&caller, "POST", "/v1/decide",
			   " [" ASK(600) " , " ASK(600) ",\n" ASK(400) "]\n");
	assert_int_equal(reply.status, 200);
	assert_int_equal(json_array_size(reply.json), 3);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(text_of(json_array_get(reply.json, i), "decision"), due[i]);
	reply_done(&reply);
	assert_budget(&caller, "day", "0", "0.001");
	caller_done(&caller);
}

static void test_longest_list(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);

	for (unsigned n = 64; n <= 65; n++) {
		struct buf body = buf_with_max(1 << 16);
		struct reply reply;

		for (unsigned i = 0; i < n; i++)
			buf_put(&body, i ? SPAN("," ASK(1)) : SPAN("[" ASK(1)));
		buf_put(&body, (struct span){ "]", 2 });
		reply = caller_ask(&caller, "POST", "/v1/decide", body.data);
		assert_int_equal(reply.status, n == 64 ? 200 : 400);
		reply_done(&reply);
		buf_done(&body);
	}
	assert_budget(&caller, "day", "0", "0.000064");
	caller_done(&caller);
}

/* Without a figure, what was reserved is what it cost. */
static void test_settle_as_reserved(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":30"), settled;

	settled = settle(&caller, text_of(json_object_get(reply.json, "reservation"), "id"), NULL);
	assert_int_equal(settled.status, 200);
	assert_string_equal(text_of(settled.json, "settled_usd"), "0.00003");
	reply_done(&settled);
	reply_done(&reply);
	assert_budget(&caller, "day", "0.00003", "0");
	caller_done(&caller);
}

static void test_bad_settlements(void **state)
{
	static const struct {
		const char *body;
		int status;
		const char *field;
	} cases[] = {
		{ "{}", 400, "reservation" },
		{ "{\"reservation\":\"x\"}", 400, "reservation" },
		{ "{\"reservation\":5}", 400, "reservation" },
		{ "{\"reservation\":\"01a2125a-322b-737a-b73b-42a4f180a755\"}", 404,
		  "reservation" },
		{ "{\"reservation\":\"01a2125a-322b-737a-b73b-42a4f180a755\",\"usd\":\"-1\"}", 400,
		  "usd" },
		{ "{\"reservation\":\"01a2125a-322b-737a-b73b-42a4f180a755\",\"usd\":\"1e3\"}", 400,
		  "usd" },
		{ "{\"reservation\":\"01a2125a-322b-737a-b73b-42a4f180a755\",\"usd\":1}", 400,
		  "usd" },
		/* 2^63 picodollars and a little. */
		{ "{\"reservation\":\"01a2125a-322b-737a-b73b-42a4f180a755\",\"usd\":\"9223373\"}",
		  400, "usd" },
		{ "{\"reservation\":\"01a2125a-322b-737a-b73b-42a4f180a755\",\"eur\":\"1\"}", 400,
		  "eur" },
	};
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);

	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct reply reply = caller_ask(&caller, "POST", "/v1/settle", cases[i].body);

		if (reply.status != cases[i].status)
			fail_msg("%s: %d", cases[i].body, reply.status);
		assert_string_equal(text_of(reply.json, "field"), cases[i].field);
		reply_done(&reply);
	}
	caller_done(&caller);
}

/* No room in the ledger's queue: nothing is settled, and the same request works later. */
static void test_settle_without_room(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":30"), settled;
	const char *id = text_of(json_object_get(reply.json, "reservation"), "id");

	rig->store_is_full = true;
	settled = settle(&caller, id, NULL);
	assert_int_equal(settled.status, 503);
	assert_true(reply_has(&settled, "Retry-After: 1\r\n"));
	reply_done(&settled);
	assert_budget(&caller, "day", "0", "0.00003");
	rig->store_is_full = false;
	settled = settle(&caller, id, NULL);
	assert_int_equal(settled.status, 200);
	reply_done(&settled);
	reply_done(&reply);
	caller_done(&caller);
}

/* Another process cannot settle what is not its own. */
static int settle_from_elsewhere(const struct rig *rig)
{
	struct caller caller = rig_connect(rig);
	char id[64] = "";
	FILE *file;
	char path[96];

	snprintf(path, sizeof(path), "%s/id", rig->dir);
	file = fopen(path, "r");
	if (!file || !fgets(id, sizeof(id), file))
		return 1;
	fclose(file);
	return settle(&caller, id, "0").status == 404 ? 0 : 2;
}

static void test_settle_by_another(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":30");
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/id", rig->dir);
	file = fopen(path, "w");
	fputs(text_of(json_object_get(reply.json, "reservation"), "id"), file);
	fclose(file);
	assert_int_equal(rig_as(getuid(), settle_from_elsewhere, rig), 0);
	unlink(path);
	assert_budget(&caller, "day", "0", "0.00003");
	reply_done(&reply);
	caller_done(&caller);
}

static void assert_header(const struct reply *reply, const char *line)
{
	if (!reply_has(reply, line))
		fail_msg("no '%s' in: %.*s", line, (int)reply->head.len, reply->head.ptr);
}

static void test_deny(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply;
	const json_t *budget, *reasons;
	const char *reason;

	reply = decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":300,"
				"\"labels\":{\"team\":\"x\"}");
	assert_string_equal(text_of(reply.json, "decision"), "allow");
	reply_done(&reply);
	/* 300 + 201 > 500, and 300 + 201 < 1000: one budget says no, none reserves. */
	reply = decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":1,\"max_output_tokens\":100,"
				"\"labels\":{\"team\":\"x\"}");
	assert_int_equal(reply.status, 429);
	assert_true(reply_has(&reply, "Content-Type: application/problem+json\r\n"));
	assert_string_equal(text_of(reply.json, "type"),
			    "https://iana.org/assignments/http-problem-types#quota-exceeded");
	assert_int_equal(json_integer_value(json_object_get(reply.json, "status")), 429);
	assert_string_equal(text_of(reply.json, "decision"), "deny");
	assert_int_equal(strlen(text_of(reply.json, "decision_id")), 36);
	assert_null(json_object_get(reply.json, "reservation"));
	assert_string_equal(text_of(reply.json, "asked_usd"), "0.000201");
	reasons = json_object_get(reply.json, "reasons");
	assert_int_equal(json_array_size(reasons), 1);
	reason = json_string_value(json_array_get(reasons, 0));
	assert_non_null(strstr(reason, "budget team \"x\\y\": limit 0.0005 USD, spent 0 USD, "
				       "reserved 0.0003 USD, asked 0.000201 USD, "
				       "too much by 0.000001 USD; resets "));
	assert_string_equal(text_of(reply.json, "detail"), reason);
	assert_int_equal(json_array_size(json_object_get(reply.json, "violated-policies")), 1);
	budget = budget_named(reply.json, "team \"x\\y\"");
	assert_string_equal(text_of(budget, "reserved_usd"), "0.0003");
	assert_adds_up(budget);
	assert_string_equal(text_of(budget_named(reply.json, "day"), "reserved_usd"), "0.0003");
	/* RFC 9651: quotes and backslashes are escaped; reasons come first. */
	assert_header(&reply, "\r\nRateLimit-Policy: \"team \\\"x\\\\y\\\"\";q=500;qu=\"micro-usd\""
			      ";w=");
	assert_header(&reply, ", \"day\";q=1000;qu=\"micro-usd\";w=86400\r\n");
	assert_header(&reply, "\r\nRateLimit: \"team \\\"x\\\\y\\\"\";r=200;t=");
	assert_header(&reply, ", \"day\";r=700;t=");
	assert_header(&reply, "\r\nRetry-After: ");
	reply_done(&reply);
	caller_done(&caller);
}

static void test_observe_warns(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":101,"
					     "\"labels\":{\"env\":\"dev\"}");

	assert_int_equal(reply.status, 200);
	assert_string_equal(text_of(reply.json, "decision"), "warn");
	assert_int_equal(json_array_size(json_object_get(reply.json, "reasons")), 1);
	assert_string_equal(text_of(budget_named(reply.json, "watched"), "remaining_usd"),
			    "-0.000001");
	reply_done(&reply);
	/* Over the limit of one that advises too: only that one is a reason. */
	reply = decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":901,"
				"\"labels\":{\"env\":\"dev\"}");
	assert_int_equal(reply.status, 429);
	assert_int_equal(json_array_size(json_object_get(reply.json, "reasons")), 1);
	assert_string_equal(
	    json_string_value(json_array_get(json_object_get(reply.json, "violated-policies"), 0)),
	    "day");
	reply_done(&reply);
	caller_done(&caller);
}

/* Two at once, then one in thirty seconds. */
static void test_rate(void **state)
{
	static const char one[] = "\"model\":\"gpt-1\",\"labels\":{\"env\":\"fast\"}";
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply;
	json_int_t retry_ms;

	for (int i = 0; i < 2; i++) {
		reply = decide(&caller, one);
		assert_int_equal(reply.status, 200);
		assert_string_equal(text_of(budget_named(reply.json, "burst"), "rate"), "2");
		reply_done(&reply);
	}
	reply = decide(&caller, one);
	assert_int_equal(reply.status, 429);
	retry_ms = json_integer_value(json_object_get(reply.json, "retry_after_ms"));
	assert_true(retry_ms > 20000 && retry_ms <= 30000);
	assert_header(&reply, "\r\nRateLimit-Policy: \"burst\";q=2;qu=\"requests\";w=60, ");
	assert_header(&reply, "\r\nRateLimit: \"burst\";r=0;t=");
	assert_header(&reply, "\r\nRetry-After: ");
	assert_non_null(strstr(text_of(reply.json, "detail"),
			       "rate burst: limit 2 requests, spent 2 requests, reserved 0 "
			       "requests, asked 1 requests, too much by 1 requests; it fits 20"));
	reply_done(&reply);
	assert_int_equal(rig->n_alerts, 0);
	rig->moved_ns += retry_ms * NS_PER_MS;
	reply = decide(&caller, one);
	assert_int_equal(reply.status, 200);
	reply_done(&reply);
	caller_done(&caller);
}

static void test_unpriced(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = decide(&caller, "\"model\":\"odd-1\",\"input_tokens\":1");

	assert_int_equal(reply.status, 429);
	assert_true(json_typeof(json_object_get(reply.json, "priced")) == JANSSON_FALSE);
	assert_true(json_typeof(json_object_get(reply.json, "asked_usd")) == JANSSON_NULL);
	assert_non_null(strstr(text_of(reply.json, "detail"), "model odd-1 of openai"));
	/* Waiting does not help. */
	assert_false(reply_has(&reply, "Retry-After"));
	reply_done(&reply);
	/* Where it is allowed, and where no budget applies. */
	reply = decide(&caller, "\"model\":\"other\",\"labels\":{\"team\":\"x\"}");
	assert_int_equal(reply.status, 200);
	assert_true(json_typeof(json_object_get(reply.json, "priced")) == JANSSON_FALSE);
	assert_string_equal(text_of(json_object_get(reply.json, "reservation"), "usd"), "0");
	reply_done(&reply);
	reply = decide(&caller, "\"model\":\"other\"");
	assert_int_equal(reply.status, 200);
	assert_int_equal(json_array_size(json_object_get(reply.json, "budgets")), 0);
	reply_done(&reply);
	/* A price over the range of money is no price. */
	reply = decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":9223372036854775807");
	assert_true(json_typeof(json_object_get(reply.json, "priced")) == JANSSON_FALSE);
	reply_done(&reply);
	caller_done(&caller);
}

static void test_dry_run(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);

	for (int i = 0; i < 3; i++) {
		struct reply reply =
		    decide(&caller, "\"model\":\"gpt-1\",\"input_tokens\":900,\"dry_run\":true");

		assert_int_equal(reply.status, 200);
		assert_true(json_typeof(json_object_get(reply.json, "reservation")) ==
			    JANSSON_NULL);
		reply_done(&reply);
	}
	assert_budget(&caller, "day", "0", "0");
	caller_done(&caller);
}

static void test_unknown_provider(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = caller_ask(&caller, "POST", "/v1/decide",
					"{\"provider\":\"opnai\",\"model\":\"gpt-1\"}");

	assert_int_equal(reply.status, 400);
	assert_string_equal(text_of(reply.json, "field"), "provider");
	reply_done(&reply);
	caller_done(&caller);
}

/* --- conservation */

#define STEPS     10000
#define HOLD_MAX  64
#define DAY_MICRO 1000

struct held {
	char id[64];
	int64_t pico;
};

struct model {
	int64_t spent_pico, reserved_pico;
	struct held held[HOLD_MAX];
	size_t n_held;
	size_t allowed, denied;
};

static void step_decide(struct caller *caller, struct model *model, unsigned tokens)
{
	char rest[96];
	struct reply reply;
	int64_t pico = tokens * MICRO;
	bool fits = model->spent_pico + model->reserved_pico + pico <= DAY_MICRO * MICRO;

	snprintf(rest, sizeof(rest), "\"model\":\"gpt-1\",\"input_tokens\":%u", tokens);
	reply = decide(caller, rest);
	assert_int_equal(reply.status, fits ? 200 : 429);
	if (fits) {
		struct held *held = &model->held[model->n_held++];

		snprintf(held->id, sizeof(held->id), "%s",
			 text_of(json_object_get(reply.json, "reservation"), "id"));
		held->pico = pico;
		model->reserved_pico += pico;
		model->allowed++;
	} else {
		model->denied++;
	}
	reply_done(&reply);
}

static void step_settle(struct caller *caller, struct model *model, size_t which, int64_t pico)
{
	struct held held = model->held[which];
	char usd[MONEY_TEXT_MAX];
	struct reply reply = settle(caller, held.id, money_format(pico, MONEY_PICO_DIGITS, usd));

	assert_int_equal(reply.status, 200);
	reply_done(&reply);
	model->held[which] = model->held[--model->n_held];
	model->reserved_pico -= held.pico;
	model->spent_pico += pico;
}

static void step_compare(struct caller *caller, const struct model *model)
{
	struct reply reply = caller_ask(caller, "GET", "/v1/budgets", NULL);
	const json_t *day = budget_named(reply.json, "day");

	assert_int_equal(pico_of(day, "spent_usd"), model->spent_pico);
	assert_int_equal(pico_of(day, "reserved_usd"), model->reserved_pico);
	assert_adds_up(day);
	assert_true(model->spent_pico + model->reserved_pico <= DAY_MICRO * MICRO);
	reply_done(&reply);
}

static void test_conservation(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	const char *text = getenv("SEED");
	unsigned seed = text ? (unsigned)strtoul(text, NULL, 10) : (unsigned)time(NULL);
	struct model model = { 0 };

	print_message("SEED=%u\n", seed);
	for (unsigned i = 0; i < STEPS; i++) {
		if (caller.len > RIG_REPLY_MAX / 2)
			caller.len = caller.taken = 0;
		if (model.n_held < HOLD_MAX && rand_r(&seed) % 2) {
			step_decide(&caller, &model, 1 + (unsigned)rand_r(&seed) % 60);
		} else if (model.n_held) {
			size_t which = (unsigned)rand_r(&seed) % model.n_held;

			/* Most calls cost nearly nothing, so that the limit is reached late. */
			step_settle(&caller, &model, which,
				    rand_r(&seed) % (model.held[which].pico / 50 + 1));
		}
		if (i % 100 == 0)
			step_compare(&caller, &model);
	}
	while (model.n_held)
		step_settle(&caller, &model, 0, 0);
	step_compare(&caller, &model);
	assert_int_equal(model.reserved_pico, 0);
	/* Both answers were given often. */
	assert_true(model.allowed > 1000 && model.denied > 100);
	caller_done(&caller);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list),
		TEST(test_longest_list),
		TEST(test_allow_and_settle),
		TEST(test_settle_as_reserved),
		TEST(test_bad_settlements),
		TEST(test_settle_without_room),
		TEST(test_settle_by_another),
		TEST(test_deny),
		TEST(test_observe_warns),
		TEST(test_unpriced),
		TEST(test_rate),
		TEST(test_dry_run),
		TEST(test_unknown_provider),
		TEST(test_breaker),
		TEST(test_denial_is_told),
		TEST(test_forecast_is_told),
		TEST(test_conservation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
