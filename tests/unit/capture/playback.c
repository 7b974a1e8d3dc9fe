/* Recordings made by hand after the format in record.h: read as written, and refused where they
 * differ from it. And what the writer makes, read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/playback.h"

struct seen {
	unsigned opened, chunks, closed;
	struct process process;
	struct connection conn;
	char server[CONNECTION_SERVER_MAX]; /* of it */
	struct chunk last;
	char bytes[64];
	uint64_t lost[2];
	int64_t closed_at;
};

static void on_opened(void *ctx, struct connection *conn)
{
	struct seen *seen = ctx;

	seen->opened++;
	seen->conn = *conn;
	span_copy(connection_server(conn), seen->server, sizeof(seen->server));
	seen->process = *conn->process;
}

static void on_chunk(void *ctx, struct connection *conn, const struct chunk *chunk)
{
	struct seen *seen = ctx;

	assert_int_equal(conn->key.ssl, seen->conn.key.ssl);
	seen->chunks++;
	seen->last = *chunk;
	snprintf(seen->bytes, sizeof(seen->bytes), "%.*s", (int)chunk->data.len, chunk->data.ptr);
}

static void on_closed(void *ctx, struct connection *conn, int64_t time_utc_ns,
		      const uint64_t lost[2])
{
	struct seen *seen = ctx;

	(void)conn;
	seen->closed++;
	seen->closed_at = time_utc_ns;
	memcpy(seen->lost, lost, sizeof(seen->lost));
}

static const struct chunk_handler handler = { on_opened, on_chunk, on_closed };

/* --- records by hand */

#define HEAD   "OUTLAYRC\1\0\0\0"
#define OPENED "\1\5\0\0\0\x39\x30\0\0\xe8\3\0\0\4curl\1a\3b.c"
/* Sent at second 1, offset 2, length 3, two bytes stored. */
#define CHUNK(flags)                                                                               \
	"\2\5\0\0\0" flags "\0\xca\x9a\x3b\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\2\0\0\0hi"
#define CLOSED "\3\5\0\0\0\0\x94\x35\x77\0\0\0\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static int read_bytes(struct span bytes, struct seen *seen, struct playback_counts *counts,
		      struct err *err)
{
	FILE *file = fmemopen((void *)(uintptr_t)bytes.ptr, bytes.len, "r");
	int code;

	assert_non_null(file);
	*seen = (struct seen){ 0 };
	*err = (struct err){ "" };
	code = playback_read(file, "FILE", &handler, seen, counts, err);
	fclose(file);
	assert_int_equal(seen->opened, seen->closed);
	return code;
}

static void test_reads_what_the_format_says(void **state)
{
	struct playback_counts counts;
	struct seen seen;
	struct err err;

	(void)state;
	assert_int_equal(read_bytes(SPAN(HEAD OPENED CHUNK("\3") CLOSED), &seen, &counts, &err), 0);
	assert_int_equal(seen.process.pid, 12345);
	assert_int_equal(seen.process.uid, 1000);
	assert_string_equal(seen.process.comm, "curl");
	assert_string_equal(seen.process.exe, "a");
	assert_string_equal(seen.server, "b.c");
	assert_int_equal(seen.last.direction, DIRECTION_RECEIVED);
	assert_true(seen.last.cut);
	assert_int_equal(seen.last.time_utc_ns, 1000000000);
	assert_int_equal(seen.last.offset, 2);
	assert_int_equal(seen.last.length, 3);
	assert_string_equal(seen.bytes, "hi");
	assert_int_equal(seen.closed_at, 2000000000);
	assert_int_equal(seen.lost[DIRECTION_SENT], 4);
	assert_int_equal(seen.lost[DIRECTION_RECEIVED], 0);
	assert_int_equal(counts.connections, 1);
	assert_int_equal(counts.chunks, 1);
	assert_int_equal(counts.left_out_bytes, 0);
}

static void test_closes_what_the_file_does_not(void **state)
{
	struct playback_counts counts;
	struct seen seen;
	struct err err;

	(void)state;
	assert_int_equal(read_bytes(SPAN(HEAD OPENED CHUNK("\6")), &seen, &counts, &err), 0);
	assert_int_equal(seen.closed, 1);
	assert_int_equal(seen.closed_at, 1000000000);
	assert_int_equal(counts.left_out_bytes, 1);
}

static void test_refusals(void **state)
{
	static const struct {
		struct span bytes;
		const char *said;
	} cases[] = {
		{ SPAN("OUTLAYRX\1\0\0\0"), "FILE: byte 8: expected a file of outlayd --record" },
		{ SPAN("OUTLAYRC\2\0\0\0"), "FILE: byte 12: expected a file of outlayd --record" },
		{ SPAN("OUT"), "FILE: byte 3: expected a file of outlayd --record" },
		{ SPAN(HEAD "\4\5\0\0\0"), "expected a connection that is open" },
		{ SPAN(HEAD OPENED "\4\5\0\0\0"), "expected a record" },
		{ SPAN(HEAD "\1\5"), "expected a connection that is open" },
		{ SPAN(HEAD "\1\5\0\0\0\x39\x30\0\0\xe8\3\0\0\4cur"), "the rest of a connection" },
		{ SPAN(HEAD OPENED OPENED), "or a new one to open" },
		{ SPAN(HEAD CHUNK("\0")), "expected a connection that is open" },
		{ SPAN(HEAD OPENED CLOSED CHUNK("\0")), "expected a connection that is open" },
		{ SPAN(HEAD OPENED CHUNK("\x08")), "expected a chunk that fits" },
		{ SPAN(HEAD OPENED CHUNK("\0") CHUNK("\0")), "expected a chunk that fits" },
		{ SPAN(HEAD OPENED "\2\5\0\0\0\0\0\0\0\0\0\0\0\x80\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"
				   "\2\0\0\0hi"),
		  "expected a chunk that fits" }, /* a negative time */
		{ SPAN(HEAD OPENED "\2\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"
				   "\2\0\0\0hi"),
		  "expected a chunk that fits" }, /* more stored than there was */
		{ SPAN(HEAD OPENED "\2\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0"
				   "\1\x40\0\0"),
		  "expected a chunk that fits" }, /* over RECORD_STORED_MAX */
		{ SPAN(HEAD OPENED "\2\5\0\0\0\0\0\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"
				   "\2\0\0\0h"),
		  "expected the rest of a chunk" },
		{ SPAN(HEAD OPENED "\3\5\0\0\0\0\x94"), "expected the end of a connection" },
	};
	struct playback_counts counts;
	struct seen seen;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_bytes(cases[i].bytes, &seen, &counts, &err), -EINVAL);
		if (!strstr(err.text, cases[i].said))
			fail_msg("case %zu: %s", i, err.text);
	}
}

/* --- the writer */

static void test_written_and_read_back(void **state)
{
	char dir[] = "/tmp/record-XXXXXX", path[64];
	const struct process process = { .pid = 7, .uid = 8 };
	struct connection conn = { .process = &process, .server = "api.openai.com" };
	struct chunk chunk = { .data = SPAN("GET /a HTTP/1.1\r\nno: no\r\n"), .length = 40 };
	struct playback_counts counts;
	struct err err = { "" };
	struct seen seen = { 0 };
	struct record *record;
	struct stat status;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	assert_int_equal(record_new(path, &record, &err), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	record_opened(record, &conn);
	record_chunk(record, &conn, &chunk);
	assert_true(record_flush(record));
	record_closed(record, &conn, 5, (uint64_t[]){ 1, 2 });
	assert_null(conn.recorded);
	record_free(record);

	assert_int_equal(record_new(path, &record, &err), -EEXIST);
	assert_non_null(strstr(err.text, path));
	err = (struct err){ "" };
	file = fopen(path, "r");
	assert_int_equal(playback_read(file, path, &handler, &seen, &counts, &err), 0);
	fclose(file);
	unlink(path);
	rmdir(dir);
	assert_int_equal(seen.chunks, 2);
	assert_int_equal(seen.last.offset, 25);
	assert_int_equal(seen.last.length, 15);
	assert_int_equal(seen.last.data.len, 0);
	assert_false(seen.last.cut);
	assert_int_equal(seen.lost[1], 2);
}

/* A file that may not grow ends the recording; connections go on and are cleaned up. */
static void test_a_full_disk_ends_it(void **state)
{
	const struct process process = { 0 };
	struct connection conn = { .process = &process, .server = "api.openai.com" }, later = conn;
	struct chunk chunk = { .data = SPAN("GET /a HTTP/1.1\r\n"), .length = 17 };
	const struct rlimit small = { 4096, RLIM_INFINITY }, any = { RLIM_INFINITY, RLIM_INFINITY };
	char path[] = "/tmp/record-XXXXXX";
	static const uint64_t none[2];
	struct err err = { "" };
	struct record *record;

	(void)state;
	close(mkstemp(path));
	unlink(path);
	assert_int_equal(record_new(path, &record, &err), 0);
	record_opened(record, &conn);
	assert_true(record_flush(record));
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	for (unsigned i = 0; i < 1000; i++) {
		record_chunk(record, &conn, &chunk);
		chunk.offset += chunk.length;
	}
	assert_false(record_flush(record));
	setrlimit(RLIMIT_FSIZE, &any);
	record_opened(record, &later);
	assert_null(later.recorded);
	record_chunk(record, &later, &chunk);
	record_closed(record, &later, 5, none);
	record_closed(record, &conn, 5, none);
	assert_false(record_flush(record));
	record_free(record);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_the_format_says),
		cmocka_unit_test(test_closes_what_the_file_does_not),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_written_and_read_back),
		cmocka_unit_test(test_a_full_disk_ends_it),
	};

	return cmocka_run_group_tests_name("playback", tests, NULL, NULL);
}
