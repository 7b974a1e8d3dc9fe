/* budget/verdict: the published event. One is compared with text written by hand; random ones are
 * read by jansson, member by member, and through the ledger's way back. With OUTLAY_EVENTS_OUT=FILE
 * set, random events are also written there, for tests/schema.py. */
#include "budget/verdict.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/budget/random.h"

#define EVENT_MAX (256u << 10)

static void json_of(struct buf *out, const struct verdict *v)
{
	buf_reset(out);
	verdict_json(out, v, "0190a8c4-7d3e-7abc-8def-0123456789ab", "build-7");
	assert_false(out->failed);
}

/* A chat completion of gpt-4o-mini: 1000 input tokens at 0.15 USD and 500 output tokens at 0.60 USD
 * per million are 0.00015 + 0.0003 USD. 1764063637123456789 ns is 2025-11-25T09:40:37 UTC by
 * date -u -d @1764063637. */
static void fill_example(struct verdict *v)
{
	struct usage *usage = &v->charge.usage;

	*v = (struct verdict){ .budget_cost_pico = 450000000, .n_budgets = 1 };
	for (int i = 0; i < UUID_BYTES; i++)
		usage->event_id.bytes[i] = (uint8_t)(i * 0x11);
	usage->time_start_ns = 1764063637123456789;
	usage->time_end_ns = usage->time_start_ns + 1234567890;
	usage->ttfb_ns = 98765432;
	usage->process = (struct process){
		.pid = 4242,
		.uid = 1000,
		.cgroup_id = UINT64_MAX,
		.comm = "python3",
		.user = "alice",
		.exe = "/usr/bin/python3.11",
		.ns_pid = 17,
		.cgroup = "/system.slice/docker-"
			  "3f1c0d2e4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0.scope",
		.labels_known = true,
		.labels = "team=search,env=prod,team=other,loose,=none,note=a=b \"c\"",
	};
	span_copy(SPAN("openai"), usage->provider, sizeof(usage->provider));
	span_copy(SPAN("api.openai.com"), usage->server, sizeof(usage->server));
	span_copy(SPAN("chat"), usage->operation, sizeof(usage->operation));
	span_copy(SPAN("POST /v1/chat/completions"), usage->route, sizeof(usage->route));
	span_copy(SPAN("POST"), usage->method, sizeof(usage->method));
	span_copy(SPAN("gpt-4o-mini"), usage->model_requested, sizeof(usage->model_requested));
	span_copy(SPAN("gpt-4o-mini-2024-07-18"), usage->model, sizeof(usage->model));
	usage->status = 200;
	usage->attempt = 1;
	usage->counts[USAGE_INPUT] = 1000;
	usage->counts[USAGE_OUTPUT] = 500;
	usage->present = 1u << USAGE_INPUT | 1u << USAGE_OUTPUT | 1u << USAGE_OUTPUT_REASONING;
	usage->total_tokens = 1501;
	usage->request_bytes = 700;
	usage->response_bytes = 1500;
	usage->n_limits = 2;
	usage->limits[0] =
	    (struct usage_limit){ "requests", 500, 0, 1761955200 * NS_PER_SEC + 6000000 };
	usage->limits[1] = (struct usage_limit){ "tokens", -1, 149, 0 };
	v->charge.cost_pico = 450000000;
	v->charge.source = COST_CATALOG;
	span_copy(SPAN("openai-2026-11-25"), v->charge.catalog, sizeof(v->charge.catalog));
	span_copy(SPAN("2024-07-18"), v->charge.effective_from, sizeof(v->charge.effective_from));
	span_copy(SPAN("gpt-4o-mini"), v->charge.matched, sizeof(v->charge.matched));
	v->charge.rated = 1u << USAGE_INPUT | 1u << USAGE_OUTPUT;
	v->charge.rates_yocto[USAGE_INPUT] = (money_wide)150000000 * 1000000000;
	v->charge.rates_yocto[USAGE_OUTPUT] = (money_wide)600000000 * 1000000000;
	span_copy(SPAN("search"), v->budgets[0].name, sizeof(v->budgets[0].name));
	v->budgets[0].window_start_ns = 1761955200 * NS_PER_SEC; /* 2025-11-01 */
	v->budgets[0].spent = (money_wide)12500000000000 + 450000000;
}

static void test_example(void **state)
{
	static const char expected[] =
	    "{\"event_id\":\"00112233-4455-6677-8899-aabbccddeeff\","
	    "\"time_start\":\"2025-11-25T09:40:37.123456Z\","
	    "\"time_end\":\"2025-11-25T09:40:38.358024Z\","
	    "\"host_id\":\"0190a8c4-7d3e-7abc-8def-0123456789ab\",\"host_name\":\"build-7\","
	    "\"pid\":4242,\"ns_pid\":17,\"exe\":\"/usr/bin/"
	    "python3.11\",\"comm\":\"python3\",\"uid\":1000,"
	    "\"user\":\"alice\",\"cgroup\":18446744073709551615,"
	    "\"cgroup_path\":\"/system.slice/docker-"
	    "3f1c0d2e4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0.scope\","
	    "\"container_id\":\""
	    "3f1c0d2e4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0\","
	    "\"unit\":\"docker-"
	    "3f1c0d2e4b5a69788796a5b4c3d2e1f00112233445566778899aabbccddeeff0.scope\","
	    "\"labels\":{\"team\":\"search\",\"env\":\"prod\",\"note\":\"a=b \\\"c\\\"\"},"
	    "\"provider\":\"openai\",\"server\":\"api.openai.com\",\"operation\":\"chat\","
	    "\"route\":\"POST /v1/chat/completions\",\"method\":\"POST\",\"status\":200,"
	    "\"error\":null,\"model_requested\":\"gpt-4o-mini\","
	    "\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":null,\"streaming\":false,"
	    "\"request_id\":null,\"response_id\":null,\"attempt\":1,\"api_key_hash\":null,"
	    "\"usage\":{\"input\":1000,\"output\":500,\"output_reasoning\":0},"
	    "\"total_tokens\":1501,\"usage_doubt\":\"total_differs\","
	    "\"cost_usd\":\"0.00045\",\"cost_pico\":\"450000000\",\"cost_source\":\"catalog\","
	    "\"unpriced_reason\":null,\"catalog\":\"openai-2026-11-25\","
	    "\"effective_from\":\"2024-07-18\",\"matched\":\"gpt-4o-mini\",\"context\":null,"
	    "\"rates\":{\"input\":\"0.00000015\",\"output\":\"0.0000006\"},"
	    "\"completeness\":\"complete\",\"lost_bytes\":0,\"duration_ms\":1234.567,"
	    "\"ttfb_ms\":98.765,\"request_bytes\":700,\"response_bytes\":1500,"
	    "\"limits\":{\"requests\":{\"limit\":500,\"remaining\":0,\"resets\":\"2025-11-01T"
	    "00:00:00.006000Z\"},\"tokens\":{\"remaining\":149}},"
	    "\"budgets\":[{\"name\":\"search\",\"window_start\":\"2025-11-01T00:00:00.000000Z\","
	    "\"spent_usd\":\"12.50045\"}],\"budget_cost_usd\":\"0.00045\","
	    "\"decision_id\":null,\"correlation\":null}";
	struct buf out = buf_with_max(EVENT_MAX);
	struct verdict v;

	(void)state;
	fill_example(&v);
	json_of(&out, &v);
	buf_put(&out, (struct span){ "", 1 });
	assert_string_equal(out.data, expected);
	buf_done(&out);
}

/* What is not known is null, never a zero or an empty text. */
static void test_unknown_is_null(void **state)
{
	static const char *const nulls[] = {
		"event_id", "uid",          "exe",         "comm",        "user",
		"provider", "server",       "status",      "error",       "model",
		"attempt",  "cost_usd",     "catalog",     "cost_pico",   "matched",
		"ttfb_ms",  "decision_id",  "context",     "request_id",  "budget_cost_usd",
		"host_id",  "duration_ms",  "labels",      "cgroup_path", "container_id",
		"unit",     "total_tokens", "usage_doubt",
	};
	struct verdict v = { .charge = { .source = COST_UNPRICED,
					 .doubt = PRICE_DOUBT_MODEL_UNKNOWN } };
	struct buf out = buf_with_max(EVENT_MAX);
	json_t *root;

	(void)state;
	v.charge.usage.process.uid = UINT32_MAX;
	v.charge.usage.ttfb_ns = -1;
	v.charge.usage.time_start_ns = 5;
	verdict_json(&out, &v, NULL, "");
	root = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		assert_true(json_is_null(json_object_get(root, nulls[i])));
	assert_string_equal(json_string_value(json_object_get(root, "cost_source")), "unpriced");
	assert_string_equal(json_string_value(json_object_get(root, "unpriced_reason")),
			    "model_unknown");
	assert_int_equal(json_object_size(json_object_get(root, "usage")), 0);
	json_decref(root);
	buf_done(&out);
}

static const char *text_at(json_t *root, const char *name)
{
	json_t *value = json_object_get(root, name);

	return json_is_null(value) ? "" : json_string_value(value);
}

/* The JSON by another reader: every member is there once and says what the verdict says. */
static void check_members(const struct verdict *v, struct span json)
{
	json_t *root = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL);
	const struct usage *usage = &v->charge.usage;
	char money[MONEY_TEXT_MAX];

	assert_non_null(root);
	assert_null(memchr(json.ptr, '\n', json.len));
	assert_int_equal(json_object_size(root), verdict_n_fields + 2);
	for (unsigned i = 0; i < verdict_n_fields; i++)
		assert_non_null(json_object_get(root, verdict_fields[i].name));
	assert_string_equal(text_at(root, "exe"), usage->process.exe);
	assert_string_equal(text_at(root, "model"), usage->model);
	assert_string_equal(text_at(root, "matched"), v->charge.matched);
	assert_string_equal(text_at(root, "cost_source"), charge_source_name(v->charge.source));
	assert_int_equal(json_integer_value(json_object_get(root, "status")), usage->status);
	assert_int_equal(json_integer_value(json_object_get(root, "response_bytes")),
			 usage->response_bytes);
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		json_t *count =
		    json_object_get(json_object_get(root, "usage"), usage_bucket_name(i));

		assert_int_equal(count != NULL, usage->present >> i & 1);
		assert_int_equal(json_integer_value(count), usage->counts[i]);
	}
	if (v->charge.source != COST_UNPRICED) {
		snprintf(money, sizeof(money), "%" PRId64, v->charge.cost_pico);
		assert_string_equal(text_at(root, "cost_pico"), money);
	}
	assert_int_equal(json_array_size(json_object_get(root, "budgets")), v->n_budgets);
	json_decref(root);
}

/* What the ledger does: plain members by value, custom ones by their JSON. */
static void through_a_row(const struct verdict *from, struct verdict *to)
{
	struct buf value = buf_with_max(EVENT_MAX);

	memset(to, 0, sizeof(*to));
	for (unsigned i = 0; i < verdict_n_fields; i++) {
		const struct verdict_field *field = &verdict_fields[i];

		if (field->kind != FIELD_CUSTOM) {
			memcpy((char *)to + field->offset, (const char *)from + field->offset,
			       field->size);
			continue;
		}
		buf_reset(&value);
		field->write(&value, from);
		if (field->read)
			assert_int_equal(field->read(buf_span(&value), to), 0);
	}
	buf_done(&value);
}

static void test_random_verdicts(void **state)
{
	struct random random = random_start("verdict");
	const char *path = getenv("OUTLAY_EVENTS_OUT");
	struct buf out = buf_with_max(EVENT_MAX), again = buf_with_max(EVENT_MAX);
	FILE *events = path ? fopen(path, "we") : NULL;
	struct verdict v, read;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		random_verdict(&random, &v);
		json_of(&out, &v);
		check_members(&v, buf_span(&out));
		through_a_row(&v, &read);
		json_of(&again, &read);
		assert_int_equal(out.len, again.len);
		assert_memory_equal(out.data, again.data, out.len);
		if (events)
			fprintf(events, "%.*s\n", (int)out.len, out.data);
	}
	if (events)
		assert_int_equal(fclose(events), 0);
	buf_done(&out);
	buf_done(&again);
}

/* A buffer without room fails as a whole and never holds half an event that looks whole. */
static void test_no_room(void **state)
{
	struct verdict v;

	(void)state;
	fill_example(&v);
	for (size_t max = 0; max < 1200; max += 7) {
		struct buf out = buf_with_max(max);

		verdict_json(&out, &v, "h", "n");
		assert_true(out.failed);
		buf_done(&out);
	}
}

static void test_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < verdict_n_fields; i++) {
		const struct verdict_field *field = &verdict_fields[i];
		char key[64];

		snprintf(key, sizeof(key), ",\"%s\":", field->name);
		assert_true(span_eq(field->key, span_of(key)));
		assert_int_equal(field->kind == FIELD_CUSTOM, field->write != NULL);
		assert_int_equal(field->kind == FIELD_ENUM, field->names != NULL);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(field->name, verdict_fields[j].name);
		if (strcmp(field->name, "cost_source") == 0)
			for (unsigned j = 0; j < field->n_names; j++)
				assert_string_equal(field->names[j],
						    charge_source_name((enum cost_source)j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),         cmocka_unit_test(test_unknown_is_null),
		cmocka_unit_test(test_no_room),         cmocka_unit_test(test_table),
		cmocka_unit_test(test_random_verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
