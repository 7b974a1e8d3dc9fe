/* POST /v1/override: who may, what it takes, what is kept of it. */
#include "tests/unit/policy/rig.h"

#define BUDGETS                                                                                    \
	"budgets:\n"                                                                               \
	"  - name: money\n"                                                                        \
	"    limit: 5 USD per day\n"                                                               \
	"    mode: advise\n"                                                                       \
	"  - name: tokens\n"                                                                       \
	"    match: {model: \"x*\"}\n"                                                             \
	"    limit: 1000 tokens per hour\n"

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

/* The detail of the answer, of this status, stays in `detail`. */
static char detail[256];

static void ask(struct caller *caller, const char *json, int status)
{
	struct reply reply = caller_ask(caller, "POST", "/v1/override", json);

	if (reply.status != status)
		fail_msg("%s: %d", json, reply.status);
	snprintf(detail, sizeof(detail), "%s", status == 200 ? "" : text_of(reply.json, "detail"));
	reply_done(&reply);
}

static void test_what_it_takes(void **state)
{
	static const struct {
		const char *json;
		int status;
	} cases[] = {
		{ "{\"budget\":\"money\",\"action\":\"raise\",\"amount\":\"2.5\",\"why\":\"a\"}",
		  200 },
		{ "{\"budget\":\"money\",\"action\":\"raise\",\"why\":\"a\"}", 400 },
		{ "{\"budget\":\"money\",\"action\":\"raise\",\"amount\":\"-1\",\"why\":\"a\"}",
		  400 },
		{ "{\"budget\":\"tokens\",\"action\":\"raise\",\"amount\":\"2.5\",\"why\":\"a\"}",
		  400 },
		{ "{\"budget\":\"tokens\",\"action\":\"raise\",\"amount\":\"25\",\"why\":\"a\"}",
		  200 },
		{ "{\"budget\":\"money\",\"action\":\"hold\",\"amount\":\"1\",\"why\":\"a\"}",
		  400 },
		{ "{\"budget\":\"tokens\",\"action\":\"cut\",\"why\":\"a\"}", 400 },
		{ "{\"budget\":\"money\",\"action\":\"cut\",\"why\":\"a\",\"until\":\"soon\"}",
		  400 },
		{ "{\"budget\":\"money\",\"action\":\"cut\",\"why\":\"a\","
		  "\"until\":\"2001-01-01T00:00:00Z\"}",
		  400 },
		{ "{\"budget\":\"money\",\"action\":\"cut\",\"why\":\"a\","
		  "\"until\":\"2261-01-01T00:00:00Z\"}",
		  200 },
		{ "{\"budget\":\"money\",\"action\":\"release\",\"why\":\"a\"}", 200 },
		{ "{\"budget\":\"money\",\"action\":\"reset\",\"why\":\"a\"}", 200 },
		{ "{\"budget\":\"money\",\"action\":\"reset\",\"why\":\"a\","
		  "\"until\":\"2261-01-01T00:00:00Z\"}",
		  400 },
		{ "{\"budget\":\"money\",\"action\":\"stop\",\"why\":\"a\"}", 400 },
		{ "{\"budget\":\"other\",\"action\":\"cut\",\"why\":\"a\"}", 404 },
		{ "{\"budget\":\"money\",\"action\":\"cut\"}", 400 },
		{ "{\"budget\":\"money\",\"action\":\"cut\",\"why\":\"\"}", 400 },
	};
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	unsigned obeyed = 0;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		ask(&caller, cases[i].json, cases[i].status);
		obeyed += cases[i].status == 200;
		assert_int_equal(rig->n_overrides, obeyed);
	}
	caller_done(&caller);
}

/* Who said it is what the kernel tells of the socket. */
static void test_who_said_it(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);

	ask(&caller,
	    "{\"budget\":\"money\",\"action\":\"raise\",\"amount\":\"2.5\",\"why\":\"a "
	    "\\\"demo\\\"\"}",
	    200);
	assert_int_equal(rig->override.pid, getpid());
	assert_int_equal(rig->override.uid, 0);
	assert_string_equal(rig->override.user, "root");
	assert_string_equal(rig->override.why, "a \"demo\"");
	assert_true(rig->override.amount == 2500000000000);
	rig->store_is_full = true;
	ask(&caller, "{\"budget\":\"money\",\"action\":\"cut\",\"why\":\"a\"}", 503);
	assert_int_equal(rig->n_overrides, 1);
	caller_done(&caller);
}

/* Who stopped a budget need not be told that it refuses. */
static void test_stopped(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply;

	ask(&caller, "{\"budget\":\"money\",\"action\":\"cut\",\"why\":\"a\"}", 200);
	reply = caller_ask(&caller, "POST", "/v1/decide",
			   "{\"provider\":\"openai\",\"model\":\"gpt-1\"}");
	assert_int_equal(reply.status, 429);
	assert_string_equal(text_of(reply.json, "detail"),
			    "budget money: a person has stopped its calls");
	assert_int_equal(rig->n_alerts, 0);
	reply_done(&reply);
	caller_done(&caller);
}

/* Not even the group that sees all. */
static void test_root_alone(void **state)
{
	struct rig *rig = *state;
	struct caller caller;

	assert_int_equal(seteuid(65534), 0);
	caller = rig_connect(rig);
	assert_int_equal(seteuid(0), 0);
	ask(&caller, "{\"budget\":\"money\",\"action\":\"cut\",\"why\":\"a\"}", 403);
	assert_string_equal(detail, "Root alone may override a budget.");
	assert_int_equal(rig->n_overrides, 0);
	caller_done(&caller);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_it_takes, start, stop),
		cmocka_unit_test_setup_teardown(test_who_said_it, start, stop),
		cmocka_unit_test_setup_teardown(test_stopped, start, stop),
		cmocka_unit_test_setup_teardown(test_root_alone, start, stop),
	};

	if (getuid() != 0)
		return 0; /* nobody else may */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
