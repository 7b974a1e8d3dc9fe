/* GET /v1/limits: the last word of each provider, key and model, for who may see the calls. */
#include "tests/unit/policy/rig.h"

static int start(void **state)
{
	*state = rig_start("budgets:\n  - {name: all, limit: 1 USD per day, mode: observe}\n");
	return 0;
}

static int stop(void **state)
{
	rig_stop(*state);
	return 0;
}

/* A call of user `uid` with key `key` that began at second `second` and has `remaining` left. */
struct told {
	uint32_t uid;
	unsigned key;
	int64_t second, remaining;
};

static void tell(struct rig *rig, void *ctx)
{
	const struct told *told = ctx;
	struct usage usage = { .provider = "openai",
			       .model = "served",
			       .time_start_ns = told->second * NS_PER_SEC,
			       .n_limits = 1,
			       .limits = { { "requests", -1, told->remaining, 0 } } };

	usage.process.uid = told->uid;
	snprintf(usage.api_key_hash, sizeof(usage.api_key_hash), "%016x", told->key);
	policy_limits(rig->policy, &usage);
}

static struct reply ask(const struct rig *rig, const json_t **ret_limits)
{
	struct caller caller = rig_connect(rig);
	struct reply reply = caller_ask(&caller, "GET", "/v1/limits", NULL);

	assert_int_equal(reply.status, 200);
	*ret_limits = json_object_get(reply.json, "limits");
	caller_done(&caller);
	return reply;
}

static int64_t remaining(const json_t *limits, size_t i)
{
	return json_integer_value(json_object_get(json_array_get(limits, i), "remaining"));
}

static void test_last_word(void **state)
{
	static const struct told tells[] = {
		{ 0, 1, 10, 5 }, { 0, 2, 10, 7 }, { 0, 1, 12, 3 }, { 0, 1, 11, 4 }, { 7, 1, 10, 9 }
	};
	const json_t *limits;
	struct reply reply;

	for (size_t i = 0; i < sizeof(tells) / sizeof(tells[0]); i++)
		rig_run(*state, tell, (void *)&tells[i]);
	reply = ask(*state, &limits);
	if (getuid() != 0)
		skip();
	assert_int_equal(json_array_size(limits), 3);
	assert_int_equal(remaining(limits, 0), 3); /* what began later, not what ended later */
	assert_int_equal(remaining(limits, 1), 7);
	assert_int_equal(remaining(limits, 2), 9);
	assert_string_equal(json_string_value(json_object_get(json_array_get(limits, 0), "seen")),
			    "1970-01-01T00:00:12.000000Z");
	assert_string_equal(json_string_value(json_object_get(json_array_get(limits, 0), "model")),
			    "served");
	reply_done(&reply);
}

/* The one that was heard of for longest makes room. */
static void test_bounded(void **state)
{
	const json_t *limits;
	struct reply reply;

	if (getuid() != 0)
		skip();
	for (unsigned i = 0; i < POLICY_LIMITS_MAX + 1; i++)
		rig_run(*state, tell, &(struct told){ 0, i, i == 5 ? 0 : 1 + i, i });
	reply = ask(*state, &limits);
	assert_int_equal(json_array_size(limits), POLICY_LIMITS_MAX);
	assert_int_equal(remaining(limits, 5), POLICY_LIMITS_MAX);
	assert_int_equal(remaining(limits, 0), 0);
	reply_done(&reply);
}

static int look(const struct rig *rig)
{
	const json_t *limits;
	struct reply reply = ask(rig, &limits);
	bool good = json_array_size(limits) == 1 && remaining(limits, 0) == 2;

	reply_done(&reply);
	return good ? 0 : 1;
}

static void test_own_alone(void **state)
{
	if (getuid() != 0)
		skip();
	rig_run(*state, tell, &(struct told){ 0, 1, 1, 1 });
	rig_run(*state, tell, &(struct told){ RIG_NOBODY, 1, 1, 2 });
	assert_int_equal(rig_as(RIG_NOBODY, look, *state), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_last_word),
		TEST(test_bounded),
		TEST(test_own_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
