/* The words of alerts: what a person reads, when it is told again, and figures that are JSON. */
#include "alert/tell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/jansson.h"

#define USD  1000000000000LL
#define NOON 1795608000000000000 /* 2026-11-25T12:00:00Z, by date -u -d @1795608000 */
#define HOUR (3600 * NS_PER_SEC)

static json_t *details_of(const struct alert *alert)
{
	json_t *json = json_loads(alert->details, 0, NULL);

	assert_non_null(json);
	assert_true(json_typeof(json) == JANSSON_OBJECT);
	return json;
}

static const char *text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

static struct budget_view team(void)
{
	return (struct budget_view){ .name = "team",
				     .unit = UNIT_USD,
				     .window = "day",
				     .limit = 10 * USD,
				     .spent = 8 * USD + USD / 2,
				     .reserved = USD,
				     .asked = 2 * USD,
				     .window_start_ns = NOON - 12 * HOUR,
				     .resets_ns = NOON + 12 * HOUR };
}

static void assert_alert(const struct alert *alert, enum alert_kind kind, enum alert_level level,
			 const char *subject, int64_t window_ns, unsigned step, const char *text)
{
	assert_int_equal(alert->kind, kind);
	assert_int_equal(alert->level, level);
	assert_string_equal(alert->subject, subject);
	assert_int_equal(alert->window_ns, window_ns);
	assert_int_equal(alert->step, step);
	assert_string_equal(alert->text, text);
}

static void test_budgets(void **state)
{
	int64_t start_ns = NOON - 12 * HOUR;
	struct budget_view view = team();
	struct alert alert;

	(void)state;
	tell_threshold(&view, 80, SPAN("{\"a\":1}"), NOON, &alert);
	assert_alert(&alert, ALERT_THRESHOLD, ALERT_WARNING, "team", start_ns, 80,
		     "budget team has used 80 %: 8.5 of 10 USD a day");
	assert_string_equal(alert.details, "{\"a\":1}");
	tell_threshold(&view, 100, SPAN("{}"), NOON, &alert);
	assert_int_equal(alert.level, ALERT_CRITICAL);
	tell_forecast(&view, NOON + 2 * HOUR, SPAN("{}"), NOON, &alert);
	assert_alert(&alert, ALERT_FORECAST, ALERT_WARNING, "team", start_ns, 1,
		     "budget team will be used up at 2026-11-25T14:00, at its pace until now: 8.5 "
		     "of 10 USD");
	tell_denial(&view, SPAN("{}"), NOON, &alert);
	assert_alert(&alert, ALERT_DENIAL, ALERT_CRITICAL, "team", start_ns, 1,
		     "budget team refuses calls: one asked for 2 USD, and 0.5 are left");
	view.unpriced = true;
	tell_denial(&view, SPAN("{}"), NOON, &alert);
	assert_alert(&alert, ALERT_DENIAL, ALERT_CRITICAL, "team", start_ns, 2,
		     "budget team refuses calls: their price is not known");
	/* All of time has no start, and is told of once as well. */
	view.window_start_ns = 0;
	tell_denial(&view, SPAN("{}"), NOON, &alert);
	assert_true(alert.window_ns != 0);
}

static void assert_key(struct alert_key key, const struct alert *alert)
{
	struct alerts *alerts = alerts_new();
	struct alert copy = *alert;

	assert_non_null(alerts);
	assert_false(alerts_told(alerts, &key));
	assert_true(alerts_first(alerts, &copy));
	assert_true(alerts_told(alerts, &key));
	key.step ^= 1;
	assert_false(alerts_told(alerts, &key));
	alerts_free(alerts);
}

/* Who asks before makes the same key. */
static void test_keys(void **state)
{
	struct tell_traffic traffic = {
		.exe = "/usr/bin/x", .host = "h", .reason_step = 3, .reason = "quic", .user = ""
	};
	struct charge charge = { .usage = { .provider = "openai", .model = "gpt-9" },
				 .source = COST_UNPRICED,
				 .doubt = 1 };
	struct budget_view view = team();
	struct alert alert;

	(void)state;
	tell_denial(&view, SPAN("{}"), NOON, &alert);
	assert_key(tell_denial_key(&view), &alert);
	view.unpriced = true;
	view.window_start_ns = 0;
	tell_denial(&view, SPAN("{}"), NOON, &alert);
	assert_key(tell_denial_key(&view), &alert);
	tell_forecast(&view, NOON + HOUR, SPAN("{}"), NOON, &alert);
	assert_key(tell_forecast_key(&view), &alert);
	tell_unmetered(&traffic, NOON, &alert);
	assert_key(tell_unmetered_key(&traffic, NOON), &alert);
	tell_unpriced(&charge, NOON, &alert);
	assert_key(tell_unpriced_key(&charge, NOON), &alert);
}

/* What does not fit is left out whole: half of an object is no JSON. */
static void test_long_figures(void **state)
{
	struct budget_view view = team();
	char json[ALERT_DETAILS_MAX + 1];
	struct alert alert;

	(void)state;
	memset(json, ' ', sizeof(json));
	tell_threshold(&view, 80, (struct span){ json, ALERT_DETAILS_MAX - 1 }, NOON, &alert);
	assert_int_equal(strlen(alert.details), ALERT_DETAILS_MAX - 1);
	tell_threshold(&view, 80, (struct span){ json, ALERT_DETAILS_MAX }, NOON, &alert);
	assert_string_equal(alert.details, "");
}

static void test_actions(void **state)
{
	struct budget_override word = { .budget = "team",
					.action = OVERRIDE_RAISE,
					.amount = 50 * USD,
					.time_ns = NOON,
					.until_ns = NOON + HOUR,
					.uid = 0,
					.pid = 77,
					.user = "root",
					.why = "quarter \"end\"" };
	struct alert alert;
	json_t *json;

	(void)state;
	tell_enforcement("team", "cut", "the limit is reached", SPAN("{}"), NOON, &alert);
	assert_alert(&alert, ALERT_ENFORCEMENT, ALERT_WARNING, "team", 0, 0,
		     "budget team: cut, the limit is reached");
	tell_override(&word, &alert);
	assert_alert(&alert, ALERT_OVERRIDE, ALERT_INFO, "team", 0, 0,
		     "budget team: raise, by root (pid 77): quarter \"end\"");
	json = details_of(&alert);
	assert_string_equal(text_of(json, "amount"), "50");
	assert_string_equal(text_of(json, "until"), "2026-11-25T13:00:00.000000Z");
	assert_string_equal(text_of(json, "why"), "quarter \"end\"");
	json_decref(json);
	word.until_ns = INT64_MAX;
	tell_override(&word, &alert);
	json = details_of(&alert);
	assert_null(text_of(json, "until"));
	json_decref(json);
}

static void test_breaker(void **state)
{
	struct breaker_view view = { .provider = "openai",
				     .state = BREAKER_OPEN,
				     .by_errors = true,
				     .by_latency = true,
				     .calls = 20,
				     .errors = 7,
				     .usual_error_ppm = 12345 };
	struct alert alert;
	json_t *json;

	(void)state;
	tell_breaker(&view, NOON, &alert);
	assert_alert(&alert, ALERT_BREAKER, ALERT_WARNING, "openai", 0, 0,
		     "openai fails and answers late; usual are 1.2 % of errors");
	json = details_of(&alert);
	assert_int_equal(json_integer_value(json_object_get(json, "errors")), 7);
	assert_string_equal(text_of(json, "state"), "open");
	json_decref(json);
	view.by_errors = false;
	view.usual_error_ppm = UINT32_MAX;
	tell_breaker(&view, NOON, &alert);
	assert_string_equal(alert.text, "openai answers late; usual are unknown % of errors");
	view.state = BREAKER_CLOSED;
	tell_breaker(&view, NOON, &alert);
	assert_alert(&alert, ALERT_BREAKER, ALERT_INFO, "openai", 0, 0, "openai is well again");
}

static void test_anomaly(void **state)
{
	struct process process = { .uid = 1000, .exe = "/bin/a", .comm = "a" };
	struct habit_view view = { .is_known = true,
				   .by_calls = true,
				   .calls = 201,
				   .usual_calls = 100,
				   .spent_pico = 2 * USD,
				   .usual_spent_pico = USD / 4 };
	struct alert alert;
	json_t *json;

	(void)state;
	tell_anomaly(&process, &view, NOON + HOUR / 2, &alert);
	assert_alert(
	    &alert, ALERT_ANOMALY, ALERT_WARNING, "/bin/a", NOON, 1,
	    "a of a user made 201 calls for 2 USD in this hour; usual at this time are 100 "
	    "for 0.25");
	json = details_of(&alert);
	assert_string_equal(text_of(json, "spent_usd"), "2");
	assert_int_equal(json_integer_value(json_object_get(json, "usual_calls")), 100);
	json_decref(json);
	view.by_spend = true;
	tell_anomaly(&process, &view, NOON, &alert);
	assert_int_equal(alert.step, 3);
}

static void test_what_is_not_seen(void **state)
{
	struct tell_traffic traffic = { "/usr/bin/bun", "api.openai.com", "no_probe", 2, "ann", 5 };
	int64_t day_ns = NOON - 12 * HOUR;
	struct alert alert;
	json_t *json;

	(void)state;
	tell_unmetered(&traffic, NOON, &alert);
	assert_alert(&alert, ALERT_UNMETERED, ALERT_WARNING, "/usr/bin/bun to api.openai.com",
		     day_ns, 2,
		     "calls of /usr/bin/bun to api.openai.com are not metered: no_probe");
	json = details_of(&alert);
	assert_string_equal(text_of(json, "user"), "ann");
	assert_int_equal(json_integer_value(json_object_get(json, "connections")), 5);
	json_decref(json);
	tell_canary("/lib/libssl.so.3", NOON, &alert);
	assert_alert(&alert, ALERT_CANARY, ALERT_CRITICAL, "/lib/libssl.so.3", day_ns, 0,
		     "a TLS call made through /lib/libssl.so.3 was not seen: others may be missed, "
		     "too");
}

static void test_no_price(void **state)
{
	struct charge charge = { .source = COST_UNPRICED, .doubt = PRICE_DOUBT_MODEL_UNKNOWN };
	int64_t day_ns = NOON - 12 * HOUR;
	struct alert alert;
	uint32_t step;
	json_t *json;

	(void)state;
	span_copy(SPAN("openai"), charge.usage.provider, sizeof(charge.usage.provider));
	span_copy(SPAN("gpt-x"), charge.usage.model_requested,
		  sizeof(charge.usage.model_requested));
	span_copy(SPAN("POST /v1/x"), charge.usage.route, sizeof(charge.usage.route));
	charge.usage.event_id.bytes[15] = 7;
	tell_unpriced(&charge, NOON, &alert);
	step = alert.step;
	assert_alert(&alert, ALERT_UNPRICED, ALERT_WARNING, "openai gpt-x", day_ns, step,
		     "calls to openai have no price: model_unknown gpt-x");
	json = details_of(&alert);
	assert_string_equal(text_of(json, "call"), "00000000-0000-0000-0000-000000000007");
	assert_string_equal(text_of(json, "reason"), "model_unknown");
	assert_ptr_equal(json_object_get(json, "model"), json_null());
	json_decref(json);
	charge.doubt = PRICE_DOUBT_USAGE;
	charge.usage.doubt = USAGE_DOUBT_NO_USAGE;
	charge.usage.model_requested[0] = '\0';
	tell_unpriced(&charge, NOON, &alert);
	assert_true(alert.step != step);
	assert_alert(&alert, ALERT_UNPRICED, ALERT_WARNING, "openai POST /v1/x", day_ns, alert.step,
		     "calls to openai have no price: no_usage POST /v1/x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_budgets),          cmocka_unit_test(test_keys),
		cmocka_unit_test(test_long_figures),     cmocka_unit_test(test_actions),
		cmocka_unit_test(test_breaker),          cmocka_unit_test(test_anomaly),
		cmocka_unit_test(test_what_is_not_seen), cmocka_unit_test(test_no_price),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
