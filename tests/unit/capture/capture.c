/* Records of the ring -> connections and chunks, with records made by hand and a /proc of our
 * own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/event.h"
#include "capture/capture.h"

struct seen {
	unsigned opened, closed, chunks;
	struct connection last;
	char server[CONNECTION_SERVER_MAX]; /* of it */
	struct process process;
	struct chunk chunk;
	char text[4096]; /* the bytes of all chunks */
	uint64_t lost[2];
	int64_t closed_at;
};

static struct seen seen;

static void on_opened(void *ctx, struct connection *conn)
{
	assert_ptr_equal(ctx, &seen);
	seen.opened++;
	seen.last = *conn;
	span_copy(connection_server(conn), seen.server, sizeof(seen.server));
	seen.process = *conn->process;
}

static void on_chunk(void *ctx, struct connection *conn, const struct chunk *chunk)
{
	(void)ctx;
	(void)conn;
	seen.chunks++;
	seen.chunk = *chunk;
	snprintf(seen.text + strlen(seen.text), sizeof(seen.text) - strlen(seen.text), "%.*s",
		 (int)chunk->data.len, chunk->data.ptr);
}

static void on_closed(void *ctx, struct connection *conn, int64_t time, const uint64_t lost[2])
{
	(void)ctx;
	seen.last = *conn;
	span_copy(connection_server(conn), seen.server, sizeof(seen.server));
	seen.closed++;
	seen.closed_at = time;
	seen.lost[0] = lost[0];
	seen.lost[1] = lost[1];
}

static int64_t utc_now(const struct clock *clock)
{
	(void)clock;
	return 5000;
}

static int64_t monotonic_now(const struct clock *clock)
{
	(void)clock;
	return 1000;
}

static const struct clock test_clock = { utc_now, monotonic_now };
static const struct chunk_handler handler = { on_opened, on_chunk, on_closed };

static struct capture *make(const char *proc)
{
	struct capture_options options = {
		.ring_fd = -1, .clock = &test_clock, .proc = proc, .next = &handler, .ctx = &seen
	};
	struct capture *c = NULL;

	memset(&seen, 0, sizeof(seen));
	assert_int_equal(capture_new(&options, &c), 0);
	return c;
}

static struct event_head head(enum event_type type, uint64_t ssl, uint64_t generation)
{
	return (struct event_head){ .type = type,
				    .tgid = (uint32_t)getpid(),
				    .time_ns = 1500,
				    .start_ns = 77,
				    .ssl = ssl,
				    .generation_ns = generation };
}

static void give_open(struct capture *c, uint64_t ssl, uint64_t generation, const char *name)
{
	struct event_open e = { .head = head(EVENT_OPEN, ssl, generation), .uid = 4711 };

	e.cgroup_id = 99;
	snprintf(e.name, sizeof(e.name), "%s", name);
	memcpy(e.comm, "sixteen-letters!", 16); /* no room for a NUL */
	capture_record(c, &e, sizeof(e));
}

/* `length` moved, of which `text` was captured. */
static void give_data(struct capture *c, uint64_t ssl, uint64_t generation, uint32_t direction,
		      uint64_t offset, uint32_t length, const char *text)
{
	_Alignas(8) char record[sizeof(struct event_data) + 512] = { 0 };
	struct event_data *e = (void *)record;

	e->head = head(EVENT_DATA, ssl, generation);
	e->offset = offset;
	e->length = length;
	e->captured = (uint32_t)strlen(text);
	e->direction = direction;
	memcpy(e->bytes, text, strlen(text));
	capture_record(c, record, sizeof(record));
}

static void give_close(struct capture *c, uint64_t ssl, uint64_t generation, uint64_t sent,
		       uint64_t received)
{
	struct event_close e = { .head = head(EVENT_CLOSE, ssl, generation),
				 .sent = sent,
				 .received = received };

	capture_record(c, &e, sizeof(e));
}

static void test_life_of_a_connection(void **state)
{
	struct capture *c = make("/nowhere");

	(void)state;
	give_open(c, 1, 10, "API.Example.COM");
	assert_int_equal(seen.opened, 1);
	assert_string_equal(seen.server, "api.example.com");
	assert_string_equal(seen.process.comm, "sixteen-letters");
	assert_int_equal(seen.process.uid, 4711);
	assert_int_equal(seen.process.cgroup_id, 99);
	assert_int_equal(seen.process.pid, getpid());
	assert_string_equal(seen.process.exe, "");
	give_data(c, 1, 10, EVENT_SENT, 0, 5, "hello");
	assert_int_equal(seen.chunk.direction, DIRECTION_SENT);
	give_data(c, 1, 10, EVENT_RECEIVED, 0, 6, " world");
	assert_int_equal(seen.chunk.direction, DIRECTION_RECEIVED);
	assert_int_equal(seen.chunk.length, 6);
	assert_string_equal(seen.text, "hello world");
	give_close(c, 1, 10, 5, 6);
	assert_int_equal(seen.closed, 1);
	assert_int_equal(seen.lost[0] + seen.lost[1], 0);
	assert_int_equal(counter_read(&capture_counters(c)->lost_bytes), 0);
	/* What comes after the end belongs to a connection whose name is not known. */
	give_data(c, 1, 10, EVENT_SENT, 5, 1, "x");
	assert_int_equal(seen.opened, 2);
	assert_string_equal(seen.process.comm, "");
	assert_int_equal(counter_read(&capture_counters(c)->unnamed), 1);
	capture_free(c);
	assert_int_equal(seen.closed, 2);
}

static void test_jumps_are_losses(void **state)
{
	struct capture *c = make("/nowhere");

	(void)state;
	give_open(c, 1, 10, "a.example");
	give_data(c, 1, 10, EVENT_SENT, 0, 3, "abc");
	give_data(c, 1, 10, EVENT_SENT, 13, 3, "def"); /* 10 never came */
	assert_int_equal(counter_read(&capture_counters(c)->lost_bytes), 10);
	assert_int_equal(seen.chunk.offset, 13);
	give_data(c, 1, 10, EVENT_SENT, 16, 100, "gh"); /* 98 of this call were not captured */
	assert_int_equal(counter_read(&capture_counters(c)->lost_bytes), 108);
	give_close(c, 1, 10, 120, 7); /* 4 sent and 7 received at the end */
	assert_int_equal(seen.lost[DIRECTION_SENT], 4);
	assert_int_equal(seen.lost[DIRECTION_RECEIVED], 7);
	assert_int_equal(counter_read(&capture_counters(c)->lost_bytes), 119);
	capture_free(c);
}

static void test_a_cut_is_no_loss(void **state)
{
	struct event_data cut = { .head = head(EVENT_DATA, 1, 10),
				  .offset = 3,
				  .length = 70000,
				  .direction = EVENT_SENT,
				  .cut = 1 };
	struct capture *c = make("/nowhere");

	(void)state;
	give_open(c, 1, 10, "a.example");
	give_data(c, 1, 10, EVENT_SENT, 0, 3, "abc");
	capture_record(c, &cut, sizeof(cut));
	assert_true(seen.chunk.cut);
	assert_int_equal(seen.chunk.length, 70000);
	assert_int_equal(seen.chunk.data.len, 0);
	give_data(c, 1, 10, EVENT_SENT, 70003, 3, "def");
	assert_false(seen.chunk.cut);
	give_close(c, 1, 10, 70006, 0);
	assert_int_equal(counter_read(&capture_counters(c)->cut_bytes), 70000);
	assert_int_equal(counter_read(&capture_counters(c)->lost_bytes), 0);
	assert_int_equal(seen.lost[0] + seen.lost[1], 0);
	capture_free(c);
}

static void test_a_reused_object_is_another_connection(void **state)
{
	struct capture *c = make("/nowhere");

	(void)state;
	give_open(c, 1, 10, "a.example");
	give_data(c, 1, 10, EVENT_SENT, 0, 3, "abc");
	give_open(c, 1, 20, "b.example"); /* freed and made again; the close was lost */
	assert_int_equal(seen.opened, 2);
	assert_int_equal(seen.closed, 1);
	give_data(c, 1, 20, EVENT_SENT, 0, 3, "def");
	assert_int_equal(seen.chunks, 2);
	give_data(c, 1, 10, EVENT_SENT, 3, 3, "old"); /* late: of the one that ended */
	give_close(c, 1, 10, 6, 0);
	assert_int_equal(seen.chunks, 2);
	assert_int_equal(seen.closed, 1);
	give_open(c, 2, 20, "b.example"); /* another object beside it */
	assert_int_equal(seen.opened, 3);
	assert_int_equal(capture_counters(c)->live.value, 2);
	capture_free(c);
	assert_int_equal(seen.closed, 3);
}

static void test_impossible_records_are_refused(void **state)
{
	struct event_data e = { .head = head(EVENT_DATA, 1, 10) };
	struct capture *c = make("/nowhere");
	unsigned refused = 0;

	(void)state;
	capture_record(c, &e, 3); /* shorter than a head */
	assert_int_equal(counter_read(&capture_counters(c)->bad_records), ++refused);
	capture_record(c, &e, sizeof(e.head)); /* shorter than its type */
	assert_int_equal(counter_read(&capture_counters(c)->bad_records), ++refused);
	e.length = e.captured = 1; /* bytes that are not there */
	capture_record(c, &e, sizeof(e));
	assert_int_equal(counter_read(&capture_counters(c)->bad_records), ++refused);
	e.length = 0; /* more captured than moved */
	capture_record(c, &e, sizeof(e) + 1);
	assert_int_equal(counter_read(&capture_counters(c)->bad_records), ++refused);
	e.length = e.captured = 0;
	e.direction = 2;
	capture_record(c, &e, sizeof(e));
	assert_int_equal(counter_read(&capture_counters(c)->bad_records), ++refused);
	e.direction = 0;
	e.length = 2;
	e.offset = UINT64_MAX; /* the end wraps */
	capture_record(c, &e, sizeof(e));
	assert_int_equal(counter_read(&capture_counters(c)->bad_records), ++refused);
	e.head.type = 99;
	capture_record(c, &e, sizeof(e));
	assert_int_equal(counter_read(&capture_counters(c)->bad_records), ++refused);
	assert_int_equal(seen.opened, 0);
	give_open(c, 1, 10, "a.example");
	give_data(c, 1, 10, EVENT_SENT, 0, 3, "abc");
	give_data(c, 1, 10, EVENT_SENT, 1, 1, "b"); /* bytes that came before */
	assert_int_equal(counter_read(&capture_counters(c)->bad_records), ++refused);
	assert_int_equal(seen.chunks, 1);
	capture_free(c);
}

static void test_name_of_a_record_without_end(void **state)
{
	struct event_open e = { .head = head(EVENT_OPEN, 1, 10) };
	struct capture *c = make("/nowhere");

	(void)state;
	memset(e.name, 'x', sizeof(e.name)); /* no NUL anywhere */
	capture_record(c, &e, sizeof(e));
	assert_int_equal(strlen(seen.server), 255);
	capture_free(c);
}

static void test_connections_of_dead_processes_end(void **state)
{
	struct event_open e = { .head = head(EVENT_OPEN, 1, 10) };
	struct capture *c = make("/nowhere");
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(0);
	while (kill(child, 0) == 0)
		waitpid(child, NULL, 0);
	e.head.tgid = (uint32_t)child;
	capture_record(c, &e, sizeof(e));
	give_open(c, 2, 10, "alive.example");
	capture_sweep(c);
	assert_int_equal(seen.closed, 1);
	assert_int_equal(seen.last.key.tgid, child);
	assert_int_equal(seen.closed_at, 5000);
	assert_int_equal(counter_read(&capture_counters(c)->evicted), 1);
	capture_free(c);
}

static void test_table_is_bounded(void **state)
{
	struct capture *c = make("/nowhere");

	(void)state;
	for (uint64_t i = 1; i <= CAPTURE_CONNECTIONS_MAX + 100; i++)
		give_open(c, i, 10, "a.example");
	assert_int_equal(capture_counters(c)->live.value, CAPTURE_CONNECTIONS_MAX);
	assert_int_equal(counter_read(&capture_counters(c)->evicted), 100);
	assert_int_equal(seen.closed, 100);
	assert_int_equal(seen.last.key.ssl, CAPTURE_CONNECTIONS_MAX + 100);
	capture_free(c);
}

/* Facts of a process are kept once for its connections, and as long as one of them is there. */
static void test_connections_share_the_facts_of_their_process(void **state)
{
	struct event_open e = { .head = head(EVENT_OPEN, 3, 10), .uid = 4712 };
	const struct process *shared;
	struct capture *c = make("/nowhere");

	(void)state;
	give_open(c, 1, 10, "a.example");
	shared = seen.last.process;
	give_open(c, 2, 10, "b.example");
	assert_ptr_equal(seen.last.process, shared);
	assert_int_equal(capture_counters(c)->processes.value, 1);
	/* It has become another user since. */
	capture_record(c, &e, sizeof(e));
	assert_ptr_not_equal(seen.last.process, shared);
	assert_int_equal(seen.last.process->uid, 4712);
	assert_int_equal(shared->uid, 4711);
	assert_int_equal(capture_counters(c)->processes.value, 2);
	give_close(c, 1, 10, 0, 0);
	assert_int_equal(capture_counters(c)->processes.value, 2);
	give_close(c, 2, 10, 0, 0);
	assert_int_equal(capture_counters(c)->processes.value, 1);
	give_open(c, 4, 10, "a.example");
	assert_int_equal(seen.last.process->uid, 4711);
	assert_int_equal(capture_counters(c)->processes.value, 2);
	capture_free(c);
}

/* Records by the file whose probe told of the connection; those of an unknown one under 0. */
static void test_files(void **state)
{
	struct capture *c = make("/proc");
	const struct counter *of_file = capture_counters(c)->of_file;
	struct event_open e = { .head = head(EVENT_OPEN, 7, 1), .name = "a.test", .file = 5 };

	(void)state;
	capture_record(c, &e, sizeof(e));
	give_data(c, 7, 1, EVENT_SENT, 0, 3, "abc");
	give_data(c, 7, 1, EVENT_RECEIVED, 0, 3, "abc");
	give_data(c, 8, 1, EVENT_SENT, 0, 3, "abc"); /* its open record was lost */
	give_close(c, 7, 1, 3, 3);
	e.head = head(EVENT_OPEN, 9, 1);
	e.file = EVENT_FILES_MAX;
	capture_record(c, &e, sizeof(e));
	assert_int_equal(counter_read(&of_file[5]), 4);
	assert_int_equal(counter_read(&of_file[0]), 2);
	capture_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life_of_a_connection),
		cmocka_unit_test(test_jumps_are_losses),
		cmocka_unit_test(test_a_cut_is_no_loss),
		cmocka_unit_test(test_a_reused_object_is_another_connection),
		cmocka_unit_test(test_impossible_records_are_refused),
		cmocka_unit_test(test_name_of_a_record_without_end),
		cmocka_unit_test(test_connections_of_dead_processes_end),
		cmocka_unit_test(test_table_is_bounded),
		cmocka_unit_test(test_connections_share_the_facts_of_their_process),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
