/* Calls that their callers tell of: priced, charged and kept, or refused whole. An input token
 * costs one microdollar here, an output token two. */
#include "tests/unit/policy/rig.h"

#define BUDGETS                                                                                    \
	"budgets:\n"                                                                               \
	"  - name: day\n"                                                                          \
	"    limit: 1 USD per day\n"                                                               \
	"    mode: advise\n"                                                                       \
	"  - name: team\n"                                                                         \
	"    match: {label: {team: x}}\n"                                                          \
	"    limit: 1 USD per day\n"

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

static struct reply tell(struct caller *caller, const char *rest)
{
	char body[512];

	snprintf(body, sizeof(body), "{\"provider\":\"openai\",%s}", rest);
	return caller_ask(caller, "POST", "/v1/usage", body);
}

static void assert_spent(struct caller *caller, const char *day, const char *team)
{
	struct reply reply = caller_ask(caller, "GET", "/v1/budgets", NULL);
	const json_t *budgets = json_object_get(reply.json, "budgets");

	assert_string_equal(text_of(json_array_get(budgets, 0), "spent_usd"), day);
	assert_string_equal(text_of(json_array_get(budgets, 1), "spent_usd"), team);
	assert_string_equal(text_of(json_array_get(budgets, 0), "reserved_usd"), "0");
	reply_done(&reply);
}

/* 100 in and 20 out. */
static void test_priced(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = tell(&caller, "\"model\":\"gpt-1\",\"operation\":\"chat\","
					   "\"labels\":{\"team\":\"x\"},"
					   "\"usage\":{\"input\":100,\"output\":20}");
	const struct verdict *v = &rig->last_call;
	const struct usage *usage = &v->charge.usage;
	char id[UUID_TEXT];

	assert_int_equal(reply.status, 200);
	assert_string_equal(text_of(reply.json, "cost_usd"), "0.00014");
	assert_int_equal(json_array_size(json_object_get(reply.json, "budgets")), 2);
	assert_int_equal(rig->n_stored, 1);
	assert_string_equal(text_of(reply.json, "event_id"), uuid_format(&usage->event_id, id));
	assert_int_equal(usage->completeness, COMPLETENESS_REPORTED);
	assert_int_equal(usage->process.pid, getpid());
	assert_int_equal(usage->process.uid, getuid());
	assert_string_equal(usage->operation, "chat");
	assert_non_null(strstr(usage->process.labels, "team=x"));
	assert_int_equal(v->charge.cost_pico, 140000000);
	assert_int_equal(v->n_budgets, 2);
	reply_done(&reply);
	assert_spent(&caller, "0.00014", "0.00014");
	caller_done(&caller);
}

/* It settles the reservation that it names, though an older one is open. */
static void test_of_a_reservation(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply replies[2], told;
	char rest[256];

	for (int i = 0; i < 2; i++)
		replies[i] = caller_ask(&caller, "POST", "/v1/decide",
					"{\"provider\":\"openai\",\"model\":\"gpt-1\","
					"\"input_tokens\":1000}");
	for (int i = 1; i >= 0; i--) {
		const char *id = text_of(json_object_get(replies[i].json, "reservation"), "id");

		snprintf(rest, sizeof(rest),
			 "\"model\":\"gpt-1\",\"reservation\":\"%s\",\"usage\":{\"input\":1}", id);
		told = tell(&caller, rest);
		assert_string_equal(text_of(told.json, "decision_id"), id);
		reply_done(&told);
	}
	assert_spent(&caller, "0.000002", "0");
	reply_done(&replies[0]);
	reply_done(&replies[1]);
	caller_done(&caller);
}

static void test_unpriced(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = tell(&caller, "\"model\":\"unknown\",\"usage\":{\"images\":3}");

	assert_int_equal(reply.status, 200);
	assert_true(json_typeof(json_object_get(reply.json, "cost_usd")) == JANSSON_NULL);
	assert_int_equal(rig->last_call.charge.source, COST_UNPRICED);
	assert_int_equal(rig->last_call.charge.usage.counts[USAGE_IMAGES], 3);
	reply_done(&reply);
	caller_done(&caller);
}

static void test_refused(void **state)
{
	static const struct {
		const char *rest, *field;
	} cases[] = {
		{ "\"model\":\"gpt-1\"", "usage" },
		{ "\"model\":\"gpt-1\",\"usage\":{}", "usage" },
		{ "\"usage\":{\"input\":1}", "model" },
		{ "\"model\":\"gpt-1\",\"usage\":{\"input\":1},\"reservation\":\"x\"",
		  "reservation" },
		{ "\"model\":\"gpt-1\",\"usage\":{\"input\":1},\"usd\":\"1\"", "usd" },
		{ "\"model\":\"gpt-1\",\"usage\":{\"input\":1},\"provider\":\"openai\"",
		  "provider" },
	};
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply;

	for (size_t i = 0; i < LENGTH(cases); i++) {
		reply = tell(&caller, cases[i].rest);
		assert_int_equal(reply.status, 400);
		assert_string_equal(text_of(reply.json, "field"), cases[i].field);
		reply_done(&reply);
	}
	reply = caller_ask(&caller, "POST", "/v1/usage",
			   "{\"provider\":\"nobody\",\"model\":\"m\",\"usage\":{\"input\":1}}");
	assert_int_equal(reply.status, 400);
	assert_string_equal(text_of(reply.json, "field"), "provider");
	reply_done(&reply);
	rig->store_is_full = true;
	reply = tell(&caller, "\"model\":\"gpt-1\",\"usage\":{\"input\":1}");
	assert_int_equal(reply.status, 503);
	reply_done(&reply);
	assert_int_equal(rig->n_stored, 0);
	assert_spent(&caller, "0", "0");
	caller_done(&caller);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_priced),
		TEST(test_of_a_reservation),
		TEST(test_unpriced),
		TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
