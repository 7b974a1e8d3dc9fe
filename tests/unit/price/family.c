/* Names of models as providers write them, and what is left without date and owner. */
#include "price/family.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct row {
	const char *name, *left;
};

static const struct row dates[] = {
	{ "gpt-4o-mini-2024-07-18", "gpt-4o-mini" },
	{ "claude-sonnet-4-5-20250929", "claude-sonnet-4-5" },
	{ "claude-sonnet-4-5@20250929", "claude-sonnet-4-5" },
	{ "gemini-2.0-flash-001", "gemini-2.0-flash" },
	/* versions, and what is no date, stay */
	{ "gpt-5.4-mini", "gpt-5.4-mini" },
	{ "gpt-4o-2024-13-18", "gpt-4o-2024-13-18" },
	{ "gpt-4o-20240732", "gpt-4o-20240732" },
	{ "deepseek-chat-v3-0324", "deepseek-chat-v3-0324" },
	{ "grok-4.3", "grok-4.3" },
	{ "-2024-07-18", "-2024-07-18" },
	{ "-001", "-001" },
	{ "", "" },
};

static const struct row owners[] = {
	{ "ft:gpt-4o-mini-2024-07-18:org::id", "ft:gpt-4o-mini-2024-07-18" },
	{ "ft:gpt-4o", "ft:gpt-4o" },
	{ "anthropic.claude-v2:1", "anthropic.claude-v2:1" },
	{ "ft:", "ft:" },
	{ "", "" },
};

static void test_dates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
		assert_true(
		    span_eq(family_without_date(span_of(dates[i].name)), span_of(dates[i].left)));
}

static void test_owners(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
		assert_true(span_eq(family_without_owner(span_of(owners[i].name)),
				    span_of(owners[i].left)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
