/* Every answer against its published schema: the keywords that those use (type, const, enum,
 * required, properties, items, additionalProperties, minItems), and no member that a schema does
 * not know. Patterns are left to a full validator. */
#include "tests/unit/policy/rig.h"

#define BUDGETS                                                                                    \
	"budgets:\n"                                                                               \
	"  - name: all\n"                                                                          \
	"    limit: 0.001 USD per day\n"                                                           \
	"    mode: advise\n"                                                                       \
	"  - name: watched\n"                                                                      \
	"    limit: 0.0001 USD per month\n"                                                        \
	"    mode: observe\n"

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

static bool is_of_type(const json_t *value, const char *type)
{
	switch (json_typeof(value)) {
	case JANSSON_OBJECT:
		return strcmp(type, "object") == 0;
	case JANSSON_ARRAY:
		return strcmp(type, "array") == 0;
	case JANSSON_STRING:
		return strcmp(type, "string") == 0;
	case JANSSON_INTEGER:
		return strcmp(type, "integer") == 0 || strcmp(type, "number") == 0;
	case JANSSON_REAL:
		return strcmp(type, "number") == 0;
	case JANSSON_TRUE:
	case JANSSON_FALSE:
		return strcmp(type, "boolean") == 0;
	case JANSSON_NULL:
		return strcmp(type, "null") == 0;
	}
	return false;
}

static void check_type(const json_t *types, const json_t *value, const char *path)
{
	bool fits = !types || (json_typeof(types) == JANSSON_STRING &&
			       is_of_type(value, json_string_value(types)));

	for (size_t i = 0; i < json_array_size(types); i++)
		fits |= is_of_type(value, json_string_value(json_array_get(types, i)));
	if (!fits)
		fail_msg("%s: another type", path);
}

static void check_values(const json_t *schema, const json_t *value, const char *path)
{
	const json_t *constant = json_object_get(schema, "const");
	const json_t *values = json_object_get(schema, "enum");
	bool fits = !values;

	for (size_t i = 0; i < json_array_size(values); i++)
		fits |= json_equal(json_array_get(values, i), value);
	if (!fits || (constant && !json_equal(constant, value)))
		fail_msg("%s: another value", path);
}

static void check(const json_t *schema, json_t *value, const char *path)
{
	const json_t *known = json_object_get(schema, "properties");
	const json_t *items = json_object_get(schema, "items");
	const json_t *required = json_object_get(schema, "required");
	char below[256];
	const char *name;
	json_t *member;

	check_type(json_object_get(schema, "type"), value, path);
	check_values(schema, value, path);
	for (size_t i = 0; i < json_array_size(required); i++)
		if (json_typeof(value) == JANSSON_OBJECT &&
		    !json_object_get(value, json_string_value(json_array_get(required, i))))
			fail_msg("%s: no %s", path, json_string_value(json_array_get(required, i)));
	json_object_foreach(value, name, member)
	{
		snprintf(below, sizeof(below), "%s/%s", path, name);
		if (!known || !json_object_get(known, name))
			fail_msg("%s: not in the schema", below);
		check(json_object_get(known, name), member, below);
	}
	for (size_t i = 0; items && i < json_array_size(value); i++) {
		snprintf(below, sizeof(below), "%s/%zu", path, i);
		check(items, json_array_get(value, i), below);
	}
	assert_true((json_int_t)json_array_size(value) >=
		    json_integer_value(json_object_get(schema, "minItems")));
}

static void check_file(const char *name, json_t *value)
{
	char path[128];
	json_t *schema;

	snprintf(path, sizeof(path), "include/outlay/%s.schema.json", name);
	schema = json_load_file(path, 0, NULL);
	if (!schema)
		fail_msg("%s cannot be read", path);
	check(schema, value, name);
	json_decref(schema);
}

static void check_reply(const char *name, struct reply reply, int status)
{
	assert_int_equal(reply.status, status);
	check_file(name, reply.json);
	reply_done(&reply);
}

static const char body[] = "{\"provider\":\"openai\",\"model\":\"gpt-1\",\"operation\":\"chat\","
			   "\"input_tokens\":120,\"max_output_tokens\":1,"
			   "\"labels\":{\"team\":\"x\"},\"essential\":false,\"dry_run\":false}";

static void test_decide(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = caller_ask(&caller, "POST", "/v1/decide", body);
	char settle[128];

	snprintf(settle, sizeof(settle), "{\"reservation\":\"%s\"}",
		 text_of(json_object_get(reply.json, "reservation"), "id"));
	/* Over the limit of the one that observes: with reasons. */
	assert_string_equal(text_of(reply.json, "decision"), "warn");
	check_reply("decide.response", reply, 200);
	check_reply("settle.response", caller_ask(&caller, "POST", "/v1/settle", settle), 200);
	check_reply("problem", caller_ask(&caller, "POST", "/v1/settle", settle), 409);
	check_reply("problem", caller_ask(&caller, "POST", "/v1/renew", settle), 409);
	check_reply("problem", caller_ask(&caller, "POST", "/v1/release", settle), 409);
	check_reply("problem", caller_ask(&caller, "POST", "/v1/decide", "{\"x\":1}"), 400);
	check_reply("decide.response",
		    caller_ask(&caller, "POST", "/v1/decide",
			       "{\"provider\":\"openai\",\"model\":\"gpt-1\",\"dry_run\":true}"),
		    200);
	check_reply(
	    "decide.refusal",
	    caller_ask(&caller, "POST", "/v1/decide",
		       "{\"provider\":\"openai\",\"model\":\"gpt-1\",\"input_tokens\":9999}"),
	    429);
	check_reply("decide.refusal",
		    caller_ask(&caller, "POST", "/v1/decide",
			       "{\"provider\":\"openai\",\"model\":\"unknown\"}"),
		    429);
	caller_done(&caller);
}

static void test_renew_and_release(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply = caller_ask(&caller, "POST", "/v1/decide", body);
	char json[128];

	snprintf(json, sizeof(json), "{\"reservation\":\"%s\"}",
		 text_of(json_object_get(reply.json, "reservation"), "id"));
	reply_done(&reply);
	check_reply("renew.response", caller_ask(&caller, "POST", "/v1/renew", json), 200);
	check_reply("release.response", caller_ask(&caller, "POST", "/v1/release", json), 200);
	caller_done(&caller);
}

static void test_usage(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);

	check_reply(
	    "usage.response",
	    caller_ask(&caller, "POST", "/v1/usage",
		       "{\"provider\":\"openai\",\"model\":\"gpt-1\",\"usage\":{\"input\":1}}"),
	    200);
	check_reply("usage.response",
		    caller_ask(&caller, "POST", "/v1/usage",
			       "{\"provider\":\"openai\",\"model\":\"x\",\"usage\":{\"input\":1}}"),
		    200);
	check_reply("problem", caller_ask(&caller, "POST", "/v1/usage", "{}"), 400);
	caller_done(&caller);
}

/* A list is answered by what each of its questions is answered. */
static void test_list(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig);
	struct reply reply =
	    caller_ask(&caller, "POST", "/v1/decide",
		       "[{\"provider\":\"openai\",\"model\":\"gpt-1\",\"dry_run\":true},"
		       "{\"provider\":\"openai\",\"model\":\"gpt-1\",\"input_tokens\":9999}]");

	assert_int_equal(reply.status, 200);
	assert_int_equal(json_array_size(reply.json), 2);
	check_file("decide.response", json_array_get(reply.json, 0));
	check_file("decide.refusal", json_array_get(reply.json, 1));
	reply_done(&reply);
	caller_done(&caller);
}

static void tell_limits(struct rig *rig, void *ctx)
{
	struct usage usage = { .provider = "openai",
			       .n_limits = 2,
			       .limits = { { "requests", 10, 9, NS_PER_SEC },
					   { "retry_after", -1, -1, NS_PER_SEC } } };

	(void)ctx;
	policy_limits(rig->policy, &usage);
}

static void test_views(void **state)
{
	struct rig *rig = *state;
	struct caller caller = rig_connect(rig), peeker = rig_connect(rig);
	struct reply reply = caller_ask(&caller, "GET", "/v1/status", NULL);

	/* What the agent adds is the agent's. */
	json_object_del(reply.json, "version");
	check_reply("status", reply, 200);
	check_reply("budgets", caller_ask(&caller, "GET", "/v1/budgets", NULL), 200);
	rig_run(rig, tell_limits, NULL);
	check_reply("peek.response", caller_ask(&peeker, "GET", "/v1/peek", NULL), 200);
	caller_done(&peeker);
	check_reply("limits", caller_ask(&caller, "GET", "/v1/limits", NULL), 200);
	check_reply("problem", caller_ask(&caller, "GET", "/v1/calls?x=1", NULL), 400);
	check_reply("problem", caller_ask(&caller, "GET", "/v2", NULL), 404);
	caller_done(&caller);
}

/* The next event of that name, by the schema of its name. */
static json_t *next_event(struct caller *watcher, const char *name)
{
	char start[64], schema[64];
	json_t *json;

	snprintf(start, sizeof(start), "event: %s\ndata: ", name);
	snprintf(schema, sizeof(schema), "watch.%s", name);
	watcher->taken += caller_wait_for(watcher, start);
	caller_wait_for(watcher, "\n\n");
	json = json_loadb(caller_rest(watcher).ptr, caller_rest(watcher).len,
			  JSON_DISABLE_EOF_CHECK, NULL);
	assert_non_null(json);
	check_file(schema, json);
	return json;
}

static void test_watch(void **state)
{
	struct rig *rig = *state;
	struct caller watcher = rig_connect(rig), asker = rig_connect(rig);
	const struct alert *threshold;
	struct reply reply;
	char settle[128];
	json_t *json;

	caller_send(&watcher, SPAN("GET /v1/watch HTTP/1.1\r\n\r\n"));
	watcher.taken += caller_wait_for(&watcher, ": outlay\n\n");
	reply = caller_ask(&asker, "POST", "/v1/decide", body);
	snprintf(
	    settle, sizeof(settle), "{\"reservation\":\"%s\",\"usd\":\"0.00009\"}",
	    json_string_value(json_object_get(json_object_get(reply.json, "reservation"), "id")));
	reply_done(&reply);
	json_decref(next_event(&watcher, "decision"));

	/* 90 % of one and 9 % of the other. */
	reply = caller_ask(&asker, "POST", "/v1/settle", settle);
	assert_int_equal(reply.status, 200);
	reply_done(&reply);
	json = next_event(&watcher, "threshold");
	threshold = rig_alert_of(rig, ALERT_THRESHOLD);
	assert_non_null(threshold);
	assert_string_equal(threshold->subject, "watched");
	assert_int_equal(threshold->step, 80);
	assert_int_equal(json_integer_value(json_object_get(json, "percent")), 80);
	assert_string_equal(
	    json_string_value(json_object_get(json_object_get(json, "budget"), "name")), "watched");
	json_decref(json);
	json_decref(next_event(&watcher, "budget"));
	caller_done(&watcher);
	caller_done(&asker);
}

static void test_override(void **state)
{
	struct rig *rig = *state;
	struct caller watcher = rig_connect(rig), caller = rig_connect(rig);
	json_t *json;

	caller_send(&watcher, SPAN("GET /v1/watch HTTP/1.1\r\n\r\n"));
	watcher.taken += caller_wait_for(&watcher, ": outlay\n\n");
	check_reply("override.response",
		    caller_ask(&caller, "POST", "/v1/override",
			       "{\"budget\":\"all\",\"action\":\"raise\",\"amount\":\"3\","
			       "\"why\":\"x\"}"),
		    200);
	watcher.taken += caller_wait_for(&watcher, "event: override\ndata: ");
	caller_wait_for(&watcher, "\n\n");
	json = json_loadb(caller_rest(&watcher).ptr, caller_rest(&watcher).len,
			  JSON_DISABLE_EOF_CHECK, NULL);
	assert_non_null(json);
	check_file("watch.override", json);
	json_decref(json);
	check_reply("budgets", caller_ask(&caller, "GET", "/v1/budgets", NULL), 200);
	caller_done(&caller);
	caller_done(&watcher);
}

/* The question's schema names what the server takes, and it takes all of that. */
static void test_request_members(void **state)
{
	json_t *schema = json_load_file("include/outlay/decide.request.schema.json", 0, NULL);
	json_t *question = json_loads(body, 0, NULL);
	const char *name;
	json_t *member;

	(void)state;
	assert_non_null(schema);
	json_object_foreach(json_object_get(schema, "properties"), name, member)
	    assert_non_null(json_object_get(question, name));
	assert_int_equal(json_object_size(json_object_get(schema, "properties")),
			 json_object_size(question));
	json_decref(schema);
	json_decref(question);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_decide), TEST(test_renew_and_release),
		TEST(test_usage),  TEST(test_list),
		TEST(test_views),  TEST(test_override),
		TEST(test_watch),  cmocka_unit_test(test_request_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
