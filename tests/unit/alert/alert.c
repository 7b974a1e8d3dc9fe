/* Alerts: told once, and their JSON. */
#include "alert/alert.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct alert threshold(const char *budget, int64_t window_ns, uint32_t percent)
{
	struct alert alert = { .time_ns = 1800000000000000000,
			       .kind = ALERT_THRESHOLD,
			       .level = ALERT_WARNING,
			       .window_ns = window_ns,
			       .step = percent };

	snprintf(alert.subject, sizeof(alert.subject), "%s", budget);
	return alert;
}

static void test_once(void **state)
{
	struct alerts *alerts = alerts_new();
	struct alert first = threshold("a", 1, 80), again = first, moved = threshold("a", 1, 80);
	struct alert others[] = { threshold("b", 1, 80), threshold("a", 2, 80),
				  threshold("a", 1, 95), threshold("a", 1, 80) };

	(void)state;
	others[3].kind = ALERT_FORECAST;
	assert_true(alerts_first(alerts, &first));
	assert_false(uuid_is_zero(&first.event_id));
	assert_false(alerts_first(alerts, &again));
	moved.time_ns++;
	snprintf(moved.text, sizeof(moved.text), "another sentence");
	moved.level = ALERT_CRITICAL;
	assert_false(alerts_first(alerts, &moved));
	for (int i = 0; i < 4; i++) {
		assert_true(alerts_first(alerts, &others[i]));
		assert_false(alerts_first(alerts, &others[i]));
	}
	alerts_free(alerts);
}

static void test_each_time(void **state)
{
	struct alerts *alerts = alerts_new();
	struct alert a = threshold("a", 0, 0), b = a;

	(void)state;
	assert_true(alerts_first(alerts, &a));
	assert_true(alerts_first(alerts, &b));
	assert_memory_not_equal(&a.event_id, &b.event_id, sizeof(a.event_id));
	alerts_free(alerts);
}

static void test_restart(void **state)
{
	struct alerts *before = alerts_new(), *after = alerts_new();
	struct alert alert = threshold("a", 1, 80);

	(void)state;
	assert_true(alerts_first(before, &alert));
	alerts_restore(after, &alert);
	assert_false(alerts_first(after, &alert));
	alerts_free(before);
	alerts_free(after);
}

static void test_bounded(void **state)
{
	struct alerts *alerts = alerts_new();
	struct alert alert;

	(void)state;
	for (uint32_t i = 0; i <= ALERTS_KNOWN_MAX; i++) {
		alert = threshold("a", 1, i);
		assert_true(alerts_first(alerts, &alert));
	}
	alert = threshold("a", 1, 1);
	assert_false(alerts_first(alerts, &alert));
	alert = threshold("a", 1, 0); /* told longest ago */
	assert_true(alerts_first(alerts, &alert));
	alerts_free(alerts);
}

static void test_json(void **state)
{
	struct alert alert = threshold("team \"x\"", 1800000000000000000, 80);
	struct buf out = buf_with_max(4096);

	(void)state;
	snprintf(alert.text, sizeof(alert.text), "line\nbreak");
	alert_json(&out, &alert, "h", "n");
	buf_put(&out, (struct span){ "", 1 });
	/* date -u -d @1800000000: Fri Jan 15 08:00:00 UTC 2027 */
	assert_string_equal(
	    out.data,
	    "{\"event_id\":\"00000000-0000-0000-0000-000000000000\","
	    "\"time\":\"2027-01-15T08:00:00.000000Z\",\"host_id\":\"h\",\"host_name\":\"n\","
	    "\"kind\":\"threshold\",\"level\":\"warning\",\"subject\":\"team \\\"x\\\"\","
	    "\"window_start\":\"2027-01-15T08:00:00.000000Z\",\"step\":80,"
	    "\"text\":\"line\\nbreak\",\"details\":null}");
	buf_reset(&out);
	alert.window_ns = 0;
	snprintf(alert.details, sizeof(alert.details), "{\"a\":1}");
	alert_json(&out, &alert, "h", "n");
	buf_put(&out, (struct span){ "", 1 });
	assert_non_null(strstr(out.data, "\"window_start\":null,"));
	assert_non_null(strstr(out.data, "\"details\":{\"a\":1}}"));
	buf_done(&out);
}

static void test_names(void **state)
{
	enum alert_kind kind;
	enum alert_level level;

	(void)state;
	for (int k = 0; k < ALERT_KIND_MAX; k++) {
		assert_int_equal(alert_kind_find(span_of(alert_kind_name(k)), &kind), 0);
		assert_int_equal(kind, k);
	}
	assert_int_equal(alert_kind_find(SPAN("weather"), &kind), -ENOENT);
	assert_int_equal(alert_level_find(SPAN("critical"), &level), 0);
	assert_int_equal(level, ALERT_CRITICAL);
	assert_int_equal(alert_level_find(SPAN("criticals"), &level), -ENOENT);
	assert_string_equal(alert_type(ALERT_THRESHOLD), "io.outlay.budget.v1");
	assert_string_equal(alert_type(ALERT_DENIAL), "io.outlay.decision.v1");
	assert_string_equal(alert_type(ALERT_CANARY), "io.outlay.health.v1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),    cmocka_unit_test(test_each_time),
		cmocka_unit_test(test_restart), cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_json),    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
