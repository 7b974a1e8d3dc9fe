/* The calendar against the C library and, beyond its years, against the era of 400 years. */
#include "base/civil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

/* Every day of 800 years against the C library. */
static void test_calendar(void **state)
{
	(void)state;
	for (int64_t days = civil_to_days(1600, 1, 1); days < civil_to_days(2400, 1, 1); days++) {
		time_t seconds = days * 86400;
		int64_t year;
		int month, day;
		struct tm tm;

		gmtime_r(&seconds, &tm);
		civil_from_days(days, &year, &month, &day);
		assert_int_equal(year, tm.tm_year + 1900);
		assert_int_equal(month, tm.tm_mon + 1);
		assert_int_equal(day, tm.tm_mday);
		assert_int_equal(civil_to_days(year, month, day), days);
	}
}

/* 400 years are 146,097 days, also before year 0 and far away. */
static void test_eras(void **state)
{
	(void)state;
	for (int64_t era = -1000; era <= 1000; era++) {
		int64_t days = 11016 + era * 146097, year; /* 2000-02-29 is day 11,016 */
		int month, day;

		civil_from_days(days, &year, &month, &day);
		assert_int_equal(year, 2000 + era * 400);
		assert_int_equal(month, 2);
		assert_int_equal(day, 29);
		assert_int_equal(civil_to_days(year, month, day), days);
		assert_int_equal(civil_to_days(year, 3, 1), days + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calendar),
		cmocka_unit_test(test_eras),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
