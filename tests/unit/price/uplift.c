/* price/uplift: what a region adds to the rates of tokens, and allowances, minimums, hours and
 * contracts beside it; factors as OpenAI ("Data residency": +10 % for models since 2026-03-05),
 * Anthropic (inference_geo "us": 1.1x token prices) and Google (Vertex, other than global: +10 %)
 * publish them. */
#include "price/uplift.h"

#include <errno.h>

#include "cases.h"

static const char book[] =
    "{'catalog': 'c', 'provider': 'p', 'gateways': ['g'], 'models': ["
    " {'model': 'host', 'uplifts': {'server=gov.p.example': '1.25', 'server!=p.example': '1.1'},"
    "  'rates': ["
    "  {'from': '2025-01-01', 'per_million': {'input': '2.5', 'output': '15'},"
    "   'per_unit': {'web_searches': '0.01'}},"
    "  {'from': '2025-01-01', 'input_over': 272000, 'per_million': {'input': '5'}},"
    "  {'from': '2025-01-01', 'tier': 'flex', 'per_million': {'input': '1.25'}}]},"
    " {'model': 'geo', 'uplifts': {'region=us': '1.1'}, 'rates': ["
    "  {'from': '2025-01-01', 'per_million': {'input': '2', 'output': '10'}}]},"
    " {'model': 'place', 'uplifts': {'region!=global': '1.1'}, 'rates': ["
    "  {'from': '2025-01-01', 'per_million': {'input': '2'}}]},"
    " {'model': 'odd', 'uplifts': {'region=us': '1.0001'}, 'rates': ["
    "  {'from': '2025-01-01', 'per_unit': {'input': '0.000000000000000000000005'}}]},"
    " {'model': 'plain', 'rates': [{'from': '2025-01-01', 'per_million': {'input': '2'}}]}]}";

static const struct {
	const char *model, *tier, *server, *region, *usd, *context;
	int64_t input, output, searches;
} rows[] = {
	/* 100 x 2.5 + 10 x 15 = 400 millionths; x 1.1 = 440; x 1.25 = 500 */
	{ "host", "", "p.example", "", "0.0004", "", 100, 10, 0 },
	{ "host", "", "eu.p.example", "", "0.00044", "server!=p.example x1.1", 100, 10, 0 },
	{ "host", "", "gov.p.example", "", "0.0005", "server=gov.p.example x1.25", 100, 10, 0 },
	{ "host", "", "", "", "0.0004", "", 100, 10, 0 },
	/* a search costs what it costs: 440 + 20000 */
	{ "host", "", "eu.p.example", "", "0.02044", "server!=p.example x1.1", 100, 10, 2 },
	/* on the tier's and the step's rate: 1.375 and 5.5 */
	{ "host", "flex", "eu.p.example", "", "0.001375", "tier=flex server!=p.example x1.1", 1000,
	  0, 0 },
	{ "host", "", "eu.p.example", "", "1.6500055", "input>272000 server!=p.example x1.1",
	  300001, 0, 0 },
	/* case 28 and 41: 10k in and 1k out at 2 and 10, then at 2.2 and 11 */
	{ "geo", "", "", "us", "0.033", "region=us x1.1", 10000, 1000, 0 },
	{ "geo", "", "", "global", "0.03", "", 10000, 1000, 0 },
	{ "geo", "", "", "", "0.03", "", 10000, 1000, 0 },
	{ "place", "", "", "us-east5", "0.0022", "region!=global x1.1", 1000, 0, 0 },
	{ "place", "", "", "global", "0.002", "", 1000, 0, 0 },
	{ "place", "", "", "", "0.002", "", 1000, 0, 0 },
	{ "plain", "", "eu.p.example", "us", "0.002", "", 1000, 0, 0 },
	/* 5.0005 is 5 at 10^-24: the product is rounded there; 10^12 of them are 5 picodollars */
	{ "odd", "", "", "us", "0.000000000005", "region=us x1.0001", 1000000000000, 0, 0 },
};

static void test_rows(void **state)
{
	struct catalog *catalog;
	struct err err = { "" };

	(void)state;
	assert_int_equal(catalog_new(&catalog), 0);
	assert_int_equal(case_add(catalog, book, &err), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct usage usage = { .provider = "p", .status = 200 };
		char text[MONEY_TEXT_MAX];
		struct charge charge;

		print_message("row %zu\n", i);
		span_copy(span_of(rows[i].model), usage.model, sizeof(usage.model));
		span_copy(span_of(rows[i].tier), usage.service_tier, sizeof(usage.service_tier));
		span_copy(span_of(rows[i].server), usage.server, sizeof(usage.server));
		span_copy(span_of(rows[i].region), usage.region, sizeof(usage.region));
		assert_int_equal(timestamp_parse(SPAN("2026-11-25"), &usage.time_start_ns), 0);
		usage.counts[USAGE_INPUT] = rows[i].input;
		usage.counts[USAGE_OUTPUT] = rows[i].output;
		usage.counts[USAGE_WEB_SEARCHES] = rows[i].searches;
		usage.present = USAGE_BIT(USAGE_INPUT) | USAGE_BIT(USAGE_OUTPUT) |
				USAGE_BIT(USAGE_WEB_SEARCHES);
		catalog_price(catalog, &usage, &charge);
		assert_int_equal(charge.source, COST_CATALOG);
		money_format(charge.cost_pico, MONEY_PICO_DIGITS, text);
		assert_string_equal(text, rows[i].usd);
		assert_string_equal(charge.context, rows[i].context);
	}
	catalog_unref(catalog);
}

/* A gateway passes calls on: its own name is none of a region. Where it was served is. */
static void test_gateway(void **state)
{
	struct usage usage = { .provider = "g", .status = 200, .server = "g.example" };
	struct catalog *catalog;
	struct charge charge;
	struct err err = { "" };

	(void)state;
	assert_int_equal(catalog_new(&catalog), 0);
	assert_int_equal(case_add(catalog, book, &err), 0);
	assert_int_equal(timestamp_parse(SPAN("2026-11-25"), &usage.time_start_ns), 0);
	usage.counts[USAGE_INPUT] = 1000;
	usage.present = USAGE_BIT(USAGE_INPUT);
	span_copy(SPAN("host"), usage.model, sizeof(usage.model));
	catalog_price(catalog, &usage, &charge);
	assert_true(charge.cost_pico == 2500000000);
	assert_string_equal(charge.context, "");
	span_copy(SPAN("geo"), usage.model, sizeof(usage.model));
	span_copy(SPAN("us"), usage.region, sizeof(usage.region));
	catalog_price(catalog, &usage, &charge);
	assert_true(charge.cost_pico == 2200000000);
	catalog_unref(catalog);
}

#define ENTRY(text)                                                                                \
	"{'catalog': 'c', 'provider': 'p', 'models': [{'model': 'm', " text                        \
	", 'rates': [{'from': '2025-01-01', 'per_million': {'input': '1'}}]}]}"

static const char *const bad[][2] = {
	{ ENTRY("'uplifts': 1.1"), "models[0].uplifts: expected an object of 1 to 16" },
	{ ENTRY("'uplifts': {}"), "models[0].uplifts: expected an object of 1 to 16" },
	{ ENTRY("'uplifts': {'region': '1.1'}"), "uplifts.region: expected region=NAME" },
	{ ENTRY("'uplifts': {'region=': '1.1'}"), "uplifts.region=: expected region=NAME" },
	{ ENTRY("'uplifts': {'place=us': '1.1'}"), "uplifts.place=us: expected region=NAME" },
	{ ENTRY("'uplifts': {'region=us': 1.1}"), "uplifts.region=us: expected a factor" },
	{ ENTRY("'uplifts': {'region=us': '0'}"), "uplifts.region=us: expected a factor" },
	{ ENTRY("'uplifts': {'region=us': '100.1'}"), "uplifts.region=us: expected a factor" },
	{ ENTRY("'uplifts': {'region=us': '-1.1'}"), "uplifts.region=us: expected a factor" },
	{ ENTRY("'uplifts': {'region=us': '1.10001'}"), "uplifts.region=us: expected a factor" },
	{ ENTRY("'allowances': []"), "models[0].allowances: expected an object" },
	{ ENTRY("'allowances': {'searches': '5 per day'}"), "allowances.searches: expected a" },
	{ ENTRY("'allowances': {'web_searches': '5 per week'}"), "web_searches: expected a" },
	{ ENTRY("'allowances': {'web_searches': '0 per day'}"), "web_searches: expected a" },
	{ ENTRY("'allowances': {'web_searches': 5}"), "web_searches: expected a" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { "" };
		struct catalog *catalog;

		assert_int_equal(catalog_new(&catalog), 0);
		assert_int_equal(case_add(catalog, bad[i][0], &err), -EINVAL);
		print_message("%s\n", err.text);
		assert_non_null(strstr(err.text, bad[i][1]));
		catalog_unref(catalog);
	}
}

/* What an account has free nobody on the host knows: charged in full, and said to be the most that
 * it can be; calls without such units are as certain as any. */
static void test_allowance(void **state)
{
	static const char list[] =
	    "{'catalog': 'c', 'provider': 'p', 'models': [{'model': 'm',"
	    " 'allowances': {'web_searches': '5000 per month'}, 'rates': [{'from': '2025-01-01',"
	    " 'per_million': {'input': '1'}, 'per_unit': {'web_searches': '0.014'}}]}]}";
	struct case_row row = { "", "p", "m", "", "2026-11-25", { { USAGE_INPUT, 1000 } }, NULL };
	struct catalog *catalog;
	struct err err = { "" };
	struct charge charge;

	(void)state;
	assert_int_equal(catalog_new(&catalog), 0);
	assert_int_equal(case_add(catalog, list, &err), 0);
	case_price(catalog, &row, &charge);
	assert_int_equal(charge.source, COST_CATALOG);
	assert_true(charge.cost_pico == 1000000000);
	assert_string_equal(charge.context, "");
	row.counts[1].bucket = USAGE_WEB_SEARCHES;
	row.counts[1].count = 2; /* 2 x 0.014 + 0.001 */
	case_price(catalog, &row, &charge);
	assert_int_equal(charge.source, COST_ESTIMATED);
	assert_true(charge.cost_pico == 29000000000);
	assert_string_equal(charge.context, "allowance");
	assert_null(charge_doubt_name(&charge));
	catalog_unref(catalog);
}

/* The user's own prices win over the list's, whichever is read first, for what they name. */
static void test_contracted(void **state)
{
	static const char list[] =
	    "{'catalog': 'list', 'provider': 'p', 'models': ["
	    " {'model': 'm', 'aliases': ['n'], 'rates': [{'from': '2025-01-01',"
	    "  'per_million': {'input': '2'}}]},"
	    " {'model': 'o', 'rates': [{'from': '2025-01-01', 'per_million': {'input': '4'}}]}]}";
	static const char own[] =
	    "{'catalog': 'own', 'provider': 'p', 'contracted': true, 'models': ["
	    " {'model': 'm', 'rates': [{'from': '2025-01-01', 'per_million': {'input': '1.5'}}]}]}";
	static const struct case_row prices[] = {
		{ "ours", "p", "m", "", "2026-11-25", { { USAGE_INPUT, 1000 } }, "0.0015" },
		{ "by date",
		  "p",
		  "m-2025-01-01",
		  "",
		  "2026-11-25",
		  { { USAGE_INPUT, 1000 } },
		  "0.0015" },
		{ "the list's alias",
		  "p",
		  "n",
		  "",
		  "2026-11-25",
		  { { USAGE_INPUT, 1000 } },
		  "0.002" },
		{ "not in ours", "p", "o", "", "2026-11-25", { { USAGE_INPUT, 1000 } }, "0.004" },
	};

	(void)state;
	for (int order = 0; order < 2; order++) {
		struct catalog *catalog;
		struct err err = { "" };
		struct charge charge;

		assert_int_equal(catalog_new(&catalog), 0);
		assert_int_equal(case_add(catalog, order ? own : list, &err), 0);
		assert_int_equal(case_add(catalog, order ? list : own, &err), 0);
		for (size_t i = 0; i < sizeof(prices) / sizeof(prices[0]); i++)
			case_check(catalog, &prices[i]);
		case_price(catalog, &prices[0], &charge);
		assert_string_equal(charge.catalog, "own");
		catalog_unref(catalog);
	}
}

/* Rates an hour and what is billed at the least, as Groq publishes them: pricing case 67.
 * 10 x 0.111 / 3600 = 0.000308333333333..., rounded once. 3600 s are the hour. */
static void test_hours_and_minimum(void **state)
{
	static const struct case_row prices[] = {
		{ "67 3 s are 10",
		  "groq",
		  "whisper-large-v3",
		  "",
		  "2026-11-25",
		  { { USAGE_AUDIO_SECONDS, 3 } },
		  "0.000308333333" },
		{ "67 10 s",
		  "groq",
		  "whisper-large-v3",
		  "",
		  "2026-11-25",
		  { { USAGE_AUDIO_SECONDS, 10 } },
		  "0.000308333333" },
		/* 11 x 0.111 / 3600 = 0.00033916666..., up */
		{ "67 11 s",
		  "groq",
		  "whisper-large-v3",
		  "",
		  "2026-11-25",
		  { { USAGE_AUDIO_SECONDS, 11 } },
		  "0.000339166667" },
		{ "67 an hour",
		  "groq",
		  "whisper-large-v3",
		  "",
		  "2026-11-25",
		  { { USAGE_AUDIO_SECONDS, 3600 } },
		  "0.111" },
		/* 10 x 0.04 / 3600 = 0.00011111... */
		{ "67 turbo",
		  "groq",
		  "whisper-large-v3-turbo",
		  "",
		  "2026-11-25",
		  { { USAGE_AUDIO_SECONDS, 3 } },
		  "0.000111111111" },
	};
	struct catalog *catalog;
	struct err err = { "" };

	(void)state;
	assert_int_equal(catalog_load("config/prices", &catalog, &err), 0);
	for (size_t i = 0; i < sizeof(prices) / sizeof(prices[0]); i++)
		case_check(catalog, &prices[i]);
	catalog_unref(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),       cmocka_unit_test(test_gateway),
		cmocka_unit_test(test_bad),        cmocka_unit_test(test_allowance),
		cmocka_unit_test(test_contracted), cmocka_unit_test(test_hours_and_minimum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
