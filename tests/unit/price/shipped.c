/* config/prices as shipped: published cases that no vector of bytes can hold, because what they are
 * about does not show on the wire (batches) or comes by a transport that is not metered. */
#include "cases.h"

static const struct case_row rows[] = {
	/* pricing case 20, reasoning within the text: (10 + 19) x 2.4 = 69.6 millionths */
	{ "20 reasoning of realtime",
	  "openai",
	  "gpt-realtime-2.1-mini",
	  "",
	  "2026-11-25",
	  { { USAGE_OUTPUT, 10 }, { USAGE_OUTPUT_REASONING, 19 } },
	  "0.0000696" },
	/* pricing case 30, a bare id is served in its region: 10000 x 5.5 + 1000 x 27.5 */
	{ "30 in the region",
	  "bedrock",
	  "anthropic.claude-opus-4-5-20251101-v1:0",
	  "",
	  "2026-11-25",
	  { { USAGE_INPUT, 10000 }, { USAGE_OUTPUT, 1000 } },
	  "0.0825" },
	{ "30 of all regions",
	  "bedrock",
	  "global.anthropic.claude-opus-4-5-20251101-v1:0",
	  "",
	  "2026-11-25",
	  { { USAGE_INPUT, 10000 }, { USAGE_OUTPUT, 1000 } },
	  "0.075" },
	/* pricing case 64: 100 x 32 + 900 x 0.4 = 3560 millionths */
	{ "64 cached audio",
	  "openai",
	  "gpt-realtime",
	  "",
	  "2026-11-25",
	  { { USAGE_INPUT_AUDIO, 100 }, { USAGE_INPUT_AUDIO_CACHE_READ, 900 } },
	  "0.00356" },
	/* pricing case 65: a minute of the model that listens, 0.006 */
	{ "65 a minute heard",
	  "openai",
	  "whisper-1",
	  "",
	  "2026-11-25",
	  { { USAGE_AUDIO_SECONDS, 60 } },
	  "0.006" },
	/* pricing case 69, a long batch: 300000 x 2.5 + 1000 x 11.25 = 761250 millionths */
	{ "69 a long batch",
	  "openai",
	  "gpt-5.4",
	  "batch",
	  "2026-11-25",
	  { { USAGE_INPUT, 300000 }, { USAGE_OUTPUT, 1000 } },
	  "0.76125" },
};

static void test_rows(void **state)
{
	struct catalog *catalog;
	struct err err = { "" };

	(void)state;
	if (catalog_load("config/prices", &catalog, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		case_check(catalog, &rows[i]);
	catalog_unref(catalog);
}

/* pricing case 69 at the rates of its thread: 2000 x 1 + 8000 x 0.25 + 500 x 4 = 6000 millionths */
static void test_cached_batch(void **state)
{
	static const char list[] =
	    "{'catalog': 'c', 'provider': 'openai', 'models': [{'model': 'gpt-4.1', 'rates': ["
	    " {'from': '2025-04-14', 'per_million': {'input': '2', 'input_cache_read': '0.5',"
	    "  'output': '8'}},"
	    " {'from': '2025-04-14', 'tier': 'batch', 'per_million': {'input': '1',"
	    "  'input_cache_read': '0.25', 'output': '4'}}]}]}";
	static const struct case_row row = {
		"69 a cached batch",
		"openai",
		"gpt-4.1",
		"batch",
		"2026-11-25",
		{ { USAGE_INPUT, 2000 }, { USAGE_INPUT_CACHE_READ, 8000 }, { USAGE_OUTPUT, 500 } },
		"0.006"
	};
	struct catalog *catalog;
	struct err err = { "" };

	(void)state;
	assert_int_equal(catalog_new(&catalog), 0);
	assert_int_equal(case_add(catalog, list, &err), 0);
	case_check(catalog, &row);
	catalog_unref(catalog);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cached_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
