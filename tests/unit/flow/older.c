/* Connections older than the agent, with records made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow/older.h"

#define HOST "api.openai.com"

static const uint8_t provider[16] = { [10] = 0xff, 0xff, 192, 0, 2, 1 };
static const uint8_t other[16] = { [10] = 0xff, 0xff, 192, 0, 2, 2 };

static void add(struct older *older, uint64_t cookie, uint32_t tgid, const uint8_t remote[16],
		uint64_t sent)
{
	struct flow_older record = { .head = { .type = FLOW_OLDER, .cookie = cookie },
				     .tgid = tgid,
				     .sent = sent,
				     .received = 2 * sent };

	memcpy(record.remote, remote, sizeof(record.remote));
	older_add(older, &record);
}

static struct older *make(unsigned n)
{
	struct older *older = older_new("/nowhere");

	older_begin(older);
	for (unsigned i = 0; i < n; i++)
		add(older, 1 + i, 4711 + i, i % 2 ? other : provider, 100);
	assert_int_equal(older_end(older), n > OLDER_MAX ? n - OLDER_MAX : 0);
	return older;
}

static unsigned rows(const struct older *older, struct flow_unmetered *ret_row)
{
	struct unmetered *table = unmetered_new();
	struct users *users = users_new(&clock_system);
	unsigned n;

	older_put(older, users, 5, table);
	n = unmetered_top(table, ret_row, 1);
	unmetered_free(table);
	users_free(users);
	return n;
}

static void test_host_is_inferred_from_the_address(void **state)
{
	struct older *older = make(2);
	struct flow_unmetered row;

	(void)state;
	assert_int_equal(older_count(older), 2);
	assert_int_equal(rows(older, &row), 0); /* nobody knows whom they speak to */
	older_named(older, provider, HOST);
	assert_int_equal(rows(older, &row), 1);
	assert_string_equal(row.host, HOST);
	assert_string_equal(row.exe, "[not known]"); /* it is gone */
	assert_int_equal(row.pid, 4711);
	assert_int_equal(row.reason, FLOW_REASON_LATE);
	assert_int_equal(row.connections, 1);
	assert_int_equal(row.open, 1);
	assert_int_equal(row.sent, 100);
	assert_int_equal(row.received, 200);
	assert_int_equal(row.last_seen_ns, 5);
	older_free(older);
}

static void test_later_rounds_only_refresh(void **state)
{
	struct older *older = make(2);
	struct flow_unmetered row;

	(void)state;
	older_named(older, provider, HOST);
	older_begin(older);
	add(older, 1, 4711, provider, 300);
	add(older, 1, 4712, provider, 300); /* a child has it open too */
	add(older, 9, 90, provider, 1);     /* newer than the hooks: they know it */
	assert_int_equal(older_end(older), 0);
	assert_int_equal(older_count(older), 1);
	assert_int_equal(rows(older, &row), 1);
	assert_int_equal(row.sent, 300);
	assert_int_equal(row.pid, 4711);
	older_begin(older);
	older_end(older);
	assert_int_equal(older_count(older), 0);
	older_free(older);
}

/* Told by the hooks of a dead agent, which may be in any round. */
static void test_what_was_told_to_another_agent(void **state)
{
	struct flow_older record = { .head = { .type = FLOW_OLDER, .cookie = 9, .time_ns = 8 },
				     .host = 7,
				     .start_ns = 6,
				     .cgroup_id = 5,
				     .uid = 4,
				     .tgid = 90,
				     .remote_port = 443,
				     .local_port = 2,
				     .remote = { 1, 2 },
				     .local = { 3, 4 } };
	struct older *older = make(1);
	struct flow_hello hello = { .ssl = 1, .random = { 1 }, .name = "x" };

	(void)state;
	assert_true(older_hello(&record, &hello));
	assert_int_equal(hello.head.cookie, 9);
	assert_int_equal(hello.head.time_ns, 8);
	assert_int_equal(hello.host, 7);
	assert_int_equal(hello.start_ns, 6);
	assert_int_equal(hello.cgroup_id, 5);
	assert_int_equal(hello.uid, 4);
	assert_int_equal(hello.tgid, 90);
	assert_int_equal(hello.remote_port, 443);
	assert_int_equal(hello.local_port, 2);
	assert_memory_equal(hello.remote, record.remote, 16);
	assert_memory_equal(hello.local, record.local, 16);
	assert_int_equal(hello.ssl | hello.random[0] | (unsigned char)hello.name[0], 0);
	older_add(older, &record);
	assert_int_equal(older_count(older), 2);
	record.host = 0;
	record.head.cookie = 10;
	older_add(older, &record);
	assert_int_equal(older_count(older), 2);
	assert_false(older_hello(&record, &hello));
	record.host = 7;
	record.head.type = FLOW_HELLO;
	assert_false(older_hello(&record, &hello));
	older_free(older);
}

static void test_captured_is_not_listed(void **state)
{
	struct older *older = make(1);
	struct flow_unmetered row;

	(void)state;
	older_named(older, provider, HOST);
	older_captured(older, 4712, span_of(HOST));
	older_captured(older, 4711, SPAN("api.anthropic.com"));
	assert_int_equal(rows(older, &row), 1);
	older_captured(older, 4711, span_of(HOST));
	assert_int_equal(rows(older, &row), 0);
	older_free(older);
}

static void test_limit(void **state)
{
	struct older *older = make(OLDER_MAX + 3);

	(void)state;
	assert_int_equal(older_count(older), OLDER_MAX);
	older_free(older);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_is_inferred_from_the_address),
		cmocka_unit_test(test_later_rounds_only_refresh),
		cmocka_unit_test(test_what_was_told_to_another_agent),
		cmocka_unit_test(test_captured_is_not_listed),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
