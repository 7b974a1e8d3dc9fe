/* What hooks are sent. */
#include "sink/letter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct sink_event event = {
	.id = { "01-a", 4 },
	.type = { "io.outlay.budget.v1", 19 },
	.time = { "2027-01-15T08:00:00.000000Z", 27 },
	.json = { "{\"a\":1}", 7 },
	.level = 1,
	.level_name = "warning",
	.subject = "team",
	.text = "budget <team> & \"co\" is spent",
	.host_name = "h1",
};

static void assert_letter(const struct sink_hook *hook, const char *expected)
{
	struct buf out = buf_with_max(4096);

	letter_put(&out, hook, &event, "host-1");
	buf_put(&out, (struct span){ "", 1 });
	assert_string_equal(out.data, expected);
	buf_done(&out);
}

static void test_command(void **state)
{
	struct sink_hook hook = { .command = "/bin/true", .format = HOOK_JSON };

	(void)state;
	assert_letter(&hook, "{\"a\":1}");
}

static void test_url(void **state)
{
	struct sink_hook hook = { .url = "https://x/", .secret = "s" };

	(void)state;
	assert_letter(&hook, "https://x/\napplication/json\n01-a\ns\n{\"a\":1}");
	hook.secret = NULL;
	assert_letter(&hook, "https://x/\napplication/json\n01-a\n\n{\"a\":1}");
}

/* CloudEvents 1.0.2, JSON format, section 3: structured mode. */
static void test_cloudevents(void **state)
{
	struct sink_hook hook = { .url = "u", .format = HOOK_CLOUDEVENTS };

	(void)state;
	assert_letter(&hook, "u\napplication/cloudevents+json\n01-a\n\n"
			     "{\"specversion\":\"1.0\",\"id\":\"01-a\",\"source\":\"host-1\","
			     "\"type\":\"io.outlay.budget.v1\","
			     "\"time\":\"2027-01-15T08:00:00.000000Z\",\"subject\":\"team\","
			     "\"datacontenttype\":\"application/json\",\"data\":{\"a\":1}}");
}

static void test_slack(void **state)
{
	struct sink_hook hook = { .command = "/x", .format = HOOK_SLACK };

	(void)state;
	assert_letter(&hook, "{\"text\":\"*warning* on h1: budget &lt;team&gt; &amp; \\\"co\\\" is "
			     "spent\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_cloudevents),
		cmocka_unit_test(test_slack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
