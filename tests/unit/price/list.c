/* price/list: what is shown of an entry, and how two catalogs differ, against what the lists below
 * say in so many words. */
#include "price/list.h"

#include <string.h>

#include "cases.h"

static const char old_list[] =
    "{'catalog': 'old', 'provider': 'openai', 'source': ['a', 'b'],"
    " 'fallback': {'output_reasoning': '=output'}, 'models': ["
    " {'model': 'same', 'rates': [{'from': '2025-01-01', 'per_million': {'input': '1'}}]},"
    " {'model': 'left', 'rates': [{'from': '2025-01-01', 'per_million': {'input': '1',"
    "   'output': '2'}}]},"
    " {'model': 'm', 'source': 'c 1', 'uplifts': {'region=us': '1.1'}, 'aliases': ['alias'], "
    "'rates': ["
    "  {'from': '2024-01-01', 'per_million': {'input': '9'}},"
    "  {'from': '2025-01-01', 'per_million': {'input': '3', 'output': '1.5'}},"
    "  {'from': '2025-01-01', 'hours': '16:30-00:30', 'weekdays': [1, 5],"
    "   'per_million': {'input': '1'}},"
    "  {'from': '2025-01-01', 'input_over': 200000, 'per_million': {'input': '6'}},"
    "  {'from': '2025-01-01', 'tier': 'flex', 'minimum': {'audio_seconds': 10}, 'maximum': "
    "{'web_searches': 1},"
    "   'per_unit': {'requests': '0.01'}, 'per_hour': {'audio_seconds': '0.36'}}]}]}";

static const char new_list[] =
    "{'catalog': 'new', 'provider': 'openai', 'models': ["
    " {'model': 'same', 'rates': [{'from': '2025-06-01', 'per_thousand': {'input': '0.001'}}]},"
    " {'model': 'come', 'rates': [{'from': '2025-01-01', 'per_million': {'input': '1',"
    "   'output': '2'}}]},"
    " {'model': 'm', 'rates': ["
    "  {'from': '2025-01-01', 'per_million': {'input': '2', 'output': '1.5',"
    "   'output_reasoning': '2'}},"
    "  {'from': '2026-01-01', 'per_million': {'input': '7'}},"
    "  {'from': '2025-01-01', 'tier': 'flex', 'per_unit': {'requests': '0.01',"
    "   'audio_seconds': '0.0001'}}]}]}";

static struct catalog *catalog_of(const char *text)
{
	struct catalog *catalog;
	struct err err = { "" };

	assert_int_equal(catalog_new(&catalog), 0);
	if (case_add(catalog, text, &err) < 0)
		fail_msg("%s", err.text);
	return catalog;
}

static int64_t at(const char *date)
{
	int64_t time_ns;

	assert_int_equal(timestamp_parse(span_of(date), &time_ns), 0);
	return time_ns;
}

static void check(json_t *value, const char *expected)
{
	char *text = json_dumps(value, JSON_COMPACT), *want = strdup(expected);

	for (char *c = want; *c; c++)
		if (*c == '\'')
			*c = '"';
	assert_string_equal(text, want);
	free(text);
	free(want);
	json_decref(value);
}

#define HEAD                                                                                       \
	"[{'provider':'openai','model':'m','catalog':'old','source':'c "                           \
	"1','contracted':false,'uplifts':{'region=us':'1.1'},"                                     \
	"'rates':["
#define FORMER "{'from':'2024-01-01','in_force':false,'per_million':{'input':'9'}},"
#define FLEX                                                                                       \
	"{'from':'2025-01-01','tier':'flex','minimum':{'audio_seconds':10},'maximum':{'web_"       \
	"searches':1},'in_force':true,"                                                            \
	"'per_unit':{'requests':'0.01','audio_seconds':'0.0001'}}]}]"
#define LATTER                                                                                     \
	"{'from':'2025-01-01','in_force':true,'per_million':{'input':'3','output':'1.5',"          \
	"'output_reasoning':'1.5'}},"                                                              \
	"{'from':'2025-01-01','hours':'16:30-00:30','weekdays':[1,5],'in_force':true,"             \
	"'per_million':{'input':'1'}},"                                                            \
	"{'from':'2025-01-01','input_over':200000,'in_force':true,'per_million':{'input':'6'}}"    \
	"," FLEX

static void test_find(void **state)
{
	struct catalog *catalog = catalog_of(old_list);
	int64_t now = at("2025-03-01");

	(void)state;
	check(list_find(catalog, SPAN(""), SPAN("m"), now, false), HEAD FORMER LATTER);
	check(list_find(catalog, SPAN("openai"), SPAN("alias-2025-01-01"), now, true), HEAD LATTER);
	check(list_find(catalog, SPAN("openai"), SPAN("m"), at("2024-12-31"), true),
	      HEAD "{'from':'2024-01-01','in_force':true,'per_million':{'input':'9'}}," FLEX);
	/* the first rates hold before their date too */
	check(list_find(catalog, SPAN("openai"), SPAN("same"), at("2020-01-01"), true),
	      "[{'provider':'openai','model':'same','catalog':'old','source':'a; "
	      "b','contracted':false,'uplifts':{},'rates':[{'from':'2025-01-01','in_force':true,"
	      "'per_million':{'input':'1'}}]}]");
	check(list_find(catalog, SPAN("nobody"), SPAN("m"), now, false), "[]");
	check(list_find(catalog, SPAN(""), SPAN("mm"), now, false), "[]");
	/* an entry without a source has that of its file */
	check(list_find(catalog, SPAN(""), SPAN("same"), now, false),
	      "[{'provider':'openai','model':'same','catalog':'old','source':'a; "
	      "b','contracted':false,'uplifts':{},'rates':[{'from':'2025-01-01','in_force':true,"
	      "'per_million':{'input':'1'}}]}]");
	catalog_unref(catalog);
}

/* 2 / 3 = 0.667, 2 / 1.5 = 1.333; 0.36 an hour is 0.0001 a second; later dates are not yet */
static void test_diff(void **state)
{
	struct catalog *a = catalog_of(old_list), *b = catalog_of(new_list);
	int64_t now = at("2025-07-01");

	(void)state;
	check(list_diff(a, b, now),
	      "[{'what':'added','provider':'openai','model':'come'},"
	      "{'what':'gone','provider':'openai','model':'left'},"
	      "{'what':'changed','provider':'openai','model':'m','context':'','bucket':'input',"
	      "'old':'3','new':'2','ratio':'0.667'},"
	      "{'what':'changed','provider':'openai','model':'m','context':'',"
	      "'bucket':'output_reasoning','old':'1.5','new':'2','ratio':'1.333'},"
	      "{'what':'gone','provider':'openai','model':'m',"
	      "'context':'hours=16:30-00:30 weekdays','bucket':'input','old':'1'},"
	      "{'what':'gone','provider':'openai','model':'m','context':'input>200000',"
	      "'bucket':'input','old':'6'}]");
	check(list_diff(a, a, now), "[]");
	catalog_unref(a);
	catalog_unref(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_diff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
