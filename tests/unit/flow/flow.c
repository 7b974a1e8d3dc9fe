/* Verdicts of flows, with records made by hand, a clock that is moved by hand and no /proc. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flow/flow.h"

#define HOST  "api.openai.com"
#define START 77000000000ULL
#define SSL   0x5555000ULL
#define UTC   1700000000000000000LL

static int64_t now_ns;

static int64_t utc_now(const struct clock *clock)
{
	(void)clock;
	return UTC + now_ns;
}

static int64_t monotonic_now(const struct clock *clock)
{
	(void)clock;
	return now_ns;
}

static const struct clock test_clock = { utc_now, monotonic_now };

static struct flows *make(void)
{
	struct flows *flows = NULL;

	now_ns = 10 * NS_PER_SEC;
	assert_int_equal(flows_new(&test_clock, "/proc", &flows), 0);
	return flows;
}

/* The process is this one, under a start time that cannot be: its facts are not to be had. */
static void say_hello(struct flows *flows, uint64_t cookie, uint64_t ssl)
{
	struct flow_hello hello = {
		.head = { .type = FLOW_HELLO, .cookie = cookie, .time_ns = (uint64_t)now_ns },
		.start_ns = START,
		.ssl = ssl,
		.generation_ns = ssl ? 5 : 0,
		.random = { cookie, 1 },
		.tgid = (uint32_t)getpid(),
		.uid = UINT32_MAX,
		.comm = "bun\n",
		.name = HOST
	};

	flows_record(flows, &hello, sizeof(hello));
}

static void say_close(struct flows *flows, uint64_t cookie, uint64_t sent, uint64_t received)
{
	struct flow_close close = {
		.head = { .type = FLOW_CLOSE, .cookie = cookie, .time_ns = (uint64_t)now_ns },
		.sent = sent,
		.received = received,
	};

	flows_record(flows, &close, sizeof(close));
}

static void say(struct flows *flows, uint64_t ssl, enum flow_news news)
{
	struct flow_capture capture = { .tls = { ssl, START, 5, (uint64_t)getpid() },
					.news = news,
					.server = HOST };

	flows_captured(flows, &capture);
}

static void say_captured(struct flows *flows, uint64_t ssl, bool lost)
{
	say(flows, ssl, lost ? FLOW_CAPTURE_LOST : FLOW_CAPTURED);
}

static void pass(struct flows *flows, int64_t ns)
{
	now_ns += ns;
	flows_tick(flows);
}

static uint64_t verdicts(const struct flows *flows, enum flow_verdict verdict)
{
	return counter_read(&flows_counters(flows)->verdicts[verdict]);
}

static void check_reason(struct flows *flows, enum flow_reason reason, unsigned connections)
{
	struct flow_unmetered row;

	assert_int_equal(flows_unmetered(flows, &row, 1), 1);
	assert_int_equal(row.reason, reason);
	assert_int_equal(row.connections, connections);
}

static void test_joined_and_captured(void **state)
{
	struct flows *flows = make();
	struct flow_unmetered row;

	(void)state;
	say_hello(flows, 1, SSL);
	say_captured(flows, SSL, false);
	assert_int_equal(flows_counters(flows)->live, 1);
	say_close(flows, 1, 100000, 100000);
	pass(flows, FLOW_LINGER_NS - 1);
	assert_int_equal(verdicts(flows, FLOW_METERED), 0);
	pass(flows, 1);
	assert_int_equal(verdicts(flows, FLOW_METERED), 1);
	assert_int_equal(flows_counters(flows)->live, 0);
	assert_int_equal(flows_unmetered(flows, &row, 1), 0);
	flows_free(flows);
}

static void test_captured_after_the_close(void **state)
{
	struct flows *flows = make();

	(void)state;
	say_hello(flows, 1, SSL);
	say_close(flows, 1, 1000, 1000);
	pass(flows, NS_PER_SEC);
	say_captured(flows, SSL, false);
	pass(flows, FLOW_LINGER_NS);
	assert_int_equal(verdicts(flows, FLOW_METERED), 1);
	flows_free(flows);
}

static void test_no_probe_while_open_and_after(void **state)
{
	struct flows *flows = make();
	struct flow_unmetered row;

	(void)state;
	say_hello(flows, 1, 0);
	assert_int_equal(flows_unmetered(flows, &row, 1), 0); /* too young */
	pass(flows, FLOW_LINGER_NS);
	assert_int_equal(flows_unmetered(flows, &row, 1), 1);
	assert_int_equal(row.open, 1);
	assert_int_equal(row.last_seen_ns, UTC + now_ns);
	say_close(flows, 1, 700, 9000);
	pass(flows, FLOW_LINGER_NS);
	say_hello(flows, 2, 0);
	say_close(flows, 2, 50, 60);
	pass(flows, FLOW_LINGER_NS);
	assert_int_equal(flows_unmetered(flows, &row, 1), 1);
	assert_string_equal(row.exe, "[bun?]");
	assert_string_equal(row.host, HOST);
	assert_int_equal(row.reason, FLOW_REASON_NO_PROBE);
	assert_int_equal(row.connections, 2);
	assert_int_equal(row.open, 0);
	assert_int_equal(row.sent, 750);
	assert_int_equal(row.received, 9060);
	assert_int_equal(row.last_seen_ns, UTC + now_ns - FLOW_LINGER_NS);
	assert_int_equal(verdicts(flows, FLOW_UNMETERED), 2);
	flows_free(flows);
}

/* Not joined: as many captured as made are metered, by count. */
static void test_by_count(void **state)
{
	struct flows *flows = make();

	(void)state;
	say_hello(flows, 1, 0);
	say_hello(flows, 2, 0);
	say_captured(flows, SSL + 1, false);
	say_captured(flows, SSL + 2, false);
	say_close(flows, 1, 1, 1);
	say_close(flows, 2, 1, 1);
	pass(flows, FLOW_LINGER_NS);
	assert_int_equal(verdicts(flows, FLOW_INFERRED), 2);
	flows_free(flows);
}

static void test_one_of_two_is_not_guessed(void **state)
{
	struct flows *flows = make();

	(void)state;
	say_hello(flows, 1, 0);
	say_hello(flows, 2, 0);
	say_captured(flows, SSL + 1, false);
	say_close(flows, 1, 1, 1);
	say_close(flows, 2, 1, 1);
	pass(flows, FLOW_LINGER_NS);
	check_reason(flows, FLOW_REASON_UNSURE, 2);
	flows_free(flows);
}

/* What was captured of a joined flow does not vouch for one that is not. */
static void test_joined_does_not_count_for_others(void **state)
{
	struct flows *flows = make();

	(void)state;
	say_hello(flows, 1, SSL);
	say_hello(flows, 2, 0);
	say_captured(flows, SSL, false);
	say_close(flows, 1, 1, 1);
	say_close(flows, 2, 1, 1);
	pass(flows, FLOW_LINGER_NS);
	assert_int_equal(verdicts(flows, FLOW_METERED), 1);
	check_reason(flows, FLOW_REASON_NO_PROBE, 1);
	flows_free(flows);
}

static void test_joined_without_plaintext(void **state)
{
	struct flows *flows = make();

	(void)state;
	say_hello(flows, 1, SSL);
	say_close(flows, 1, 900, 4000); /* a handshake, and away */
	pass(flows, FLOW_LINGER_NS);
	assert_int_equal(verdicts(flows, FLOW_UNUSED), 1);
	say_hello(flows, 2, SSL);
	say_close(flows, 2, 900, 4000000);
	pass(flows, FLOW_LINGER_NS);
	check_reason(flows, FLOW_REASON_SILENT, 1);
	flows_free(flows);
}

/* Postgres, say: it was captured, and no call was found. */
static void test_no_http(void **state)
{
	struct flows *flows = make();

	(void)state;
	for (uint64_t i = 1; i <= 2; i++) {
		say_hello(flows, i, SSL + i);
		say_captured(flows, SSL + i, false);
		say_close(flows, i, 900, i == 1 ? 4000 : 4000000);
		say(flows, SSL + i, FLOW_UNREAD);
	}
	pass(flows, FLOW_LINGER_NS);
	assert_int_equal(verdicts(flows, FLOW_METERED), 0);
	assert_int_equal(verdicts(flows, FLOW_UNUSED), 1);
	check_reason(flows, FLOW_REASON_NO_HTTP, 1);
	say(flows, SSL + 3, FLOW_UNREAD); /* of nobody */
	assert_int_equal(counter_read(&flows_counters(flows)->captures), 2);
	assert_int_equal(counter_read(&flows_counters(flows)->captures_unmatched), 0);
	flows_free(flows);
}

static void test_lost(void **state)
{
	struct flows *flows = make();

	(void)state;
	say_hello(flows, 1, SSL);
	say_captured(flows, SSL, true);
	say_close(flows, 1, 900, 4000);
	pass(flows, FLOW_LINGER_NS);
	check_reason(flows, FLOW_REASON_LOST, 1);
	flows_free(flows);
}

/* A proxy that passes the hello on: one session, two connections, one row. */
static void test_relayed(void **state)
{
	struct flow_hello hello = { .head = { .type = FLOW_HELLO, .cookie = 2 },
				    .random = { 1, 1 },
				    .tgid = 1,
				    .name = HOST };
	struct flows *flows = make();

	(void)state;
	say_hello(flows, 1, SSL);
	hello.head.time_ns = (uint64_t)now_ns;
	flows_record(flows, &hello, sizeof(hello));
	say_captured(flows, SSL, false);
	say_close(flows, 1, 1000, 1000);
	say_close(flows, 2, 1000, 1000);
	pass(flows, FLOW_LINGER_NS);
	assert_int_equal(verdicts(flows, FLOW_METERED), 1);
	assert_int_equal(verdicts(flows, FLOW_RELAYED), 1);
	assert_int_equal(verdicts(flows, FLOW_UNMETERED), 0);
	flows_free(flows);
}

static void test_quic(void **state)
{
	struct flow_hello quic = { .head = { .type = FLOW_QUIC, .cookie = 9 },
				   .remote = { [10] = 0xff, 0xff, 192, 0, 2, 7 },
				   .remote_port = 443,
				   .tgid = (uint32_t)getpid(),
				   .start_ns = START };
	struct flow_unmetered row;
	struct flows *flows = make();

	(void)state;
	flows_record(flows, &quic, sizeof(quic));
	pass(flows, FLOW_LINGER_NS);
	assert_int_equal(flows_unmetered(flows, &row, 1), 1);
	assert_int_equal(row.reason, FLOW_REASON_QUIC);
	assert_string_equal(row.host, "[::ffff:192.0.2.7]");
	assert_string_equal(row.user, "root"); /* uid 0, the same on every system */
	flows_free(flows);
}

static void test_socket_that_connects_anew(void **state)
{
	struct flows *flows = make();

	(void)state;
	say_hello(flows, 1, 0);
	say_hello(flows, 1, 0);
	assert_int_equal(flows_counters(flows)->live, 1);
	assert_int_equal(verdicts(flows, FLOW_UNMETERED), 1);
	flows_free(flows);
}

static void test_lost_close(void **state)
{
	struct flow_hello hello = { .head = { .type = FLOW_HELLO, .cookie = 3 },
				    .tgid = 0x7ffffff0, /* no process: beyond PID_MAX_LIMIT */
				    .name = HOST };
	struct flows *flows = make();

	(void)state;
	say_hello(flows, 1, 0);
	flows_record(flows, &hello, sizeof(hello));
	pass(flows, 61 * NS_PER_SEC);
	assert_int_equal(counter_read(&flows_counters(flows)->orphans), 0);
	pass(flows, 61 * NS_PER_SEC);
	assert_int_equal(counter_read(&flows_counters(flows)->orphans), 1);
	pass(flows, FLOW_LINGER_NS);
	assert_int_equal(flows_counters(flows)->live, 1); /* ours lives on */
	flows_free(flows);
}

static void test_limits(void **state)
{
	struct flow_unmetered rows[4];
	struct flows *flows = make();

	(void)state;
	for (uint64_t i = 1; i <= FLOW_MAX + 10; i++)
		say_hello(flows, i, 0);
	assert_int_equal(flows_counters(flows)->live, FLOW_MAX);
	assert_int_equal(counter_read(&flows_counters(flows)->evicted), 10);
	check_reason(flows, FLOW_REASON_NO_PROBE, 10);
	flows_free(flows);

	flows = make();
	for (unsigned i = 0; i < FLOW_UNMETERED_MAX + 5; i++) {
		struct flow_hello hello = { .head = { .type = FLOW_HELLO, .cookie = i + 1 },
					    .random = { i },
					    .tgid = 1,
					    .start_ns = START };

		snprintf(hello.name, sizeof(hello.name), "h%u.example.com", i);
		flows_record(flows, &hello, sizeof(hello));
		say_close(flows, i + 1, i, 0);
		pass(flows, FLOW_LINGER_NS);
	}
	assert_int_equal(counter_read(&flows_counters(flows)->rows_dropped), 5);
	assert_int_equal(flows_unmetered(flows, rows, 4), 4);
	assert_string_equal(rows[0].host, "h260.example.com"); /* equals: the latest first */
	flows_free(flows);
}

static void test_bad_records(void **state)
{
	struct flow_hello hello = { .head = { .type = FLOW_HELLO, .cookie = 1 } };
	struct flows *flows = make();

	(void)state;
	flows_record(flows, &hello, sizeof(hello.head) - 1);
	flows_record(flows, &hello, sizeof(hello) - 1);
	hello.head.type = 9;
	flows_record(flows, &hello, sizeof(hello));
	hello.head.type = FLOW_CLOSE;
	flows_record(flows, &hello, sizeof(struct flow_close) - 1);
	assert_int_equal(counter_read(&flows_counters(flows)->bad_records), 4);
	assert_int_equal(flows_counters(flows)->live, 0);
	say_close(flows, 4, 1, 1); /* of a flow that nobody knows */
	say_captured(flows, SSL, false);
	assert_int_equal(counter_read(&flows_counters(flows)->captures_unmatched), 1);
	flows_free(flows);
}

static void test_every_reason_has_a_name(void **state)
{
	(void)state;
	for (unsigned i = 0; i < FLOW_REASON_MAX; i++)
		assert_true(strlen(flow_reason_name(i)) > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_joined_and_captured),
		cmocka_unit_test(test_captured_after_the_close),
		cmocka_unit_test(test_no_probe_while_open_and_after),
		cmocka_unit_test(test_by_count),
		cmocka_unit_test(test_one_of_two_is_not_guessed),
		cmocka_unit_test(test_joined_does_not_count_for_others),
		cmocka_unit_test(test_joined_without_plaintext),
		cmocka_unit_test(test_no_http),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_relayed),
		cmocka_unit_test(test_quic),
		cmocka_unit_test(test_socket_that_connects_anew),
		cmocka_unit_test(test_lost_close),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_every_reason_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
