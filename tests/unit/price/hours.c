/* Prices by the clock: DeepSeek's peak hours, weekends and holidays (pricing cases 43 and 44),
 * windows over midnight, and files that say it wrongly. */
#include "price/hours.h"

#include <errno.h>

#include "cases.h"

#define PEAK "'weekdays': [1, 2, 3, 4, 5], 'per_million': {'input': '1.32', 'output': '3.96'}}"

static const char book[] =
    "{'catalog': 'c', 'provider': 'deepseek', 'holidays': ['2026-10-01', '2026-10-02'],"
    " 'models': [{'model': 'deepseek-v4-pro', 'rates': ["
    "  {'from': '2026-04-24', 'per_million': {'input': '0.435', 'output': '0.87'}},"
    "  {'from': '2026-08-17', 'per_million': {'input': '0.66', 'output': '1.98'}},"
    "  {'from': '2026-08-17', 'hours': '01:00-04:00', " PEAK ","
    "  {'from': '2026-08-17', 'hours': '06:00-10:00', " PEAK "]},"
    " {'model': 'deepseek-chat', 'rates': ["
    "  {'from': '2025-02-08', 'per_million': {'input': '0.27'}},"
    "  {'from': '2025-02-08', 'hours': '16:30-00:30', 'per_million': {'input': '0.135'}}]}]}";

#define CALL(name, time, usd)                                                                      \
	{                                                                                          \
		name, "deepseek", "deepseek-v4-pro", "", time,                                     \
		    { { USAGE_INPUT, 10000 }, { USAGE_OUTPUT, 2000 } }, usd                        \
	}
#define OLD_CALL(name, time, usd)                                                                  \
	{                                                                                          \
		name, "deepseek", "deepseek-chat", "", time, { { USAGE_INPUT, 1000000 } }, usd     \
	}

static const struct case_row rows[] = {
	CALL("43 Wednesday, peak", "2026-11-25T02:00:00Z", "0.02112"),
	CALL("44 Saturday is off-peak", "2026-11-28T02:00:00Z", "0.01056"),
	CALL("44 Sunday is off-peak", "2026-11-29T02:00:00Z", "0.01056"),
	CALL("44 a holiday on a Thursday", "2026-10-01T02:00:00Z", "0.01056"),
	CALL("44 the Thursday after", "2026-10-08T02:00:00Z", "0.02112"),
	CALL("43 the first instant", "2026-11-25T01:00:00Z", "0.02112"),
	CALL("43 before it", "2026-11-25T00:59:59.999999999Z", "0.01056"),
	CALL("43 the last instant", "2026-11-25T03:59:59Z", "0.02112"),
	CALL("43 after it", "2026-11-25T04:00:00Z", "0.01056"),
	CALL("43 the second window", "2026-11-25T09:59:59Z", "0.02112"),
	CALL("43 before there was a peak", "2026-08-12T02:00:00Z", "0.00609"),
	OLD_CALL("over midnight: evening", "2025-05-05T16:30:00Z", "0.135"),
	OLD_CALL("over midnight: morning", "2025-05-05T00:29:59Z", "0.135"),
	OLD_CALL("over midnight: day", "2025-05-05T00:30:00Z", "0.27"),
};

static void test_rows(void **state)
{
	struct catalog *catalog;
	struct err err = { "" };

	(void)state;
	assert_int_equal(catalog_new(&catalog), 0);
	assert_int_equal(case_add(catalog, book, &err), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		case_check(catalog, &rows[i]);
	catalog_unref(catalog);
}

#define ENTRY(text)                                                                                \
	"{'catalog': 'c', 'provider': 'p', 'models': [{'model': 'm', 'rates': [{'from': "          \
	"'2025-01-01', " text ", 'per_million': {'input': '1'}}]}]}"

static const char *const bad[][2] = {
	{ ENTRY("'hours': '1-2'"), "rates[0].hours: expected hours of the UTC day" },
	{ ENTRY("'hours': '24:00-01:00'"), "rates[0].hours: expected hours" },
	{ ENTRY("'hours': '10:00-09:60'"), "rates[0].hours: expected hours" },
	{ ENTRY("'hours': '10.00-11.00'"), "rates[0].hours: expected hours" },
	{ ENTRY("'hours': '1x:00-11:00'"), "rates[0].hours: expected hours" },
	{ ENTRY("'hours': '10:00-10:00'"), "rates[0].hours: expected hours" },
	{ ENTRY("'hours': 10"), "rates[0].hours: expected hours" },
	{ ENTRY("'weekdays': [0]"), "rates[0].weekdays: expected days from 1" },
	{ ENTRY("'weekdays': [8]"), "rates[0].weekdays: expected days from 1" },
	{ ENTRY("'weekdays': ['Mon']"), "rates[0].weekdays: expected days from 1" },
	{ ENTRY("'weekdays': []"), "rates[0].weekdays: expected a list of 1 to 7" },
	{ "{'catalog': 'c', 'provider': 'p', 'holidays': ['2026-02-30']}",
	  "holidays[0]: expected a date" },
	{ "{'catalog': 'c', 'provider': 'p', 'holidays': ['2026-02-02', '2026-02-02']}",
	  "holidays[1]: expected a later date" },
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
