/* Time zones against the C library, which is given each as TZ, and against dates that the tz
 * database's own notes tell. */
#include "base/zone.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/zone_rule.h"
#include "tests/unit/budget/random.h"

/* Summer time of half an hour, in winter, at midnight, given up, by Ramadan, none; a date that was
 * left out; offsets of 45 minutes and of 14 hours. */
static const char *const names[] = {
	"UTC",
	"Europe/Berlin",
	"Europe/Dublin",
	"America/New_York",
	"America/Sao_Paulo",
	"America/St_Johns",
	"America/Havana",
	"Africa/Cairo",
	"Africa/Casablanca",
	"Asia/Kathmandu",
	"Asia/Kolkata",
	"Asia/Gaza",
	"Australia/Lord_Howe",
	"Pacific/Apia",
	"Pacific/Chatham",
	"Pacific/Kiritimati",
	"Antarctica/Troll",
	"America/Nuuk",
	"Pacific/Auckland",
	"Etc/GMT+12",
};

static struct zone *load(const char *name)
{
	struct zone *zone = NULL;
	struct err err = { 0 };

	if (zone_load(name, &zone, &err) < 0)
		fail_msg("%s", err.text);
	setenv("TZ", name, 1);
	tzset();
	return zone;
}

static int64_t local_of_libc(int64_t utc_s)
{
	struct tm tm;

	localtime_r(&(time_t){ utc_s }, &tm);
	return utc_s + tm.tm_gmtoff;
}

/* 1970 to 2255: the C library too goes on by the last line of the file. */
static int64_t random_instant(struct random *random)
{
	return (int64_t)random_below(random, 9000000000);
}

static void test_offsets(void **state)
{
	struct random random = random_start("zone");

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct zone *zone = load(names[i]);

		for (int n = 0; n < 20000; n++) {
			int64_t utc_s = random_instant(&random);
			struct zone_offset offset = zone_at(zone, utc_s);

			if (utc_s + offset.ahead_s != local_of_libc(utc_s))
				fail_msg("%s at %lld", names[i], (long long)utc_s);
			assert_true(offset.from_s <= utc_s && utc_s < offset.until_s);
			/* The second before a change and the change itself. */
			if (offset.until_s < 9000000000) {
				assert_int_equal(offset.until_s - 1 + offset.ahead_s,
						 local_of_libc(offset.until_s - 1));
				assert_int_equal(offset.until_s +
						     zone_at(zone, offset.until_s).ahead_s,
						 local_of_libc(offset.until_s));
			}
		}
		zone_free(zone);
	}
	unsetenv("TZ");
}

/* Near a change, where it matters: no instant before shows that time or a later one. */
static void test_reach(void **state)
{
	struct random random = random_start("zone_reach");

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct zone *zone = load(names[i]);

		for (int n = 0; n < 200; n++) {
			int64_t change = zone_at(zone, random_instant(&random)).until_s, local, at;

			if (change > 9000000000)
				change = random_instant(&random);
			local =
			    local_of_libc(change) + 7200 - (int64_t)random_below(&random, 14400);
			at = zone_reach(zone, local);
			assert_true(local_of_libc(at) >= local);
			for (int64_t back = 1; back < 2 * 86400; back += back < 7200 ? 60 : 900)
				assert_true(local_of_libc(at - back) < local);
		}
		zone_free(zone);
	}
	unsetenv("TZ");
	assert_int_equal(zone_reach(NULL, 86400), 86400);
}

static void test_refused(void **state)
{
	static const char *const none[] = {
		"", "Europe/Nowhere", "../../../etc/passwd", "/etc/passwd", "zone.tab", "Europe"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		struct zone *zone = (struct zone *)state;
		struct err err = { 0 };

		assert_true(zone_load(none[i], &zone, &err) < 0);
		assert_ptr_equal(zone, state);
		assert_true(err.text[0]);
	}
}

/* 2026 by `date -u -d 'TZ="Europe/Berlin" ...' +%s`; the others from RFC 9636 and POSIX. */
static void test_rules(void **state)
{
	static const char *const wrong[] = { "",
					     "CET",
					     "CET-",
					     "CET-1CEST",
					     "CET-1CEST,M3.5.0",
					     "CET-1CEST,M13.5.0,M10.5.0",
					     "CET-1CEST,M3.6.0,M1.1.1",
					     "<+03",
					     "CET-1CEST,M3.5.0,M10.5.0/168",
					     "EST5x",
					     "CET-1CEST,M3.5.0,M10.5.0/3x",
					     "CET-1CEST,J366,J1" };
	struct zone_rule rule;

	(void)state;
	assert_int_equal(zone_rule_parse(SPAN("CET-1CEST,M3.5.0,M10.5.0/3"), &rule), 0);
	assert_int_equal(zone_rule_begins(&rule, 2026), 1774746000); /* March 29, 01:00 UTC */
	assert_int_equal(zone_rule_ends(&rule, 2026), 1792890000);   /* October 25, 01:00 UTC */
	assert_int_equal(zone_rule_parse(SPAN("<-02>2<-01>,M3.5.0/-1,M10.5.0/0"), &rule), 0);
	assert_int_equal(rule.standard_s, -7200);
	assert_int_equal(rule.summer_s, -3600);
	/* March 28, 23:00 at -2 */
	assert_int_equal(zone_rule_begins(&rule, 2026), 1774746000);
	/* The 60th day is March 1 in every year by J, February 29 of a leap year without. */
	assert_int_equal(zone_rule_parse(SPAN("A0B,J60/0,59/0"), &rule), -EINVAL);
	assert_int_equal(zone_rule_parse(SPAN("AAA0BBB,J60/0,59/0"), &rule), 0);
	assert_int_equal(zone_rule_begins(&rule, 2024), 1709251200);
	assert_int_equal(zone_rule_ends(&rule, 2024), 1709164800 - 3600);
	assert_int_equal(zone_rule_begins(&rule, 2023), 1677628800);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (zone_rule_parse(span_of(wrong[i]), &rule) == 0)
			fail_msg("\"%s\" was taken", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
