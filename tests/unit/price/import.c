/* Catalogs of others, in the shapes of their published formats, into price lists of ours; then what
 * calls cost by these. */
#include "price/import.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cases.h"

static const char litellm[] =
    "{'sample_spec': {'litellm_provider': 'one of', 'input_cost_per_token': 0.0},"
    " 'gpt-x': {'litellm_provider': 'openai', 'input_cost_per_token': 1.25e-06,"
    "  'output_cost_per_token': 1e-05, 'input_cost_per_token_batches': 6.25e-07,"
    "  'output_cost_per_token_batches': 5e-06, 'input_cost_per_token_above_200k_tokens': 2.5e-06,"
    "  'regional_processing_uplift_multiplier_eu': 1.1, 'fedramp_uplift_multiplier': 1.2,"
    "  'mode': 'chat', 'source': 'a \\\\ 12'},"
    " 'noisy': {'litellm_provider': 'openai', 'input_cost_per_token': 5.0000000000000004e-08},"
    " 'free': {'litellm_provider': 'openai', 'input_cost_per_token': 0.0,"
    "  'output_cost_per_token': 0.0},"
    " 'xai/grok-x': {'litellm_provider': 'xai', 'input_cost_per_token': 1.25e-06,"
    "  'input_cost_per_token_above_200k_tokens': 2.5e-06},"
    " 'bedrock/us-east-1/x': {'litellm_provider': 'bedrock', 'input_cost_per_token': 1e-06},"
    " 'other': {'litellm_provider': 'nobody', 'input_cost_per_token': 1e-06}}";

static const char genai[] =
    "[{'id': 'openai', 'models': [{'id': 'gpt-y', 'match': {'or': [{'equals': 'gpt-y-pro'},"
    "   {'starts_with': 'gpt-yy'}, {'regex': 'z.*'}]}, 'prices': ["
    "   {'prices': {'input_mtok': '3', 'output_mtok': '4'}},"
    "   {'constraint': {'start_date': '2026-02-01'}, 'prices': {'input_mtok': {'base': '1',"
    "    'tiers': [{'start': 1000, 'price': '2'}]}, 'output_mtok': '5'}}],"
    "  'price_variants': [{'when': {'processing': 'batch'}, 'prices': {'input_mtok': '0.5'}},"
    "   {'when': {'service_tier': 'default'}, 'prices': {'input_mtok': '9'}}]},"
    "  {'id': 'gpt-x', 'prices': {'input_mtok': '1.5'}},"
    "  {'id': 'ear', 'prices': {'input_audio_hours': '0.111'}}]},"
    " {'id': 'deepseek', 'models': [{'id': 'night', 'prices': ["
    "   {'prices': {'input_mtok': '1'}},"
    "   {'constraint': {'start_time': '16:30:00Z', 'end_time': '00:30:00Z'},"
    "    'prices': {'input_mtok': '0.5'}}]}]}]";

static const char models_dev[] =
    "{'openai': {'id': 'openai', 'models': {'gpt-z': {'id': 'gpt-z', 'limit': {'context': 1},"
    " 'cost': {'input': 2.50, 'output': 15, 'cache_read': 0.25,"
    "  'tiers': [{'input': 5, 'output': 22.5, 'tier': {'type': 'context', 'size': 272000}}]}}}}}";

struct fixture {
	char dir[64], file[80];
	unsigned lines;
	char last[256];
	bool only_missing;
};

static void on_line(void *ctx, const char *line)
{
	struct fixture *f = ctx;

	f->lines++;
	snprintf(f->last, sizeof(f->last), "%s", line);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/outlay-import-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->file, sizeof(f->file), "%s/in", f->dir);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "in",           "openai.json",
					     "xai.json",     "deepseek.json",
					     "bedrock.json", "alibaba.json" };
	struct fixture *f = *state;
	char path[96];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static int take(struct fixture *f, const char *from, const char *text, const char *date, bool force,
		struct import_counts *counts, struct err *err)
{
	struct import_options options = { .from = from,
					  .version = "1.2",
					  .date = date,
					  .force = force,
					  .only_missing = f->only_missing,
					  .say = on_line,
					  .ctx = f };
	FILE *file = fopen(f->file, "we");

	for (const char *c = text; *c; c++)
		putc(*c == '\'' ? '"' : *c, file);
	fclose(file);
	return import_file(&options, f->file, f->dir, counts, err);
}

/* What is to be taken without a word against it. */
static struct import_counts merge(struct fixture *f, const char *from, const char *text,
				  const char *date)
{
	struct import_counts counts;
	struct err err = { "" };

	assert_int_equal(take(f, from, text, date, false, &counts, &err), 0);
	return counts;
}

static bool file_holds(const struct fixture *f, const char *name, const char *text)
{
	char path[96], bytes[16384] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	file = fopen(path, "re");
	assert_non_null(file);
	assert_true(fread(bytes, 1, sizeof(bytes) - 1, file) > 0);
	fclose(file);
	return strstr(bytes, text);
}

static void check(const struct fixture *f, const struct case_row *rows, size_t n)
{
	struct catalog *catalog;
	struct err err = { "" };

	assert_int_equal(catalog_load(f->dir, &catalog, &err), 0);
	for (size_t i = 0; i < n; i++)
		case_check(catalog, &rows[i]);
	catalog_unref(catalog);
}

#define IN(name, provider, model, tier, time, count, usd)                                          \
	{                                                                                          \
		name, provider, model, tier, time, { { USAGE_INPUT, count } }, usd                 \
	}

static void test_litellm(void **state)
{
	static const struct case_row rows[] = {
		IN("a rate a token", "openai", "gpt-x", "", "2021-01-01", 1000000, "2.5"),
		IN("below the step", "openai", "gpt-x", "", "2021-01-01", 200000, "0.25"),
		IN("batch", "openai", "gpt-x", "batch", "2021-01-01", 1000, "0.000625"),
		IN("no such tier", "openai", "gpt-x", "flex", "2021-01-01", 1000, NULL),
		IN("noise of doubles", "openai", "noisy", "", "2021-01-01", 1000000, "0.05"),
		IN("0 means unknown", "openai", "free", "", "2021-01-01", 1, NULL),
		IN("40 inclusive", "xai", "grok-x", "", "2021-01-01", 200000, "0.5"),
		IN("40 below", "xai", "grok-x", "", "2021-01-01", 199999, "0.24999875"),
	};
	struct import_counts counts;
	struct err err = { "" };

	assert_int_equal(take(*state, "litellm", litellm, "2026-11-25", false, &counts, &err), 0);
	assert_int_equal(counts.added, 3);
	assert_int_equal(counts.left_out, 1);
	check(*state, rows, sizeof(rows) / sizeof(rows[0]));
	assert_true(file_holds(*state, "openai.json",
			       "\"uplifts\":{\"server=gov.api.openai.com\":\"1.2\","
			       "\"server!=api.openai.com\":\"1.1\"}"));
}

/* Steps in a list, as Alibaba's: the whole call is of the step that its input reaches. */
static void test_steps(void **state)
{
	static const char steps[] =
	    "{'dashscope/q': {'litellm_provider': 'dashscope', 'tiered_pricing': ["
	    "{'range': [0, 32000.0], 'input_cost_per_token': 1.2e-06, "
	    "'output_cost_per_token': 6e-06}, "
	    "{'range': [32000.0, 128000.0], 'input_cost_per_token': 2.4e-06, "
	    "'output_cost_per_token': 1.2e-05}]}}";
	static const struct case_row rows[] = {
		IN("up to the step", "alibaba", "q", "", "2026-11-25", 32000, "0.0384"),
		IN("above it", "alibaba", "q", "", "2026-11-25", 32001, "0.0768024"),
	};
	struct import_counts counts;
	struct fixture *f = *state;

	counts = merge(f, "litellm", steps, "2026-11-25");
	assert_int_equal(counts.added, 1);
	check(f, rows, 2);
}

/* Mantle's names have no version; the one that Bedrock has as well is no second model. */
static void test_mantle(void **state)
{
	static const char mantle[] =
	    "{'bedrock_mantle/anthropic.x': {'litellm_provider': 'bedrock_mantle',"
	    "  'input_cost_per_token': 2e-06},"
	    " 'anthropic.x': {'litellm_provider': 'bedrock', 'input_cost_per_token': 1e-06},"
	    " 'bedrock_mantle/openai.y': {'litellm_provider': 'bedrock_mantle',"
	    "  'input_cost_per_token': 3e-06},"
	    " 'bedrock_mantle/us-gov-west-1/openai.z': {'litellm_provider': 'bedrock_mantle',"
	    "  'input_cost_per_token': 4e-06}}";
	static const struct case_row rows[] = {
		IN("named twice", "bedrock", "anthropic.x", "", "2026-11-25", 1000000, "1"),
		IN("Mantle's alone", "bedrock", "openai.y", "", "2026-11-25", 1000000, "3"),
		IN("of a region", "bedrock", "openai.z", "", "2026-11-25", 1, NULL),
	};
	struct import_counts counts;
	struct err err = { "" };

	assert_int_equal(take(*state, "litellm", mantle, "2026-11-25", false, &counts, &err), 0);
	assert_int_equal(counts.added, 2);
	check(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_genai(void **state)
{
	static const struct case_row rows[] = {
		IN("45 history", "openai", "gpt-y", "", "2026-01-31", 1000, "0.003"),
		IN("45 today", "openai", "gpt-y", "", "2026-02-01", 1000, "0.001"),
		IN("38 the whole call", "openai", "gpt-y", "", "2026-02-01", 1001, "0.002002"),
		IN("batch", "openai", "gpt-y-pro", "batch", "2026-02-01", 1000, "0.0005"),
		IN("a beginning", "openai", "gpt-yy-2025-01-01", "", "2026-02-01", 1000, "0.001"),
		IN("no pattern", "openai", "zz", "", "2026-02-01", 1000, NULL),
		IN("by night", "deepseek", "night", "", "2026-02-01T17:00:00Z", 1000000, "0.5"),
		{ "an hour of 3600 s, exactly",
		  "openai",
		  "ear",
		  "",
		  "2026-02-01",
		  { { USAGE_AUDIO_SECONDS, 3600 } },
		  "0.111" },
		IN("by day", "deepseek", "night", "", "2026-02-01T12:00:00Z", 1000000, "1"),
	};
	struct import_counts counts;
	struct err err = { "" };

	assert_int_equal(take(*state, "genai-prices", genai, "2026-11-25", false, &counts, &err),
			 0);
	assert_int_equal(counts.added, 4);
	check(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

static void test_models_dev(void **state)
{
	static const struct case_row rows[] = {
		IN("below", "openai", "gpt-z", "", "2021-01-01", 272000, "0.68"),
		IN("above", "openai", "gpt-z", "", "2021-01-01", 272001, "1.360005"),
	};
	struct import_counts counts;
	struct err err = { "" };

	assert_int_equal(take(*state, "models.dev", models_dev, "2026-11-25", false, &counts, &err),
			 0);
	check(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

#define ONE(rate) "{'m': {'litellm_provider': 'openai', 'input_cost_per_token': " rate "}}"

/* A rate that its source changed begins with the import; the former keeps its time. */
static void test_change(void **state)
{
	static const struct case_row rows[] = {
		IN("45 before", "openai", "m", "", "2026-11-24", 1000000, "2.5"),
		IN("45 from then on", "openai", "m", "", "2026-11-25", 1000000, "2"),
	};
	struct import_counts counts;
	struct fixture *f = *state;

	counts = merge(f, "litellm", ONE("2.5e-06"), "2026-01-01");
	counts = merge(f, "litellm", ONE("2e-06"), "2026-11-25");
	assert_int_equal(counts.changed, 1);
	assert_string_equal(f->last, "changed: openai/m input: 2.5 here, 2 in litellm 1.2");
	check(f, rows, 2);
	/* the same again is nothing new */
	counts = merge(f, "litellm", ONE("2e-06"), "2026-11-26");
	assert_int_equal(counts.changed, 0);
}

/* What a list says of all its models is no change of one that says it, too. */
static void test_common(void **state)
{
	static const char list[] =
	    "{'catalog': 'openai-1', 'provider': 'openai', 'source': [], "
	    "'fallback': {'web_searches': '0.01'}, 'models': ["
	    "{'model': 'gpt-old', 'source': 'genai-prices 1.2', 'rates': [{'from': '2020-01-01', "
	    "'per_million': {'input': '3'}}]}]}";
	static const char said[] =
	    "[{'id': 'openai', 'models': ["
	    "{'id': 'gpt-old', 'prices': {'input_mtok': '3', 'web_searches_kcount': '10'}},"
	    "{'id': 'gpt-new', 'prices': {'input_mtok': '4', 'web_searches_kcount': '10'}},"
	    "{'id': 'gpt-dear', 'prices': {'input_mtok': '5', 'web_searches_kcount': '25'}}]}]";
	struct fixture *f = *state;
	struct import_counts counts = { 0 };
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/openai.json", f->dir);
	file = fopen(path, "we");
	for (const char *c = list; *c; c++)
		putc(*c == '\'' ? '"' : *c, file);
	fclose(file);
	counts = merge(f, "genai-prices", said, "2026-11-26");
	assert_int_equal(f->lines, 0);
	assert_int_equal(counts.changed, 0);
	assert_true(file_holds(f, "openai.json", "{\"input\":\"3\"}}]"));
	assert_true(file_holds(f, "openai.json", "{\"input\":\"4\"}}]"));
	assert_true(file_holds(f, "openai.json",
			       "{\"input\":\"5\"},\"per_unit\":{\"web_searches\":\"0.025\"}"));
}

#define TIERED(plain, batch, long)                                                                 \
	"{'m': {'litellm_provider': 'openai', 'input_cost_per_token': " plain                      \
	", 'input_cost_per_token_batches': " batch                                                 \
	", 'input_cost_per_token_above_200k_tokens': " long "}}"

/* A tier of its own price changes by itself, and a change leaves no step behind. */
static void test_change_of_tier(void **state)
{
	static const struct case_row rows[] = {
		IN("plain", "openai", "m", "", "2026-11-25", 1000, "0.002"),
		IN("long", "openai", "m", "", "2026-11-25", 200001, "0.800004"),
		IN("batch before", "openai", "m", "batch", "2026-11-24", 1000, "0.001"),
		IN("batch", "openai", "m", "batch", "2026-11-25", 1000, "0.0005"),
		IN("plain later", "openai", "m", "", "2026-11-26", 1000, "0.003"),
		IN("long later", "openai", "m", "", "2026-11-26", 200001, "1.000005"),
	};
	struct import_counts counts;
	struct fixture *f = *state;
	struct err err = { "" };

	assert_int_equal(take(f, "litellm", TIERED("2e-06", "1e-06", "4e-06"), "2026-01-01", false,
			      &counts, &err),
			 0);
	assert_int_equal(take(f, "litellm", TIERED("2e-06", "5e-07", "4e-06"), "2026-11-25", false,
			      &counts, &err),
			 0);
	assert_int_equal(counts.changed, 1);
	assert_string_equal(f->last, "changed: openai/m tier=batch input: 1 here, 0.5 in litellm "
				     "1.2");
	/* twice on a day: the second stands */
	assert_int_equal(take(f, "litellm", TIERED("9e-06", "5e-07", "4e-06"), "2026-11-26", false,
			      &counts, &err),
			 0);
	assert_int_equal(take(f, "litellm", TIERED("3e-06", "5e-07", "5e-06"), "2026-11-26", false,
			      &counts, &err),
			 0);
	check(f, rows, sizeof(rows) / sizeof(rows[0]));
	/* and 100-fold is too much in a tier as well */
	assert_int_equal(take(f, "litellm", TIERED("3e-06", "5e-05", "5e-06"), "2026-11-27", false,
			      &counts, &err),
			 -EINVAL);
	assert_string_equal(err.text, "openai/m tier=batch input: from 0.5 to 50 is over 100-fold: "
				      "--force takes it");
}

/* Gemini's flex and batch are half of the standard price and priority 1.8 of it, thoughts as all
 * other output (its page of prices); LiteLLM names the price of thoughts for the standard tier
 * alone. Thoughts that are dearer than other output there keep the price that they have. */
static void test_thoughts_of_a_tier(void **state)
{
	static const char catalog[] =
	    "{'same': {'litellm_provider': 'openai', 'output_cost_per_token': 2e-06,"
	    "  'output_cost_per_reasoning_token': 2e-06, 'output_cost_per_token_flex': 1e-06},"
	    " 'dearer': {'litellm_provider': 'openai', 'output_cost_per_token': 2e-06,"
	    "  'output_cost_per_reasoning_token': 3e-06, 'output_cost_per_token_flex': 1e-06}}";
#define THOUGHTS(name, model, tier, usd)                                                           \
	{                                                                                          \
		name, "openai", model, tier, "2026-11-25",                                         \
		    { { USAGE_OUTPUT_REASONING, 1000000 } }, usd                                   \
	}
	static const struct case_row rows[] = {
		THOUGHTS("standard", "same", "", "2"),
		THOUGHTS("half as all output", "same", "flex", "1"),
		THOUGHTS("dearer", "dearer", "", "3"),
		THOUGHTS("no other price is known", "dearer", "flex", "3"),
	};
	struct import_counts counts;
	struct err err = { "" };

	assert_int_equal(take(*state, "litellm", catalog, "2026-11-25", false, &counts, &err), 0);
	check(*state, rows, sizeof(rows) / sizeof(rows[0]));
}

/* From an old version only what is not there, also by the name that a call is looked up by. */
static void test_only_missing(void **state)
{
	static const char now[] =
	    "{'m': {'litellm_provider': 'openai', 'input_cost_per_token': 1e-06}}";
	static const char then[] =
	    "{'m': {'litellm_provider': 'openai', 'input_cost_per_token': 9e-06},"
	    " 'm-2024-01-01': {'litellm_provider': 'openai', 'input_cost_per_token': 9e-06},"
	    " 'retired': {'litellm_provider': 'openai', 'input_cost_per_token': 3e-06}}";
	static const struct case_row rows[] = {
		IN("stays", "openai", "m", "", "2027-01-01", 1000000, "1"),
		IN("stays by its family", "openai", "m-2024-01-01", "", "2027-01-01", 1000000, "1"),
		IN("comes", "openai", "retired", "", "2021-01-01", 1000000, "3"),
	};
	struct import_counts counts;
	struct fixture *f = *state;

	counts = merge(f, "litellm", now, "2026-11-25");
	f->only_missing = true;
	counts = merge(f, "litellm", then, "2026-11-25");
	assert_int_equal(counts.added, 1);
	assert_int_equal(counts.changed + counts.disputed, 0);
	check(f, rows, sizeof(rows) / sizeof(rows[0]));
}

/* What cannot be an entry of ours is left out and counted; the rest is taken. */
static void test_left_out(void **state)
{
	static const char catalog[] =
	    "{'m': {'litellm_provider': 'openai', 'input_cost_per_token': 1e-06},"
	    " '': {'litellm_provider': 'openai', 'input_cost_per_token': 1e-06},"
	    " 'a\\nb': {'litellm_provider': 'openai', 'input_cost_per_token': 1e-06},"
	    " 'unpriced': {'litellm_provider': 'openai', 'mode': 'chat'}}";
	struct import_counts counts;
	struct err err = { "" };

	assert_int_equal(take(*state, "litellm", catalog, "2026-11-25", false, &counts, &err), 0);
	assert_int_equal(counts.added, 1);
	assert_int_equal(counts.left_out, 3);
}

/* A rate that no price list may hold: nothing is written. */
static void test_out_of_range(void **state)
{
	struct import_counts counts;
	struct fixture *f = *state;
	struct err err = { "" };
	char path[96];

	assert_int_equal(take(f, "litellm", ONE("2"), "2026-11-25", false, &counts, &err), -EINVAL);
	assert_non_null(strstr(err.text, "openai.json, as it would be: models[0].rates[0]."
					 "per_million.input: expected a rate from 0 to 1000000"));
	snprintf(path, sizeof(path), "%s/openai.json", f->dir);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_dispute(void **state)
{
	static const struct case_row rows[] = {
		IN("the first one stays", "openai", "gpt-x", "", "2026-11-25", 1000, "0.00125"),
	};
	struct import_counts counts;
	struct fixture *f = *state;

	counts = merge(f, "litellm", litellm, "2026-11-25");
	counts = merge(f, "genai-prices", genai, "2026-11-25");
	assert_int_equal(counts.disputed, 1);
	assert_string_equal(f->last,
			    "disputed: openai/gpt-x input: 1.25 here, 1.5 in genai-prices 1.2");
	check(f, rows, 1);
}

/* 90: a price a million taken for one a token. Nothing is written. */
static void test_jump(void **state)
{
	static const struct case_row rows[] = {
		IN("90 the former stays", "openai", "m", "", "2026-11-25", 1000000, "2.5"),
	};
	struct import_counts counts;
	struct fixture *f = *state;
	struct err err = { "" };

	assert_int_equal(take(f, "litellm", ONE("2.5e-06"), "2026-01-01", false, &counts, &err), 0);
	assert_int_equal(take(f, "litellm", ONE("2.5"), "2026-11-25", false, &counts, &err),
			 -EINVAL);
	assert_string_equal(err.text, "openai/m input: from 2.5 to 2500000 is over 100-fold: "
				      "--force takes it");
	check(f, rows, 1);
	err.text[0] = '\0';
	assert_int_equal(take(f, "litellm", ONE("2.5e-04"), "2026-11-25", true, &counts, &err), 0);
	assert_int_equal(counts.changed, 1);
}

static void test_bad(void **state)
{
	struct import_counts counts;
	struct fixture *f = *state;
	struct err err = { "" };

	assert_int_equal(take(f, "nobody", "{}", "2026-11-25", false, &counts, &err), -EINVAL);
	assert_string_equal(err.text, "expected litellm, genai-prices or models.dev, not nobody");
	err.text[0] = '\0';
	assert_int_equal(
	    take(f, "litellm", "{'a': 1,\n'a': 2}", "2026-11-25", false, &counts, &err), -EINVAL);
	assert_non_null(strstr(err.text, "/in:2: duplicate object key"));
	err.text[0] = '\0';
	assert_int_equal(import_file(&(struct import_options){ .from = "litellm" }, "/nowhere",
				     f->dir, &counts, &err),
			 -ENOENT);
}

/* The lists for calls that name no model, today's and the seed's, as they are shipped. They hold
 * pricing cases 92, 93, 94, 95 and 96. */
static void test_services(void **state)
{
	static const struct case_row today[] = {
		{ "92 two segments",
		  "twilio",
		  "",
		  "",
		  "2026-11-25",
		  { { USAGE_SEGMENTS, 2 } },
		  "0.0166" },
		{ "93 three by UCS-2",
		  "twilio",
		  "",
		  "",
		  "2026-11-25",
		  { { USAGE_SEGMENTS, 3 } },
		  "0.0249" },
		{ "94 MMS", "twilio", "", "", "2026-11-25", { { USAGE_MESSAGES, 1 } }, "0.022" },
		{ "95 recipients",
		  "resend",
		  "",
		  "",
		  "2026-11-25",
		  { { USAGE_RECIPIENTS, 4 } },
		  "0.0036" },
		{ "96 bytes",
		  "supabase",
		  "",
		  "",
		  "2026-11-25",
		  { { USAGE_BYTES_OUT, 25000 } },
		  "0.00000225" },
		{ "a GB of Vercel",
		  "vercel-deployments",
		  "",
		  "",
		  "2026-11-25",
		  { { USAGE_BYTES_OUT, 1000000000 }, { USAGE_INVOCATIONS, 1000000 } },
		  "0.75" },
		{ "no model at a model's",
		  "openai",
		  "",
		  "",
		  "2026-11-25",
		  { { USAGE_INPUT, 1 } },
		  NULL },
	};
	static const struct case_row seed[] = {
		IN("gpt-4", "openai", "gpt-4", "", "2026-11-25", 1000, "0.03"),
		{ "rows", "supabase", "", "", "2026-11-25", { { USAGE_ROWS, 10000 } }, "0.0125" },
		{ "mail", "resend", "", "", "2026-11-25", { { USAGE_RECIPIENTS, 1000 } }, "0.4" },
		{ "at home", "twilio", "", "", "2026-11-25", { { USAGE_SEGMENTS, 1 } }, "0.0075" },
		{ "abroad",
		  "twilio",
		  "",
		  "international",
		  "2026-11-25",
		  { { USAGE_SEGMENTS, 1 } },
		  "0.05" },
	};
	struct catalog *catalog;
	struct err err = { "" };

	(void)state;
	assert_int_equal(catalog_load("config/prices", &catalog, &err), 0);
	for (size_t i = 0; i < sizeof(today) / sizeof(today[0]); i++)
		case_check(catalog, &today[i]);
	catalog_unref(catalog);
	assert_int_equal(catalog_load("config/prices/seed-2025", &catalog, &err), 0);
	for (size_t i = 0; i < sizeof(seed) / sizeof(seed[0]); i++)
		case_check(catalog, &seed[i]);
	catalog_unref(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_litellm, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_steps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mantle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_genai, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_models_dev, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_common, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_change_of_tier, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_thoughts_of_a_tier, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_only_missing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_out_of_range, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dispute, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_jump, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad, set_up, tear_down),
		cmocka_unit_test(test_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
