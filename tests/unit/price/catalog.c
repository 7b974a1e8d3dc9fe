/* price/catalog: which rates a call gets, to the picodollar, and each way a price file can be
 * wrong. Rates and right sums are those of published price lists and of bug reports of other
 * meters; the arithmetic stands beside each row. */
#include "price/catalog.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/timestamp.h"

static const char book[] =
    "{'catalog': 'test-1', 'provider': 'openai', 'source': ['by hand'], 'models': ["
    " {'model': 'gpt-4o', 'rates': ["
    "  {'from': '2024-05-13', 'per_million': {'input': '5', 'output': '15'}},"
    "  {'from': '2024-10-02', 'per_million': {'input': '2.50', 'input_cache_read': '1.25',"
    "   'output': '10', 'output_reasoning': '=output'}}]},"
    " {'model': 'gpt-4o-2024-05-13', 'rates': ["
    "  {'from': '2024-05-13', 'per_million': {'input': '5', 'output': '15'}}]},"
    " {'model': 'gpt-4o-mini', 'aliases': ['gpt-4o-mini-2024-07-18', 'mini'], 'rates': ["
    "  {'from': '2024-07-18', 'per_million': {'input': '0.15', 'output': '0.60'}}]},"
    " {'model': 'gpt-5', 'rates': ["
    "  {'from': '2025-08-07', 'per_million': {'input': '1.25', 'input_cache_read': '0.125',"
    "   'output': '10', 'output_reasoning': '=output'}},"
    "  {'from': '2025-08-07', 'tier': 'priority', 'per_million': {'input': '2.50', 'output': "
    "'20'}},"
    "  {'from': '2026-10-12', 'tier': 'flex', 'per_million': {'input': '0.625', 'output': '5'}}]},"
    " {'model': 'gpt-5.4', 'rates': ["
    "  {'from': '2026-03-05', 'per_million': {'input': '2.5', 'input_cache_read': '0.25',"
    "   'output': '15'}},"
    "  {'from': '2026-03-05', 'input_over': 272000, 'per_million': {'input': '5',"
    "   'input_cache_read': '0.5', 'output': '22.5'}},"
    "  {'from': '2026-11-01', 'per_million': {'input': '2', 'output': '12'}}]},"
    " {'model': 'tiny', 'rates': [{'from': '2025-01-01', 'per_unit': {"
    "   'input': '0.0000000000005', 'output': '0.0000000000015', 'requests': '0.01'}}]},"
    " {'model': 'huge', 'rates': [{'from': '2025-01-01', 'per_unit': {'requests': '1000000',"
    "   'input': '0.000001'}}]}]}";

/* JSON in C strings is easier on the eye with single quotes. */
static char *quoted(const char *text)
{
	char *copy = strdup(text);

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	return copy;
}

static int add_text(struct catalog *catalog, const char *text, struct err *err)
{
	char *json = quoted(text);
	int rc = catalog_add(catalog, "test.json", span_of(json), err);

	free(json);
	return rc;
}

static struct catalog *catalog_of(const char *text)
{
	struct err err = { "" };
	struct catalog *catalog;

	assert_int_equal(catalog_new(&catalog), 0);
	assert_int_equal(add_text(catalog, text, &err), 0);
	return catalog;
}

static struct catalog *the_book(void)
{
	return catalog_of(book);
}

struct counts {
	int64_t input, cached, output, reasoning;
};

static struct usage a_usage(const char *model, const char *time, struct counts counts)
{
	struct usage usage = { .provider = "openai", .status = 200 };

	span_copy(span_of(model), usage.model, sizeof(usage.model));
	assert_int_equal(timestamp_parse(span_of(time), &usage.time_start_ns), 0);
	usage.counts[USAGE_INPUT] = counts.input;
	usage.counts[USAGE_INPUT_CACHE_READ] = counts.cached;
	usage.counts[USAGE_OUTPUT] = counts.output;
	usage.counts[USAGE_OUTPUT_REASONING] = counts.reasoning;
	usage.present = 1u << USAGE_INPUT | 1u << USAGE_INPUT_CACHE_READ | 1u << USAGE_OUTPUT |
			1u << USAGE_OUTPUT_REASONING;
	return usage;
}

struct row {
	const char *model, *tier, *time;
	struct counts counts;
	int64_t pico; /* -1: unpriced */
	const char *matched, *context_or_reason;
};

static const struct row rows[] = {
	/* 86 x 2.5 + 1920 x 1.25 + 300 x 10 = 5615 millionths: litellm issue 6215 */
	{ "gpt-4o-2024-08-06",
	  "default",
	  "2024-11-05",
	  { 86, 1920, 300, 0 },
	  5615000000,
	  "gpt-4o",
	  "" },
	/* history keeps its price: 1000 x 5 + 1000 x 15, then 1000 x 2.5 + 1000 x 10 */
	{ "gpt-4o",
	  "",
	  "2024-10-01T23:59:59.999999999Z",
	  { 1000, 0, 1000, 0 },
	  20000000000,
	  "gpt-4o",
	  "" },
	{ "gpt-4o", "", "2024-10-02T00:00:00Z", { 1000, 0, 1000, 0 }, 12500000000, "gpt-4o", "" },
	{ "gpt-4o-2024-05-13",
	  "",
	  "2025-06-01",
	  { 1000, 0, 1000, 0 },
	  20000000000,
	  "gpt-4o-2024-05-13",
	  "" },
	/* before its first date: the first rates, 1 x 5 + 1 x 15 millionths */
	{ "gpt-4o", "", "2024-05-12T23:59:59Z", { 1, 0, 1, 0 }, 20000000, "gpt-4o", "" },
	/* the cached rate began with the second entry */
	{ "gpt-4o", "", "2024-06-01", { 1, 5, 1, 0 }, -1, "gpt-4o", "no_rate" },
	/* not gpt-4o's price: cascadeflow issue 198; 1000 x 0.15 + 1000 x 0.6 = 750 millionths */
	{ "gpt-4o-mini-2024-07-18",
	  "",
	  "2025-01-01",
	  { 1000, 0, 1000, 0 },
	  750000000,
	  "gpt-4o-mini",
	  "" },
	{ "gpt-4o-mini-20240718",
	  "",
	  "2025-01-01",
	  { 1000, 0, 1000, 0 },
	  750000000,
	  "gpt-4o-mini",
	  "" },
	{ "mini", "", "2025-01-01", { 1000, 0, 1000, 0 }, 750000000, "gpt-4o-mini", "" },
	/* no part of a name, no crossing of versions: ccusage issue 934, litellm issue 20411 */
	{ "gpt-5.4-mini", "", "2026-11-25", { 1, 0, 1, 0 }, -1, "", "model_unknown" },
	{ "gpt-5.5", "", "2026-11-25", { 1, 0, 1, 0 }, -1, "", "model_unknown" },
	{ "ft:gpt-4o-mini-2024-07-18:org::id",
	  "",
	  "2026-11-25",
	  { 1, 0, 1, 0 },
	  -1,
	  "",
	  "model_unknown" },
	{ "gpt-4o-mini-2024-13-18", "", "2026-11-25", { 1, 0, 1, 0 }, -1, "", "model_unknown" },
	{ "gpt-4o-mini-2024-07-18-x", "", "2026-11-25", { 1, 0, 1, 0 }, -1, "", "model_unknown" },
	{ "-2024-07-18", "", "2026-11-25", { 1, 0, 1, 0 }, -1, "", "model_unknown" },
	{ "GPT-4o", "", "2026-11-25", { 1, 0, 1, 0 }, -1, "", "model_unknown" },
	/* the served tier decides: litellm issue 31837, langfuse issue 13780 */
	{ "gpt-5", "default", "2026-11-25", { 10000, 0, 1000, 0 }, 22500000000, "gpt-5", "" },
	{ "gpt-5", "auto", "2026-11-25", { 10000, 0, 1000, 0 }, 22500000000, "gpt-5", "" },
	{ "gpt-5", "standard", "2026-11-25", { 10000, 0, 1000, 0 }, 22500000000, "gpt-5", "" },
	{ "gpt-5",
	  "priority",
	  "2026-11-25",
	  { 10000, 0, 1000, 0 },
	  45000000000,
	  "gpt-5",
	  "tier=priority" },
	{ "gpt-5", "flex", "2026-11-25", { 10000, 0, 1000, 0 }, 11250000000, "gpt-5", "tier=flex" },
	{ "gpt-5", "flex", "2026-10-11", { 10000, 0, 1000, 0 }, 11250000000, "gpt-5", "tier=flex" },
	{ "gpt-5", "scale", "2026-11-25", { 10000, 0, 1000, 0 }, -1, "gpt-5", "no_rate" },
	{ "gpt-5", "priority", "2026-11-25", { 1, 1, 1, 0 }, -1, "gpt-5", "no_rate" },
	/* "=output": 100 x 1.25 + (100 + 1900) x 10 = 20125 millionths */
	{ "gpt-5", "", "2026-11-25", { 100, 0, 100, 1900 }, 20125000000, "gpt-5", "" },
	/* the whole call moves at the step, strictly over it: 272000 x 2.5; 272001 x 5 + 22.5;
	 * cached input counts as input */
	{ "gpt-5.4", "", "2026-10-01", { 272000, 0, 0, 0 }, 680000000000, "gpt-5.4", "" },
	{ "gpt-5.4",
	  "",
	  "2026-10-01",
	  { 272001, 0, 1, 0 },
	  1360027500000,
	  "gpt-5.4",
	  "input>272000" },
	{ "gpt-5.4",
	  "",
	  "2026-10-01",
	  { 1, 272000, 0, 0 },
	  136005000000,
	  "gpt-5.4",
	  "input>272000" },
	/* a later date leaves the steps of the former behind: 300000 x 2 */
	{ "gpt-5.4", "", "2026-11-01", { 300000, 0, 0, 0 }, 600000000000, "gpt-5.4", "" },
	/* one rounding, half to even: 0.5 -> 0, 1.5 -> 2, 0.5 + 1.5, 2.5 -> 2, 3 x 0.5 + 1.5 */
	{ "tiny", "", "2026-01-01", { 1, 0, 0, 0 }, 0, "tiny", "" },
	{ "tiny", "", "2026-01-01", { 3, 0, 0, 0 }, 2, "tiny", "" },
	{ "tiny", "", "2026-01-01", { 1, 0, 1, 0 }, 2, "tiny", "" },
	{ "tiny", "", "2026-01-01", { 5, 0, 0, 0 }, 2, "tiny", "" },
	{ "tiny", "", "2026-01-01", { 3, 0, 1, 0 }, 3, "tiny", "" },
	/* int64 ends at 9223372036854.775807 x 10^-6 USD */
	{ "huge", "", "2026-01-01", { 9223372036854, 0, 0, 0 }, 9223372036854000000, "huge", "" },
	{ "huge", "", "2026-01-01", { 9223372036855, 0, 0, 0 }, -1, "huge", "overflow" },
	{ "huge", "", "2026-01-01", { -1, 0, 0, 0 }, -1, "huge", "overflow" },
	/* said to be zero is zero, also without a rate */
	{ "huge", "", "2026-01-01", { 0, 0, 0, 0 }, 0, "huge", "" },
	{ "", "", "2026-01-01", { 1, 0, 1, 0 }, -1, "", "no_model" },
};

static void test_rows(void **state)
{
	struct catalog *catalog = the_book();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		struct usage usage = a_usage(row->model, row->time, row->counts);
		struct charge charge;

		print_message("row %zu: %s %s %s\n", i, row->model, row->tier, row->time);
		span_copy(span_of(row->tier), usage.service_tier, sizeof(usage.service_tier));
		memset(&charge, 0xa5, sizeof(charge));
		catalog_price(catalog, &usage, &charge);
		assert_string_equal(charge.matched, row->matched);
		assert_string_equal(charge.catalog, row->matched[0] ? "test-1" : "");
		if (row->pico < 0) {
			assert_int_equal(charge.source, COST_UNPRICED);
			assert_string_equal(charge_doubt_name(&charge), row->context_or_reason);
			continue;
		}
		assert_int_equal(charge.source, COST_CATALOG);
		assert_null(charge_doubt_name(&charge));
		assert_true(charge.cost_pico == row->pico);
		assert_string_equal(charge.context, row->context_or_reason);
	}
	catalog_unref(catalog);
}

/* 1000 x 2.5 + 1000 x 10, whatever was told and is in no bill. */
static void test_unbilled(void **state)
{
	const struct counts counts = { 1000, 0, 1000, 0 };
	struct usage usage = a_usage("gpt-4o", "2026-01-01", counts);
	struct catalog *catalog = the_book();
	struct charge charge;

	(void)state;
	usage.counts[USAGE_UNBILLED_CACHE_READ] = 50;
	usage.present |= USAGE_BIT(USAGE_UNBILLED_CACHE_READ);
	catalog_price(catalog, &usage, &charge);
	assert_int_equal(charge.source, COST_CATALOG);
	assert_true(charge.cost_pico == 12500000000);
	catalog_unref(catalog);
}

/* What costs the same of all models of a list is said once; an entry's own rate wins. */
static void test_common_rates(void **state)
{
	static const struct {
		const char *model;
		int64_t searches, pico;
	} cases[] = { { "m", 3, 30000000000 }, { "own", 3, 75000000000 }, { "m", 0, 0 } };
	struct catalog *catalog =
	    catalog_of("{'catalog':'common','provider':'openai','source':['x'],"
		       "'fallback':{'web_searches':'0.01'},'models':["
		       "{'model':'m','rates':[{'from':'2026-01-01','per_million':{'input':'1'}}]},"
		       "{'model':'own','rates':[{'from':'2026-01-01','per_million':{'input':'1'},"
		       "'per_unit':{'web_searches':'0.025'}}]}]}");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct usage usage =
		    a_usage(cases[i].model, "2026-02-01", (struct counts){ 0, 0, 0, 0 });
		struct charge charge;

		usage.present = USAGE_BIT(USAGE_WEB_SEARCHES) | USAGE_BIT(USAGE_INPUT);
		usage.counts[USAGE_WEB_SEARCHES] = cases[i].searches;
		catalog_price(catalog, &usage, &charge);
		assert_int_equal(charge.source, COST_CATALOG);
		assert_true(charge.cost_pico == cases[i].pico);
	}
	catalog_unref(catalog);
}

/* What is billed at the least and at the most is said, when it was not what was used. */
static void test_bounds(void **state)
{
	static const struct {
		int64_t input, output, pico;
		const char *context;
	} cases[] = { { 3, 0, 10000000, "minimum=input:10" },
		      { 10, 0, 10000000, "" },
		      { 11, 0, 11000000, "" },
		      { 0, 0, 0, "" },
		      { 0, 1, 1000000, "" },
		      { 0, 2, 2000000, "" },
		      { 11, 3, 13000000, "maximum=output:2" },
		      { 1, 9, 12000000, "minimum=input:10 maximum=output:2" } };
	struct catalog *catalog =
	    catalog_of("{'catalog':'least','provider':'openai','source':['x'],'models':["
		       "{'model':'m','rates':[{'from':'2026-01-01','minimum':{'input':10},"
		       "'maximum':{'output':2},"
		       "'per_million':{'input':'1','input_cache_read':'1','output':'1',"
		       "'output_reasoning':'1'}}]}]}");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct usage usage = a_usage(
		    "m", "2026-02-01", (struct counts){ cases[i].input, 0, cases[i].output, 0 });
		struct charge charge;

		catalog_price(catalog, &usage, &charge);
		assert_true(charge.cost_pico == cases[i].pico);
		assert_string_equal(charge.context, cases[i].context);
	}
	catalog_unref(catalog);
}

static void test_proof(void **state)
{
	struct usage usage = a_usage("gpt-5", "2026-11-25", (struct counts){ 7, 0, 3, 2 });
	struct catalog *catalog = the_book();
	struct charge charge;

	(void)state;
	catalog_price(catalog, &usage, &charge);
	assert_string_equal(charge.effective_from, "2025-08-07");
	/* what was used, and nothing else; "=output" is stored as the rate it stands for */
	assert_int_equal(charge.rated,
			 1u << USAGE_INPUT | 1u << USAGE_OUTPUT | 1u << USAGE_OUTPUT_REASONING);
	assert_true(charge.rates_yocto[USAGE_INPUT] == (money_wide)1250000000000000000);
	assert_true(charge.rates_yocto[USAGE_OUTPUT] == (money_wide)10000000000000000000ull);
	assert_true(charge.rates_yocto[USAGE_OUTPUT_REASONING] == charge.rates_yocto[USAGE_OUTPUT]);
	assert_true(charge.rates_yocto[USAGE_INPUT_CACHE_READ] == 0);
	assert_memory_equal(&charge.usage, &usage, sizeof(usage));
	catalog_unref(catalog);
}

static void test_served_model_wins(void **state)
{
	struct usage usage = a_usage("gpt-4o", "2025-01-01", (struct counts){ 1000, 0, 1000, 0 });
	struct catalog *catalog = the_book();
	struct charge charge;

	(void)state;
	span_copy(SPAN("mini"), usage.model_requested, sizeof(usage.model_requested));
	catalog_price(catalog, &usage, &charge);
	assert_string_equal(charge.matched, "gpt-4o");
	usage.model[0] = '\0';
	catalog_price(catalog, &usage, &charge);
	assert_string_equal(charge.matched, "gpt-4o-mini");
	/* a served model that is unknown is not priced as the one asked for */
	span_copy(SPAN("gpt-9"), usage.model, sizeof(usage.model));
	catalog_price(catalog, &usage, &charge);
	assert_string_equal(charge_doubt_name(&charge), "model_unknown");
	catalog_unref(catalog);
}

struct doubt_row {
	const char *provider;
	uint16_t status;
	bool free, counted, error;
	enum usage_doubt doubt;
	const char *context; /* priced at zero, with this context, or NULL */
	const char *reason;  /* unpriced */
};

static const struct doubt_row doubt_rows[] = {
	{ "openai", 200, true, false, false, USAGE_DOUBT_NONE, "free", NULL },
	{ "openai", 0, true, false, false, USAGE_DOUBT_NO_ANSWER, "free", NULL },
	{ "openai", 429, false, false, false, USAGE_DOUBT_NONE, "error", NULL },
	{ "openai", 400, false, false, false, USAGE_DOUBT_NO_USAGE, "error", NULL },
	{ "openai", 500, false, false, false, USAGE_DOUBT_UNPARSED, "error", NULL },
	{ "openai", 404, false, false, false, USAGE_DOUBT_ROUTE_UNKNOWN, "error", NULL },
	{ "openai", 200, false, false, true, USAGE_DOUBT_NONE, "error", NULL },
	{ "openai", 200, false, false, true, USAGE_DOUBT_NO_USAGE, NULL, "no_usage" },
	{ "openai", 399, false, false, false, USAGE_DOUBT_NO_USAGE, NULL, "no_usage" },
	{ "openai", 500, false, false, false, USAGE_DOUBT_INCONSISTENT, NULL, "inconsistent" },
	{ "openai", 500, false, true, false, USAGE_DOUBT_UNPARSED, NULL, "unparsed" },
	{ "openai", 200, false, false, false, USAGE_DOUBT_NO_USAGE, NULL, "no_usage" },
	{ "openai", 200, false, false, false, USAGE_DOUBT_NONE, NULL, "no_usage" },
	{ "openai", 200, false, true, false, USAGE_DOUBT_UNPARSED, NULL, "unparsed" },
	{ "openai", 200, false, false, false, USAGE_DOUBT_ROUTE_UNKNOWN, NULL, "route_unknown" },
	{ "openai", 0, false, false, false, USAGE_DOUBT_NO_ANSWER, NULL, "no_answer" },
	{ "", 200, false, true, false, USAGE_DOUBT_NONE, NULL, "provider_unknown" },
	{ "", 404, false, false, false, USAGE_DOUBT_NONE, NULL, "provider_unknown" },
	{ "openai2", 200, false, true, false, USAGE_DOUBT_NONE, NULL, "model_unknown" },
};

static void test_doubts(void **state)
{
	struct catalog *catalog = the_book();

	(void)state;
	for (size_t i = 0; i < sizeof(doubt_rows) / sizeof(doubt_rows[0]); i++) {
		const struct doubt_row *row = &doubt_rows[i];
		struct usage usage = a_usage("gpt-5", "2026-11-25", (struct counts){ 9, 0, 9, 0 });
		struct charge charge;

		print_message("row %zu\n", i);
		span_copy(span_of(row->provider), usage.provider, sizeof(usage.provider));
		usage.status = row->status;
		usage.free = row->free;
		usage.error[0] = row->error ? 'e' : '\0';
		usage.doubt = row->doubt;
		if (!row->counted)
			usage.present = 0;
		catalog_price(catalog, &usage, &charge);
		if (row->context) {
			assert_int_equal(charge.source, COST_CATALOG);
			assert_true(charge.cost_pico == 0);
			assert_string_equal(charge.context, row->context);
		} else {
			assert_int_equal(charge.source, COST_UNPRICED);
			assert_string_equal(charge_doubt_name(&charge), row->reason);
		}
	}
	catalog_unref(catalog);
}

/* What the provider says wins: also over a model and a tier without a price, and over a zero. */
static void test_reported(void **state)
{
	struct usage usage = a_usage("gpt-5", "2026-11-25", (struct counts){ 10000, 0, 1000, 0 });
	struct catalog *catalog = the_book();
	struct charge charge;

	(void)state;
	usage.reported = true;
	usage.reported_cost_pico = 36079500000; /* case 71 */
	catalog_price(catalog, &usage, &charge);
	assert_int_equal(charge.source, COST_PROVIDER);
	assert_true(charge.cost_pico == 36079500000);
	assert_string_equal(charge.matched, "gpt-5");
	span_copy(SPAN("gpt-9"), usage.model, sizeof(usage.model));
	usage.reported_cost_pico = 0;
	catalog_price(catalog, &usage, &charge);
	assert_int_equal(charge.source, COST_PROVIDER);
	assert_true(charge.cost_pico == 0);
	assert_null(charge_doubt_name(&charge));
	usage.doubt = USAGE_DOUBT_INCONSISTENT;
	catalog_price(catalog, &usage, &charge);
	assert_int_equal(charge.source, COST_UNPRICED);
	usage.reported_cost_pico = 250000000;
	catalog_price(catalog, &usage, &charge);
	assert_int_equal(charge.source, COST_PROVIDER);
	assert_true(charge.cost_pico == 250000000);
	catalog_unref(catalog);
}

/* An error that did count tokens is billed by its counts. */
static void test_counted_error(void **state)
{
	struct usage usage = a_usage("gpt-5", "2026-11-25", (struct counts){ 10000, 0, 1000, 0 });
	struct catalog *catalog = the_book();
	struct charge charge;

	(void)state;
	usage.status = 500;
	catalog_price(catalog, &usage, &charge);
	assert_true(charge.cost_pico == 22500000000);
	assert_string_equal(charge.context, "");
	catalog_unref(catalog);
}

#define HEAD  "{'catalog': 'c', 'provider': 'p', 'models': ["
#define MODEL HEAD "{'model': 'm', 'rates': ["
#define RATES MODEL "{'from': '2025-01-01', 'per_million': "
#define TAIL  "}]}]}"

struct bad_row {
	const char *text;
	const char *error;
};

static const struct bad_row bad_rows[] = {
	{ "", "test.json:1: " },
	{ "{\n'catalog': 'c',\n,", "test.json:3: " },
	{ "[]", "test.json: expected an object" },
	{ "{}", "test.json: catalog: expected a text of 1 to 47 bytes" },
	{ "{'catalog': 'c'}", "test.json: provider: expected a text of 1 to 31 bytes" },
	{ "{'catalog': 'c', 'provider': 'p'}", "test.json: models: expected a list of 1 to 65536" },
	{ "{'catalog': 'c', 'provider': 'p', 'models': {}}", "test.json: models: expected a list" },
	{ "{'catalog': 'c', 'catalog': 'd'}", "test.json:1: duplicate object key" },
	{ "{'Catalog': 'c'}",
	  "test.json: Catalog: expected one of the keys catalog, provider, gateways, source, "
	  "contracted, fallback, holidays, models" },
	{ "{'catalog': 'c', 'provider': 'p', 'fallback': {'web_searches': 1}}",
	  "test.json: fallback.web_searches: expected decimal text" },
	{ "{'catalog': 'c', 'provider': 'p', 'fallback': []}",
	  "test.json: fallback: expected an object of bucket" },
	{ "{'catalog': 'c', 'provider': 'p', 'gateways': [7], 'models': [{'model': 'm', 'rates': "
	  "[{'from': '2025-01-01', 'per_unit': {'input': '1'}}]}]}",
	  "test.json: models[0]: expected gateways that are names of providers" },
	{ HEAD "7]}", "test.json: models[0]: expected an object" },
	{ HEAD "{'model': 'm', 'price': 1}]}",
	  "test.json: models[0].price: expected one of the keys model" },
	{ HEAD "{'model': 'm'}]}", "test.json: models[0].rates: expected a list of 1 to 256" },
	{ HEAD "{'model': 'm', 'rates': []}]}",
	  "test.json: models[0].rates: expected a list of 1" },
	{ HEAD "{'model': '', 'rates': [{}]}]}", "test.json: models[0].model: expected a text" },
	{ HEAD "{'model': 'a\\nb', 'rates': [{}]}]}",
	  "test.json: models[0].model: expected a text" },
	{ "{'catalog': 'c', 'provider': 'p', 'currency': 'EUR', 'models': []}",
	  "test.json: currency: expected one of the keys catalog" },
	{ MODEL "{'from': '2025-01-01', 'per_gallon': {'input': '1'}}]}]}",
	  "models[0].rates[0].per_gallon: expected one of the keys from" },
	{ MODEL "{}]}]}", "test.json: models[0].rates[0].from: expected a date such as" },
	{ MODEL "{'from': '2025-02-30'}]}]}", "models[0].rates[0].from: expected a date" },
	{ MODEL "{'from': '2025-1-1'}]}]}", "models[0].rates[0].from: expected a date" },
	{ MODEL "{'from': '2025-01-01'}]}]}",
	  "models[0].rates[0]: expected a rate in per_million or" },
	{ MODEL "{'from': '2025-01-01', 'tier': ''}]}]}",
	  "models[0].rates[0].tier: expected a text" },
	{ MODEL "{'from': '2025-01-01', 'input_over': 0}]}]}",
	  "rates[0].input_over: expected a whole number" },
	{ MODEL "{'from': '2025-01-01', 'input_over': 1.5}]}]}",
	  "rates[0].input_over: expected a whole" },
	{ RATES "[]" TAIL, "models[0].rates[0].per_million: expected an object of bucket: rate" },
	{ RATES "{'inptu': '1'}" TAIL, "per_million.inptu: expected the name of a bucket" },
	{ RATES "{'input': 0.15}" TAIL,
	  "models[0].rates[0].per_million.input: expected decimal text such as \"0.15\"" },
	{ RATES "{'input': 3}" TAIL, "per_million.input: expected decimal text such as \"0.15\"" },
	{ RATES "{'input': ''}" TAIL, "per_million.input: expected decimal text" },
	{ RATES "{'input': '1e-6'}" TAIL, "per_million.input: expected decimal text" },
	{ RATES "{'input': '1 USD'}" TAIL, "per_million.input: expected decimal text" },
	{ RATES "{'input': '-1'}" TAIL,
	  "per_million.input: expected a rate from 0 to 1000000 USD" },
	{ RATES "{'input': '1000000.1'}" TAIL, "per_million.input: expected a rate from 0 to" },
	{ RATES "{'input': '0.0000000000000000001'}" TAIL,
	  "per_million.input: expected a rate from 0 to" },
	{ RATES "{'input': '1'}, 'per_unit': {'input': '1'}" TAIL,
	  "per_unit.input: expected each bucket once" },
	{ RATES "{'input': '=output'}" TAIL,
	  "rates[0]: expected after = a bucket with a rate of its own" },
	{ RATES "{'input': '=input'}" TAIL,
	  "rates[0]: expected after = a bucket with a rate of its own" },
	{ RATES "{'input': '=x'}" TAIL, "per_million.input: expected the name of a bucket" },
	{ RATES "{'output': '1', 'output_reasoning': '=output', 'output_audio': "
		"'=output_reasoning'}" TAIL,
	  "rates[0]: expected after = a bucket with a rate of its own" },
	{ RATES "{'input': '1'}}, {'from': '2025-01-01', 'per_million': {'input': '1'}" TAIL,
	  "models[0].rates[1]: expected a later date" },
	{ RATES "{'input': '1'}}, {'from': '2024-12-31', 'per_million': {'input': '1'}" TAIL,
	  "models[0].rates[1]: expected a later date" },
	{ RATES "{'input': '1'}" TAIL "x", "test.json:1: end of file expected" },
	{ HEAD "{'model': 'm', 'rates': [{'from': '2025-01-01', 'per_unit': {'input': '1'}}]},"
	       "{'model': 'm', 'rates': [{'from': '2025-01-01', 'per_unit': {'input': '1'}}]}]}",
	  "models[1]: expected a model that no other entry names" },
	{ HEAD "{'model': 'm', 'aliases': ['n', 'm'],"
	       " 'rates': [{'from': '2025-01-01', 'per_unit': {'input': '1'}}]}]}",
	  "models[0].aliases[1]: expected a model that no other entry names" },
	{ HEAD "{'model': 'm', 'aliases': [4], 'rates': [{'from': '2025-01-01', 'per_unit': "
	       "{'input': '1'}}]}]}",
	  "models[0].aliases[0]: expected the name of a model" },
};

static void test_bad_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
		struct catalog *catalog;
		struct err err = { "" };

		assert_int_equal(catalog_new(&catalog), 0);
		assert_int_equal(add_text(catalog, bad_rows[i].text, &err), -EINVAL);
		if (!strstr(err.text, bad_rows[i].error))
			fail_msg("row %zu: got \"%s\", want \"%s\"", i, err.text,
				 bad_rows[i].error);
		catalog_unref(catalog);
	}
}

/* At the prices of the provider behind it; and what the user agreed upon holds from its date. */
static void test_gateway_and_contract(void **state)
{
	static const char list[] =
	    "{'catalog': 'list', 'provider': 'p', 'gateways': ['g', 'h'], 'models': [{'model': 'm',"
	    "'aliases': ['n'], 'rates': [{'from': '2025-01-01', 'per_unit': {'input': '2'}}]}]}";
	static const char agreed[] =
	    "{'catalog': 'agreed', 'provider': 'h', 'contracted': true, 'models': [{'model': 'm',"
	    "'rates': [{'from': '2025-01-01', 'per_unit': {'input': '1'}}]}]}";
	static const struct {
		const char *provider, *model, *time;
		int64_t usd; /* -1: no rate for that date, -2: no such model */
	} cases[] = {
		{ "p", "m", "2026-01-01", 2 },  { "g", "n", "2026-01-01", 2 },
		{ "g", "m", "2024-01-01", 2 },  { "h", "m", "2026-01-01", 1 },
		{ "h", "n", "2026-01-01", 2 },  { "h", "m", "2024-12-31", -1 },
		{ "i", "m", "2026-01-01", -2 },
	};
	struct catalog *catalog = catalog_of(list);
	struct err err = { "" };

	(void)state;
	assert_int_equal(add_text(catalog, agreed, &err), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct usage usage =
		    a_usage(cases[i].model, cases[i].time, (struct counts){ 1, 0, 0, 0 });
		struct charge charge;

		span_copy(span_of(cases[i].provider), usage.provider, sizeof(usage.provider));
		catalog_price(catalog, &usage, &charge);
		if (cases[i].usd > 0)
			assert_true(charge.cost_pico == cases[i].usd * 1000000000000);
		else
			assert_int_equal(charge.doubt, cases[i].usd == -1
							   ? PRICE_DOUBT_DATE
							   : PRICE_DOUBT_MODEL_UNKNOWN);
	}
	catalog_unref(catalog);
}

static void test_limits_are_inclusive(void **state)
{
	struct catalog *catalog = catalog_of(RATES "{'input': '1000000', 'output': '0',"
						   " 'input_audio': '0.000000000000000001'}" TAIL);

	(void)state;
	assert_int_equal(catalog_models(catalog), 1);
	catalog_unref(catalog);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256], *json = quoted(text);
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(json, file);
	fclose(file);
	free(json);
}

static void remove_file(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(unlink(path), 0);
}

static void test_load(void **state)
{
	char dir[] = "/tmp/catalog-XXXXXX";
	struct catalog *catalog = NULL;
	struct err err = { "" };

	(void)state;
	assert_non_null(mkdtemp(dir));
	write_file(dir, "a.json", book);
	write_file(dir, "b.json", RATES "{'input': '1'}" TAIL);
	write_file(dir, "notes.txt", "not read");
	write_file(dir, ".hidden.json", "not read");
	assert_int_equal(catalog_load(dir, &catalog, &err), 0);
	assert_int_equal(catalog_models(catalog), 8);
	catalog_unref(catalog_ref(catalog));
	assert_int_equal(catalog_models(catalog), 8);
	catalog_unref(catalog);

	/* the same model in a second file; the error has the path */
	catalog = NULL;
	write_file(dir, "c.json", RATES "{'input': '1'}" TAIL);
	assert_int_equal(catalog_load(dir, &catalog, &err), -EINVAL);
	assert_null(catalog);
	assert_non_null(strstr(err.text, "/c.json: models[0]: expected a model that no other"));
	remove_file(dir, "a.json");
	remove_file(dir, "b.json");
	remove_file(dir, "c.json");
	remove_file(dir, "notes.txt");
	remove_file(dir, ".hidden.json");

	assert_int_equal(catalog_load(dir, &catalog, &err), 0);
	assert_int_equal(catalog_models(catalog), 0);
	catalog_unref(catalog);
	assert_int_equal(rmdir(dir), 0);
	err.text[0] = '\0';
	assert_int_equal(catalog_load(dir, &catalog, &err), -ENOENT);
	assert_non_null(strstr(err.text, dir));
	catalog_unref(NULL);
}

/* What ships is well-formed, and each family there prices its plain call. */
static void test_shipped(void **state)
{
	struct catalog *catalog;
	struct err err = { "" };
	struct charge charge;
	struct usage usage;

	(void)state;
	if (catalog_load("config/prices", &catalog, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(catalog_models(catalog) > 40);
	/* the o3 cut of 2025-06-10: 1000 x 10 + 1000 x 40, then 1000 x 2 + 1000 x 8 */
	usage =
	    a_usage("o3-2025-04-16", "2025-06-09T23:59:59Z", (struct counts){ 1000, 0, 1000, 0 });
	catalog_price(catalog, &usage, &charge);
	assert_true(charge.cost_pico == 50000000000);
	usage =
	    a_usage("o3-2025-04-16", "2025-06-10T00:00:00Z", (struct counts){ 1000, 0, 1000, 0 });
	catalog_price(catalog, &usage, &charge);
	assert_true(charge.cost_pico == 10000000000);
	catalog_unref(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_unbilled),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_common_rates),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_served_model_wins),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_reported),
		cmocka_unit_test(test_counted_error),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_gateway_and_contract),
		cmocka_unit_test(test_limits_are_inclusive),
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
