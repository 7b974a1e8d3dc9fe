/* config/prices as shipped: published cases that no vector of bytes can hold, because what they are
 * about does not show on the wire (batches) or comes by a transport that is not metered. */
#include "cases.h"

static const struct case_row rows[] = {
	/* pricing case 65: a minute of the model that listens, 0.006 */
	{ "65 a minute heard",
	  "openai",
	  "whisper-1",
	  "",
	  "2026-11-25",
	  { { USAGE_AUDIO_SECONDS, 60 } },
	  "0.006" },
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
