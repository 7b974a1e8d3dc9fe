/* Times as people say them. 1 700 000 000 s is 2023-11-14T22:13:20Z. */
#include "cli/since.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/timestamp.h"

#define LENGTH(a) (sizeof(a) / sizeof(*(a)))
#define NOW_S     1700000000LL

static void test_times(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
		{ "2023-11-14T22:13:20Z", NOW_S },
		{ "2023-11-14T23:13:20+01:00", NOW_S },
		{ "2023-11-14", NOW_S - 22 * 3600 - 13 * 60 - 20 },
		{ "0s", NOW_S },
		{ "90s", NOW_S - 90 },
		{ "15m", NOW_S - 900 },
		{ "2h", NOW_S - 7200 },
		{ "7d", NOW_S - 604800 },
		{ "4w", NOW_S - 2419200 },
		{ "100000d", 0 }, /* before 1970 is from the beginning */
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int64_t ns = -1;

		assert_int_equal(since_parse(cases[i].text, NOW_S * NS_PER_SEC, &ns), 0);
		if (ns != cases[i].seconds * NS_PER_SEC)
			fail_msg("%s: %lld", cases[i].text, (long long)ns);
	}
}

static void test_refused(void **state)
{
	static const char *const cases[] = { "",
					     "m",
					     "-5m",
					     "1.5h",
					     "5 m",
					     "5M",
					     "5min",
					     "now",
					     "5",
					     "h5",
					     "yesterday",
					     "99999999999999999999s",
					     "300000000000000d" };

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		int64_t ns;

		if (since_parse(cases[i], NOW_S * NS_PER_SEC, &ns) != -EINVAL)
			fail_msg("%s was taken", cases[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
