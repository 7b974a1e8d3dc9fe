/* What a budget comes to at its pace, worked out by hand, and the same budgets as metrics. A day is
 * 86,400 seconds; at six o'clock a quarter of it has passed. */
#include <regex.h>

#include "tests/unit/policy/rig.h"

#define BUDGETS                                                                                    \
	"budgets:\n"                                                                               \
	"  - name: day\n"                                                                          \
	"    limit: 100 USD per day\n"                                                             \
	"  - {name: rolling, limit: 100 USD per rolling day}\n"                                    \
	"  - {name: 'all \"time\"', match: {uid: 0}, limit: 9 USD in total}\n"                     \
	"  - {name: calls, limit: 3 requests per day}\n"
/* 2026-11-25T06:00:00Z, by date -u -d @1795586400. */
#define SIX (1795586400 * NS_PER_SEC)
#define DAY (86400 * NS_PER_SEC)

static int start(void **state)
{
	struct rig *rig = rig_start(BUDGETS);

	rig->frozen_ns = SIX;
	*state = rig;
	return 0;
}

static int stop(void **state)
{
	rig_stop(*state);
	return 0;
}

/* A call that cost so much. */
static void spend(struct caller *caller, const char *usd)
{
	struct reply reply = caller_ask(caller, "POST", "/v1/decide",
					"{\"provider\":\"openai\",\"model\":\"gpt-1\"}");
	char body[128];

	snprintf(body, sizeof(body), "{\"reservation\":\"%s\",\"usd\":\"%s\"}",
		 text_of(json_object_get(reply.json, "reservation"), "id"), usd);
	reply_done(&reply);
	reply = caller_ask(caller, "POST", "/v1/settle", body);
	assert_int_equal(reply.status, 200);
	reply_done(&reply);
}

static void expect(struct caller *caller, unsigned index, const char *const texts[3],
		   const char *const names[3])
{
	struct reply reply = caller_ask(caller, "GET", "/v1/budgets", NULL);
	const json_t *budget = json_array_get(json_object_get(reply.json, "budgets"), index);

	for (int i = 0; i < 3; i++) {
		assert_non_null(json_object_get(budget, names[i]));
		assert_string_equal(text_of(budget, names[i]), texts[i]);
	}
	reply_done(&reply);
}

/* The loop that captures wakes nobody for a call that has begun: who asks sees it all the same. */
static void test_a_call_that_has_just_begun(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply;

	rig->flight = (struct budget_flight){ .call = 1, .sent_ns = SIX, .provider = "openai" };
	reply = caller_ask(&caller, "GET", "/v1/budgets", NULL);
	assert_int_equal(
	    json_integer_value(json_object_get(
		json_object_get(json_array_get(json_object_get(reply.json, "budgets"), 0),
				"overshoot"),
		"calls_in_flight")),
	    1);
	reply_done(&reply);
	caller_done(&caller);
}

#define NULL_TEXT "(none)"
#define EXPECT(caller, index, projected, former, exhausted)                                        \
	expect(caller, index, (const char *const[]){ projected, former, exhausted },               \
	       (const char *const[]){ "projected_usd", "former_usd", "exhausted" })

static void test_outlook(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);

	/* 10 in a quarter of the day: 40 in all, which fits. */
	spend(&caller, "10");
	expect(&caller, 0, (const char *const[]){ "10", "0", "40" },
	       (const char *const[]){ "spent_usd", "estimated_usd", "projected_usd" });
	EXPECT(&caller, 0, "40", NULL_TEXT, NULL_TEXT);
	EXPECT(&caller, 1, NULL_TEXT, NULL_TEXT, NULL_TEXT);
	EXPECT(&caller, 2, NULL_TEXT, NULL_TEXT, NULL_TEXT);
	expect(&caller, 3, (const char *const[]){ "4", NULL_TEXT, "2026-11-25T18:00:00.000000Z" },
	       (const char *const[]){ "projected", "former", "exhausted" });

	/* 30 in a quarter of the next: 120; the other 70 last 14 hours. */
	rig->frozen_ns = SIX + DAY;
	spend(&caller, "30");
	EXPECT(&caller, 0, "120", "10", "2026-11-26T20:00:00.000000Z");
	spend(&caller, "80");
	EXPECT(&caller, 0, "440", "10", "2026-11-26T06:00:00.000000Z");

	/* Fourteen minutes are less than a hundredth. */
	rig->frozen_ns = SIX + 2 * DAY - 6 * 3600 * NS_PER_SEC + 14 * 60 * NS_PER_SEC;
	spend(&caller, "1");
	EXPECT(&caller, 0, NULL_TEXT, "110", NULL_TEXT);
	/* After a day without a call there is no former one. */
	rig->frozen_ns = SIX + 4 * DAY;
	EXPECT(&caller, 0, "0", NULL_TEXT, NULL_TEXT);
	caller_done(&caller);
}

/* It was spent, the day turns: it has room again, which is told once. */
static void test_resumed(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig), watcher = rig_connect(rig);
	struct span rest;

	caller_send(&watcher, SPAN("GET /v1/watch HTTP/1.1\r\n\r\n"));
	watcher.taken += caller_wait_for(&watcher, ": outlay\n\n");
	spend(&caller, "100");
	watcher.taken += caller_wait_for(&watcher, "event: budget\ndata: {\"name\":\"day\"");
	rig->frozen_ns = SIX + DAY;
	watcher.taken += caller_wait_for(&watcher, "event: resumed\ndata: {\"name\":\"day\"");
	rest = caller_rest(&watcher);
	assert_null(memmem(rest.ptr, rest.len, "resumed", 7));
	caller_done(&watcher);
	caller_done(&caller);
}

static bool fits(const char *pattern, const char *line)
{
	regex_t regex;
	bool fits;

	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	fits = regexec(&regex, line, 0, NULL, 0) == 0;
	regfree(&regex);
	return fits;
}

static bool has_line(const char *text, const char *line)
{
	char needle[256];

	snprintf(needle, sizeof(needle), "\n%s\n", line);
	return strstr(text, needle) != NULL || strncmp(text, needle + 1, strlen(needle + 1)) == 0;
}

/* The lines of OpenMetrics 1.0: a type, then samples of that family, the end. */
static void assert_metrics(char *text)
{
	char family[128] = "";
	char *line = strsep(&text, "\n");

	for (; text && strcmp(line, "# EOF"); line = strsep(&text, "\n")) {
		if (sscanf(line, "# TYPE %127s", family) == 1) {
			assert_true(fits("^# TYPE [a-z0-9_]+ (counter|gauge)$", line));
			continue;
		}
		assert_true(strncmp(line, family, strlen(family)) == 0);
		if (!fits("^[a-z0-9_]+(\\{[a-z]+=\"([^\"\\]|\\\\[\"\\n])*\"(,[a-z]+=\"[a-zA-Z_ "
			  "]*\")*\\})? -?[0-9]+(\\.[0-9]+)?$",
			  line))
			fail_msg("%s", line);
	}
	assert_string_equal(line, "# EOF");
	assert_string_equal(text, "");
}

static struct reply ask_metrics(struct caller *caller, char *text, size_t size)
{
	struct reply reply = caller_ask(caller, "GET", "/metrics", NULL);

	assert_int_equal(reply.status, 200);
	assert_true(reply.body.len < size);
	memcpy(text, reply.body.ptr, reply.body.len);
	text[reply.body.len] = '\0';
	return reply;
}

static void test_metrics(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	static char text[65536];
	struct reply reply;

	spend(&caller, "12.5");
	reply = ask_metrics(&caller, text, sizeof(text));
	assert_true(reply_has(&reply, "application/openmetrics-text; version=1.0.0"));
	assert_true(has_line(text, "outlay_budgets_allowed_total 1"));
	assert_true(has_line(text, "outlay_budgets_settled_by_caller_total 1"));
	assert_true(has_line(text, "outlay_policy_open_connections 1"));
	assert_true(has_line(text, "# TYPE outlay_policy_open_connections gauge"));
	assert_true(
	    has_line(text, "outlay_budget_spent{budget=\"day\",unit=\"USD\",window=\"day\"} 12.5"));
	assert_true(has_line(text, "outlay_budget_limit{budget=\"all \\\"time\\\"\",unit=\"USD\","
				   "window=\"total\"} 9"));
	assert_metrics(text);
	reply_done(&reply);
	reply = caller_ask(&caller, "GET", "/v1/metrics", NULL);
	assert_int_equal(reply.status, 200);
	reply_done(&reply);
	caller_done(&caller);
}

static int sees_its_own(const struct rig *rig)
{
	struct caller caller = rig_connect(rig);
	static char text[65536];
	struct reply reply = ask_metrics(&caller, text, sizeof(text));

	reply_done(&reply);
	caller_done(&caller);
	return strstr(text, "budget=\"day\"") ? strstr(text, "time") != NULL : 2;
}

static void test_metrics_of_another(void **state)
{
	if (getuid() == 0)
		assert_int_equal(rig_as(RIG_NOBODY, sees_its_own, *state), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_outlook), TEST(test_a_call_that_has_just_begun), TEST(test_resumed),
		TEST(test_metrics), TEST(test_metrics_of_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
