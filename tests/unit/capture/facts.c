/* Facts in an open record, with records made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "capture/facts.h"

static struct process unknown(void)
{
	return (struct process){ .pid = 42, .uid = UINT32_MAX };
}

static void test_all(void **state)
{
	struct event_open open = { .uid = 1000, .cgroup_id = 7, .ns_pid = 2 };
	struct process p = unknown();

	(void)state;
	open.known = EVENT_KNOWS_LABELS | EVENT_KNOWS_EXE | EVENT_KNOWS_CGROUP;
	memcpy(open.comm, "sixteen-letters!", 16); /* no room for a NUL */
	memcpy(open.labels, "team=blue", 10);
	memcpy(open.exe, "curl\0bin\0usr\0", 14);
	memcpy(open.cgroup, "cron.service\0system.slice\0", 27);
	facts_take(&open, &p);
	assert_int_equal(p.uid, 1000);
	assert_int_equal(p.ns_pid, 2);
	assert_int_equal(p.cgroup_id, 7);
	assert_string_equal(p.comm, "sixteen-letters");
	assert_string_equal(p.labels, "team=blue");
	assert_true(p.labels_known);
	assert_string_equal(p.exe, "/usr/bin/curl");
	assert_string_equal(p.cgroup, "/system.slice/cron.service");
}

static void test_what_is_not_known_stays(void **state)
{
	struct event_open open = { .labels = "a=b", .exe = "x", .cgroup = "y" };
	struct process p = unknown();

	(void)state;
	facts_take(&open, &p);
	assert_false(p.labels_known);
	assert_string_equal(p.labels, "");
	assert_string_equal(p.exe, "");
	assert_string_equal(p.cgroup, "");
	/* Known to be none. */
	open = (struct event_open){ .known = EVENT_KNOWS_LABELS | EVENT_KNOWS_CGROUP };
	facts_take(&open, &p);
	assert_true(p.labels_known);
	assert_string_equal(p.labels, "");
	assert_string_equal(p.cgroup, "/");
}

/* No NUL anywhere, names up to the brim, control characters. */
static void test_hostile(void **state)
{
	struct event_open open = { .known = 7 };
	struct process p = unknown();

	(void)state;
	memset(open.labels, '\x1b', sizeof(open.labels));
	memset(open.exe, 'x', sizeof(open.exe));
	memset(open.cgroup, 'y', sizeof(open.cgroup));
	open.cgroup[sizeof(open.cgroup) - 1] = '\0';
	facts_take(&open, &p);
	assert_int_equal(strlen(p.labels), sizeof(p.labels) - 1);
	assert_int_equal(strspn(p.labels, "?"), sizeof(p.labels) - 1);
	assert_string_equal(p.exe, "/");
	assert_int_equal(p.cgroup[0], '/');
	assert_int_equal(strspn(p.cgroup + 1, "y"), sizeof(p.cgroup) - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_what_is_not_known_stays),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
