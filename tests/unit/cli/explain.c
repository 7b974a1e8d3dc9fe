/* The steps of an event: what they say is worked out here by hand, from the event and from the
 * provider file that the test writes. */
#include "cli/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char provider[] = "name: acme\n"
			       "hosts: [api.acme.test]\n"
			       "error: /error/code\n"
			       "reported_cost: /cost\n"
			       "routes:\n"
			       "  - match: POST /v1/x\n"
			       "    operation: chat\n"
			       "    format: [json]\n"
			       "    model: /m\n"
			       "    total: /sum\n"
			       "    usage:\n"
			       "      input: /all - /cached\n"
			       "      input_cache_read: /cached\n"
			       "    besides:\n"
			       "    - operation: advice\n"
			       "      model: /advisor\n"
			       "      usage: {input: /advised}\n";

static char out[32768];

static int setup(void **state)
{
	char path[128], *dir = strdup("/tmp/outlay-explain-XXXXXX");
	FILE *file;

	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/providers", dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/providers/acme.yaml", dir);
	file = fopen(path, "w");
	fputs(provider, file);
	*state = dir;
	return fclose(file);
}

static int teardown(void **state)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/providers/acme.yaml", (char *)*state);
	unlink(path);
	snprintf(path, sizeof(path), "%s/providers", (char *)*state);
	rmdir(path);
	rmdir(*state);
	free(*state);
	return 0;
}

/* Prints an event, in single quotes, to `out`. */
static bool print(const char *config, bool as_json, const char *event)
{
	char text[4096];
	int saved = dup(STDOUT_FILENO);
	FILE *file = tmpfile();
	struct explain *explain = explain_new(config, as_json);
	json_t *json;
	bool printed;

	snprintf(text, sizeof(text), "%s", event);
	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	json = json_loads(text, 0, NULL);
	fflush(NULL);
	dup2(fileno(file), STDOUT_FILENO);
	printed = explain_print(explain, json);
	fflush(NULL);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	json_decref(json);
	explain_free(explain);
	rewind(file);
	out[fread(out, 1, sizeof(out) - 1, file)] = '\0';
	fclose(file);
	return printed;
}

/* One line of the output holds all of these words, in this order. */
static void assert_step(const char *a, const char *b, const char *c, const char *d)
{
	const char *words[] = { a, b, c, d };
	char copy[sizeof(out)], *rest = copy, *line;

	memcpy(copy, out, sizeof(out));
	for (line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		const char *at = line;

		if (strncmp(line, a, strlen(a)) != 0)
			continue;
		for (int i = 0; at && i < 4; i++)
			at = strstr(at, words[i]);
		if (at)
			return;
	}
	fail_msg("no line \"%s %s %s %s\" in\n%s", a, b, c, d, out);
}

#define HEAD                                                                                       \
	"{'event_id':'01a21225-d900-7149-8384-79266cbd5c69','provider':'acme','server':"           \
	"'api.acme.test','route':'POST /v1/x','operation':'chat','status':200,"                    \
	"'completeness':'complete','model':'m-2-2026-01-01',"

/* 86 x 0.000000125 = 10.75 millionths, 1921 x 1.25e-8 = 24.0125: 34762500 picodollars in all. */
static void test_steps(void **state)
{
	assert_true(print(*state, false,
			  HEAD "'usage':{'input':86,'input_cache_read':1921},'catalog':'acme-1',"
			       "'effective_from':'2026-10-12','matched':'m-2','context':"
			       "'tier=flex input>80','rates':{'input':'0.000000125',"
			       "'input_cache_read':'0.0000000125'},'cost_pico':'34762500',"
			       "'cost_usd':'0.0000347625','cost_source':'catalog'}"));
	assert_step("call", "01a21225-d900-7149-8384-79266cbd5c69", "acme", "api.acme.test");
	assert_step("route", "chat", "POST /v1/x", "/providers/acme.yaml");
	assert_step("read", "model", "m-2-2026-01-01", "/m");
	assert_step("count", "input ", "86", "/all - /cached");
	assert_step("count", "input_cache_read", "1921", "/cached");
	assert_step("check", "parts", "sound", "input* in all 2007, output* in all 0");
	assert_step("catalog", "acme-1", "2026-10-12", "in force");
	assert_step("matched", "m-2 ", "without its date", "");
	assert_step("context", "tier=flex", "service_tier", "");
	assert_step("context", "input>80", "whole call", "");
	assert_step("rate", "input ", "10750000", "86 x 0.000000125 USD");
	assert_step("rate", "input_cache_read", "24012500", "1921 x 0.0000000125 USD");
	assert_step("sum", "34762500", "", "");
	assert_step("round", "34762500", "half to even", "");
	assert_step("cost", "catalog", "0.0000347625", "USD");
	assert_null(strstr(out, "differs"));
}

/* 3 x 0.0000000000005 USD are 1.5 picodollars: half to even is 2. */
static void test_rounding(void **state)
{
	assert_true(print(*state, false,
			  HEAD "'usage':{'input':3},'matched':'m-2-2026-01-01','rates':{'input':"
			       "'0.0000000000005'},'cost_pico':'2','cost_usd':'0.000000000002',"
			       "'cost_source':'catalog'}"));
	assert_step("matched", "exact name", "", "");
	assert_step("context", "standard", "", "");
	assert_step("sum", "1.5", "", "");
	assert_step("round", "2 ", "half to even", "");
	assert_null(strstr(out, "differs"));
}

/* 1000 x 0.0000011 USD: the factor of the region is in the rate. */
static void test_region(void **state)
{
	assert_true(print(*state, false,
			  HEAD "'region':'us','usage':{'input':1000},'matched':'m','context':"
			       "'region=us x1.1 allowance','rates':{'input':'0.0000011'},"
			       "'cost_pico':'1100000000','cost_usd':'0.0011','cost_source':"
			       "'estimated'}"));
	assert_step("read", "region", "us", "");
	assert_step("context", "region=us", "factor on the rates", "");
	assert_step("context", "x1.1", "in the rates below", "");
	assert_step("context", "allowance", "free to an account", "");
	assert_step("rate", "1100000000", "1000 x 0.0000011 USD", "");
	assert_step("cost", "estimated", "0.0011", "USD");
	assert_null(strstr(out, "differs"));
}

/* A minimum is billed in place of what was used; a sum that is not the event's differs. */
static void test_minimum_and_difference(void **state)
{
	const char *event = HEAD "'usage':{'audio_seconds':3},'matched':'m','context':"
				 "'minimum=audio_seconds:10','rates':{'audio_seconds':'0.0001'},"
				 "'cost_pico':'%s','cost_usd':'0.001','cost_source':'catalog'}";
	char text[1024];

	snprintf(text, sizeof(text), event, "1000000000");
	assert_true(print(*state, false, text));
	assert_step("context", "minimum=audio_seconds:10", "least", "");
	assert_step("rate", "audio_seconds", "1000000000", "10 x 0.0001 USD");
	assert_null(strstr(out, "differs"));
	snprintf(text, sizeof(text), event, "1000000001");
	assert_true(print(*state, false, text));
	assert_step("differs", "1000000001", "", "");
}

/* A fee for all of them together: one of three is billed. */
static void test_maximum(void **state)
{
	assert_true(print(*state, false,
			  HEAD
			  "'usage':{'web_searches':3},'matched':'m','context':"
			  "'maximum=web_searches:1 allowance','rates':{'web_searches':'0.035'},"
			  "'cost_pico':'35000000000','cost_usd':'0.035','cost_source':"
			  "'estimated'}"));
	assert_step("context", "maximum=web_searches:1", "at the most", "");
	assert_step("rate", "web_searches", "35000000000", "1 x 0.035 USD");
	assert_null(strstr(out, "differs"));
}

static void test_reported(void **state)
{
	assert_true(print(*state, false,
			  HEAD "'usage':{'input':3},'matched':'m','rates':{'input':'0.5'},"
			       "'cost_pico':'7','cost_usd':'0.000000000007','cost_source':"
			       "'provider'}"));
	assert_step("reported", "by the provider", "7", "/cost");
	assert_step("cost", "provider", "0.000000000007", "USD");
	assert_null(strstr(out, "differs"));
}

static void test_unpriced(void **state)
{
	assert_true(print(*state, false,
			  HEAD "'error':'overloaded','usage':{},'cost_source':'unpriced',"
			       "'cost_usd':null,'unpriced_reason':'no_usage'}"));
	assert_step("status", "overloaded", "200", "/error/code");
	assert_step("check", "no_usage", "unpriced", "none of the counts");
	assert_step("cost", "unpriced", "not zero", "");
	assert_null(strstr(out, "rate "));
}

/* 86 + 1921 = 2007: the provider's own total says so, or contradicts. */
static void test_total(void **state)
{
	const char *event = HEAD "'usage':{'input':86,'input_cache_read':1921},'total_tokens':%d,"
				 "'usage_doubt':%s,'cost_source':'unpriced','cost_usd':null}";
	char text[1024];

	snprintf(text, sizeof(text), event, 2007, "null");
	assert_true(print(*state, false, text));
	assert_step("read", "total_tokens", "2007", "/sum");
	assert_step("check", "total ", "sound", "sum to the provider's own total");
	snprintf(text, sizeof(text), event, 2008, "'total_differs'");
	assert_true(print(*state, false, text));
	assert_step("read", "total_tokens", "2008", "/sum");
	assert_step("check", "total ", "total_differs", "provider's own total is another");
	snprintf(text, sizeof(text), event, 2008, "'later'");
	assert_true(print(*state, false, text));
	assert_step("check", "total ", "later", "");
}

/* Words of a later agent are shown as they are; what is missing is left out; terminals are safe. */
/* What was done besides an answer has expressions of its own. */
static void test_beside(void **state)
{
	assert_true(print(*state, false,
			  "{'event_id':'x','provider':'acme','route':'POST /v1/x','operation':"
			  "'advice','model':'m-3','usage':{'input':5,'output':1},"
			  "'cost_source':'unpriced'}"));
	assert_step("read", "model", "m-3", "/advisor");
	assert_step("count", "input", "5", "/advised");
	assert_null(strstr(out, "/all"));
}

static void test_strange(void **state)
{
	assert_true(print("/nonexistent", false,
			  "{'event_id':'x','cost_source':'new','provider':'../../etc/passwd',"
			  "'route':'GET /\\u001b[2J','context':'moon=full','matched':'m','usage':"
			  "{'no_such':4},'unpriced_reason':'later'}"));
	assert_step("context", "moon=full", "", "");
	assert_step("count", "no_such", "4", "");
	assert_step("check", "later", "unpriced", "");
	assert_null(strchr(out, '\x1b'));
	assert_false(print(*state, false, "{'event_id':'x'}"));
	assert_false(print(*state, false, "[]"));
	assert_string_equal(out, "");
}

static void test_json(void **state)
{
	json_t *json;

	assert_true(print(*state, true,
			  HEAD "'usage':{'input':3},'cost_source':'unpriced','cost_usd':null}"));
	json = json_loads(out, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(json, "event_id")),
			    "01a21225-d900-7149-8384-79266cbd5c69");
	assert_true(json_is_null(json_object_get(json, "cost_usd")));
	assert_true(json_array_size(json_object_get(json, "steps")) > 4);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_rounding),
		cmocka_unit_test(test_minimum_and_difference),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_region),
		cmocka_unit_test(test_reported),
		cmocka_unit_test(test_unpriced),
		cmocka_unit_test(test_total),
		cmocka_unit_test(test_beside),
		cmocka_unit_test(test_strange),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
