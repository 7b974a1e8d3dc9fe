/* Recordings made by hand after the format in recording.h: read as written, and refused where they
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

#include "base/buf.h"
#include "http/playback.h"

/* What was handed on, as text. */
struct seen {
	struct buf text;
	struct process process;
	struct exchange last;
};

static void put_head(struct seen *seen, const struct http_head *head)
{
	for (unsigned i = 0; i < head->n_headers; i++)
		buf_printf(&seen->text, " %.*s=%.*s", (int)head->headers[i].name.len,
			   head->headers[i].name.ptr, (int)head->headers[i].value.len,
			   head->headers[i].value.ptr);
	buf_put(&seen->text, SPAN("\n"));
}

static void on_request(void *ctx, struct exchange *ex)
{
	struct seen *seen = ctx;

	buf_printf(&seen->text, "%s %.*s %.*s", ex->connection->server, (int)ex->request.method.len,
		   ex->request.method.ptr, (int)ex->request.target.len, ex->request.target.ptr);
	put_head(seen, &ex->request);
}

static void on_response(void *ctx, struct exchange *ex)
{
	struct seen *seen = ctx;

	buf_printf(&seen->text, "%u", ex->response.status);
	put_head(seen, &ex->response);
}

static void on_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	(void)ex;
	buf_printf(&((struct seen *)ctx)->text, "%d:%.*s\n", direction, (int)piece.len, piece.ptr);
}

static void on_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	(void)ex;
	buf_printf(&((struct seen *)ctx)->text, "%d~\n", direction);
}

static void on_message(void *ctx, struct exchange *ex, enum direction direction)
{
	buf_printf(&((struct seen *)ctx)->text, "%d| at %lld\n", direction,
		   (long long)ex->end_utc_ns);
}

static void on_end(void *ctx, struct exchange *ex)
{
	struct seen *seen = ctx;

	buf_put(&seen->text, SPAN("end\n"));
	seen->last = *ex;
	seen->process = *ex->connection->process;
}

static const struct exchange_handler handler = { on_request, on_response, on_body, on_gap,
						 on_end,     on_message,  NULL };

/* --- records by hand */

#define ZERO "\0\0\0\0\0\0\0\0"
/* No times yet, no bytes, complete, no fault, no end. */
#define NONE     ZERO ZERO ZERO ZERO ZERO ZERO "\0\0\0"
#define HEAD     "OUTLAYRC\2\0\0\0"
#define OPENED   "\1\5\0\0\0\x39\x30\0\0\xe8\3\0\0\4\0curl\1\0a\3\0b.c" NONE
#define REQUEST  "\2\5\0\0\0\3\0GET\2\0/a\1\4\0host\1\0x" NONE
#define RESPONSE "\3\5\0\0\0\xc8\0\0" NONE
#define BODY     "\4\5\0\0\0\1\2\0\0\0hi"
#define LEFT_OUT "\4\5\0\0\0\2\3\0\0\0"
#define GAP      "\5\5\0\0\0\0"
/* At second 1. */
#define MESSAGE "\6\5\0\0\0\1" ZERO ZERO "\0\xca\x9a\x3b\0\0\0\0" ZERO ZERO ZERO "\0\0\0"
/* From second 1 to second 2, 3 bytes and 4, 5 lost, a gap, bad chunks, the answer's end seen. */
#define END                                                                                        \
	"\7\5\0\0\0\0\xca\x9a\x3b\0\0\0\0" ZERO                                                    \
	"\0\x94\x35\x77\0\0\0\0\3\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\2\2\2"

static int read_bytes(struct span bytes, struct seen *seen, struct playback_counts *counts,
		      struct err *err)
{
	FILE *file = fmemopen((void *)(uintptr_t)bytes.ptr, bytes.len, "r");
	int code;

	assert_non_null(file);
	*seen = (struct seen){ .text = buf_with_max(4096) };
	*err = (struct err){ "" };
	code = playback_read(file, "FILE", &handler, seen, counts, err);
	fclose(file);
	buf_put(&seen->text, SPAN("\0"));
	return code;
}

static void test_reads_what_the_format_says(void **state)
{
	struct playback_counts counts;
	struct seen seen;
	struct err err;

	(void)state;
	assert_int_equal(read_bytes(SPAN(HEAD OPENED REQUEST RESPONSE BODY LEFT_OUT GAP END), &seen,
				    &counts, &err),
			 0);
	assert_string_equal(seen.text.data, "b.c GET /a host=x\n200\n1:hi\n0~\n0~\nend\n");
	assert_int_equal(seen.process.pid, 12345);
	assert_int_equal(seen.process.uid, 1000);
	assert_string_equal(seen.process.comm, "curl");
	assert_string_equal(seen.process.exe, "a");
	assert_int_equal(seen.last.request_utc_ns, 1000000000);
	assert_int_equal(seen.last.response_utc_ns, 0);
	assert_int_equal(seen.last.end_utc_ns, 2000000000);
	assert_int_equal(seen.last.request_bytes, 3);
	assert_int_equal(seen.last.response_bytes, 4);
	assert_int_equal(seen.last.lost_bytes, 5);
	assert_int_equal(seen.last.completeness, COMPLETENESS_GAP);
	assert_int_equal(seen.last.fault, EXCHANGE_BAD_CHUNK);
	assert_false(seen.last.body_ended[DIRECTION_SENT]);
	assert_true(seen.last.body_ended[DIRECTION_RECEIVED]);
	assert_int_equal(counts.exchanges, 1);
	assert_int_equal(counts.left_out_bytes, 3);
	buf_done(&seen.text);
}

/* What is left out of a message of a WebSocket is one that is no JSON, and not missing. */
static void test_messages(void **state)
{
	struct playback_counts counts;
	struct seen seen;
	struct err err;

	(void)state;
	assert_int_equal(
	    read_bytes(SPAN(HEAD OPENED "\3\5\0\0\0\x65\0\0" NONE LEFT_OUT BODY MESSAGE), &seen,
		       &counts, &err),
	    0);
	assert_string_equal(seen.text.data, "101\n0:x\n1:hi\n1| at 1000000000\nend\n");
	buf_done(&seen.text);
}

static void test_ends_what_the_file_does_not(void **state)
{
	struct playback_counts counts;
	struct seen seen;
	struct err err;

	(void)state;
	assert_int_equal(read_bytes(SPAN(HEAD OPENED REQUEST), &seen, &counts, &err), 0);
	assert_string_equal(seen.text.data, "b.c GET /a host=x\nend\n");
	assert_int_equal(seen.last.completeness, COMPLETENESS_TRUNCATED);
	buf_done(&seen.text);
}

static void test_refusals(void **state)
{
	static const struct {
		struct span bytes;
		const char *said;
	} cases[] = {
		{ SPAN("OUTLAYRX\2\0\0\0"), "FILE: byte 8: expected a file of outlayd --record" },
		{ SPAN("OUTLAYRC\1\0\0\0"), "FILE: byte 12: expected a file of outlayd --record" },
		{ SPAN("OUT"), "FILE: byte 3: expected a file of outlayd --record" },
		{ SPAN(HEAD "\x8\5\0\0\0"), "expected an exchange that is open" },
		{ SPAN(HEAD OPENED "\x8\5\0\0\0"), "expected a record" },
		{ SPAN(HEAD "\1\5"), "expected an exchange that is open" },
		{ SPAN(HEAD "\1\5\0\0\0\x39\x30\0\0\xe8\3\0\0\4\0cur"), "how an exchange stands" },
		{ SPAN(HEAD OPENED OPENED), "or a new one to open" },
		{ SPAN(HEAD BODY), "expected an exchange that is open" },
		{ SPAN(HEAD OPENED END BODY), "expected an exchange that is open" },
		{ SPAN(HEAD OPENED REQUEST REQUEST), "expected a head, and no second one" },
		{ SPAN(HEAD OPENED "\2\5\0\0\0\x11\0AAAAAAAAAAAAAAAAA\0\0\0" NONE),
		  "expected a head" }, /* a method of 17 letters */
		{ SPAN(HEAD OPENED "\3\5\0\0\0\xc8\0\xff" NONE),
		  "expected a head" }, /* 255 headers */
		{ SPAN(HEAD OPENED "\4\5\0\0\0\4\2\0\0\0hi"), "expected a piece of a body" },
		{ SPAN(HEAD OPENED "\4\5\0\0\0\0\0\0\0\0"), "expected a piece of a body" },
		{ SPAN(HEAD OPENED "\4\5\0\0\0\0\1\x40\0\0"),
		  "expected a piece of a body" }, /* over RECORDING_PIECE_MAX */
		{ SPAN(HEAD OPENED "\4\5\0\0\0\0\2\0\0\0h"), "expected the rest of a body" },
		{ SPAN(HEAD OPENED "\5\5\0\0\0\2"), "expected a direction" },
		{ SPAN(HEAD OPENED "\7\5\0\0\0" ZERO ZERO ZERO ZERO ZERO ZERO "\4\0\0"),
		  "how an exchange stands" }, /* no such completeness */
		{ SPAN(HEAD OPENED "\7\5\0\0\0\0\0\0\0\0\0\0\x80" ZERO ZERO ZERO ZERO ZERO
				   "\0\0\0"),
		  "how an exchange stands" }, /* a negative time */
		{ SPAN(HEAD OPENED "\3\5\0\0\0\xc8\0\0" ZERO ZERO ZERO "\1\0\0\0\0\0\0\0" ZERO ZERO
				   "\0\0\0\7\5\0\0\0" NONE),
		  "with sizes that only grow" },
	};
	struct playback_counts counts;
	struct seen seen;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_bytes(cases[i].bytes, &seen, &counts, &err), -EINVAL);
		if (!strstr(err.text, cases[i].said))
			fail_msg("case %zu: %s", i, err.text);
		buf_done(&seen.text);
	}
}

/* --- the writer */

static const struct process process = { .pid = 7, .uid = 8 };

static void test_written_and_read_back(void **state)
{
	struct http_header sent[] = { { SPAN("Host"), SPAN("x") }, { SPAN("cookie"), SPAN("no") } };
	char dir[] = "/tmp/record-XXXXXX", path[64];
	struct connection conn = { .process = &process, .server = "api.openai.com" };
	struct exchange ex = { .connection = &conn };
	struct seen live = { .text = buf_with_max(4096) }, seen = live;
	const struct exchange_handler *tap = &recording_handler;
	struct playback_counts counts;
	struct err err = { "" };
	struct recording *r;
	struct stat status;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	assert_int_equal(recording_new(path, &handler, &live, &r, &err), 0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	ex.request = (struct http_head){
		.method = SPAN("GET"), .target = SPAN("/a?b"), .n_headers = 2, .headers = sent
	};
	tap->request(r, &ex);
	ex.response.status = 200;
	tap->response(r, &ex);
	tap->body(r, &ex, DIRECTION_RECEIVED, SPAN("{\"text\":\"secret\""));
	tap->gap(r, &ex, DIRECTION_RECEIVED);
	tap->body(r, &ex, DIRECTION_RECEIVED, SPAN("more"));
	ex.end_utc_ns = 5;
	assert_true(recording_flush(r));
	tap->end(r, &ex);
	assert_null(ex.recorded);
	recording_free(r);

	assert_int_equal(recording_new(path, &handler, &live, &r, &err), -EEXIST);
	assert_non_null(strstr(err.text, path));
	err = (struct err){ "" };
	file = fopen(path, "r");
	assert_int_equal(playback_read(file, path, &handler, &seen, &counts, &err), 0);
	fclose(file);
	unlink(path);
	rmdir(dir);
	buf_put(&live.text, SPAN("\0"));
	buf_put(&seen.text, SPAN("\0"));
	assert_string_equal(live.text.data, "api.openai.com GET /a?b Host=x cookie=no\n200\n"
					    "1:{\"text\":\"secret\"\n1~\n1:more\nend\n");
	assert_string_equal(seen.text.data, "api.openai.com GET /a?x Host=x\n200\n"
					    "1:{\"txxx\":\"xxxxxx\"\n1~\n1~\nend\n");
	assert_int_equal(seen.last.end_utc_ns, 5);
	buf_done(&live.text);
	buf_done(&seen.text);
}

/* A file that may not grow ends the recording; exchanges go on and are cleaned up. */
static void test_a_full_disk_ends_it(void **state)
{
	const struct rlimit small = { 4096, RLIM_INFINITY }, any = { RLIM_INFINITY, RLIM_INFINITY };
	struct connection conn = { .process = &process };
	struct exchange ex = { .connection = &conn }, later = ex;
	struct seen live = { .text = buf_with_max(1 << 20) };
	const struct exchange_handler *tap = &recording_handler;
	char path[] = "/tmp/record-XXXXXX";
	struct err err = { "" };
	struct recording *r;

	(void)state;
	close(mkstemp(path));
	unlink(path);
	assert_int_equal(recording_new(path, &handler, &live, &r, &err), 0);
	tap->response(r, &ex);
	assert_true(recording_flush(r));
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	for (unsigned i = 0; i < 1000; i++)
		tap->body(r, &ex, DIRECTION_RECEIVED, SPAN("{\"a\":1}"));
	assert_false(recording_flush(r));
	setrlimit(RLIMIT_FSIZE, &any);
	tap->response(r, &later);
	assert_null(later.recorded);
	tap->end(r, &later);
	tap->end(r, &ex);
	assert_null(ex.recorded);
	assert_false(recording_flush(r));
	recording_free(r);
	unlink(path);
	/* Two heads, a thousand pieces of "1:{...}", two ends. */
	assert_int_equal(live.text.len, 2 * 2 + 1000 * 10 + 2 * 4);
	buf_done(&live.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_the_format_says),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_ends_what_the_file_does_not),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_written_and_read_back),
		cmocka_unit_test(test_a_full_disk_ends_it),
	};

	return cmocka_run_group_tests_name("playback", tests, NULL, NULL);
}
