/* What one connection can hold: whatever a peer sends, never more than the header of h1 says, and
 * nothing in the end. Heads are wiped before they are freed. */
#include "http/inflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "heap.h"

#define CONNECTION_BYTES_MAX ((size_t)440 << 10)
#define IDLE_BYTES_MAX       1024

static size_t wiped_bytes;

/* Stands before libc's, and does its work. */
void explicit_bzero(void *at, size_t n)
{
	memset(at, 0, n);
	__asm__ volatile("" : : "r"(at) : "memory");
	wiped_bytes += n;
}

static void hear(void *ctx, struct exchange *ex)
{
	(void)ctx;
	(void)ex;
}

static void hear_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	(void)ctx;
	(void)ex;
	(void)direction;
	(void)piece;
}

static void hear_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	(void)ctx;
	(void)ex;
	(void)direction;
}

static void hear_end(void *ctx, struct exchange *ex)
{
	(void)ex;
	(*(unsigned *)ctx)++;
}

static const struct exchange_handler handler = { hear,     hear, hear_body, hear_gap,
						 hear_end, NULL, NULL };

struct flood {
	const char *name;
	const char *sent, *received;           /* once */
	const char *more_sent, *more_received; /* again and again */
	unsigned ends;                         /* exchanges, at the close */
};

#define OK "HTTP/1.1 200 OK\r\n"

static const struct flood floods[] = {
	{ "header", "GET / HTTP/1.1\r\nA: ", "", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "", 0 },
	{ "headers", "GET / HTTP/1.1\r\n", "", "Name: the value of a header\r\n", "", 0 },
	{ "target", "GET /", "", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "", 0 },
	{ "empty lines", "", "", "\r\n", "", 0 },
	{ "header of a response", "GET / HTTP/1.1\r\n\r\n", OK "A: ", "", "xxxxxxxxxxxxxxxx", 1 },
	{ "headers of a response", "GET / HTTP/1.1\r\n\r\n", OK, "", "Name: the value\r\n", 1 },
	{ "reason", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 ", "", "xxxxxxxxxxxxxxxx", 1 },
	{ "requests", "", "", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", H1_PIPELINE_MAX },
	{ "requests with bodies", "", "", "PUT / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", "",
	  H1_PIPELINE_MAX },
	{ "responses", "", "", "", OK "Content-Length: 0\r\n\r\n", UINT32_MAX },
	{ "responses after a call", "GET / HTTP/1.1\r\n\r\n", OK "Content-Length: 0\r\n\r\n", "",
	  OK "Content-Length: 0\r\n\r\n", UINT32_MAX },
	{ "1xx", "GET / HTTP/1.1\r\n\r\n", "", "", "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n", 1 },
	{ "chunk extension", "GET / HTTP/1.1\r\n\r\n", OK "Transfer-Encoding: chunked\r\n\r\n1;",
	  "", "xxxxxxxxxxxxxxxxxxxxxxxxxx", 1 },
	{ "chunk extensions", "GET / HTTP/1.1\r\n\r\n", OK "Transfer-Encoding: chunked\r\n\r\n", "",
	  "1;a=bcdefghijklmn\r\nx\r\n", 1 },
	{ "chunk size", "GET / HTTP/1.1\r\n\r\n", OK "Transfer-Encoding: chunked\r\n\r\n", "",
	  "00000000000000000", 1 },
	{ "trailer", "GET / HTTP/1.1\r\n\r\n", OK "Transfer-Encoding: chunked\r\n\r\n0\r\nA: ", "",
	  "xxxxxxxxxxxxxxxxxxxxxxxxxx", 1 },
	{ "trailers", "GET / HTTP/1.1\r\n\r\n", OK "Transfer-Encoding: chunked\r\n\r\n0\r\n", "",
	  "Name: the value\r\n", 1 },
	{ "body until the close", "GET / HTTP/1.1\r\n\r\n", OK "\r\n", "", "xxxxxxxxxxxxxxxxxx",
	  1 },
	{ "bodies both ways", "PUT / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
	  OK "Content-Length: 99999999999\r\n\r\n", "xxxxxxxxxxxx", "xxxxxxxxxxxx", 1 },
	{ "noise", "", "", "\x16\x03\x01 a b c\r\n\r\n", "\x16\x03\x01\r\n\r\n", 0 },
	{ "noise after a call", "GET / HTTP/1.1\r\n\r\n", OK "Content-Length: 0\r\n\r\n", "\x16\n",
	  "\x16\n", 1 },
};

struct flooded {
	struct h1 *h1;
	uint64_t offset[2];
	size_t before, most;
};

static void pour(struct flooded *f, enum direction direction, struct span bytes)
{
	struct chunk chunk = { .data = bytes,
			       .offset = f->offset[direction],
			       .length = bytes.len,
			       .time_utc_ns = 1,
			       .direction = direction };
	size_t now;

	h1_feed(f->h1, &chunk);
	f->offset[direction] += bytes.len;
	now = allocated_bytes() - f->before;
	if (now > f->most)
		f->most = now;
}

static struct buf repeated(const char *text, size_t most)
{
	struct buf out = buf_with_max(most);

	while (*text && !out.failed)
		buf_put(&out, span_of(text));
	return out;
}

/* Pieces of about `piece` bytes, `total` bytes of them. */
static void flood(const struct flood *row, size_t piece, size_t total)
{
	struct buf more[2] = { repeated(row->more_sent, piece + strlen(row->more_sent)),
			       repeated(row->more_received, piece + strlen(row->more_received)) };
	struct http_counters counters = { 0 };
	struct connection conn = { 0 };
	struct flooded f = { .before = allocated_bytes() };
	unsigned ends = 0;

	assert_int_equal(h1_new(&conn, &handler, &ends, &counters, &f.h1), 0);
	pour(&f, DIRECTION_SENT, span_of(row->sent));
	pour(&f, DIRECTION_RECEIVED, span_of(row->received));
	for (size_t n = 0; n < total; n += piece) {
		pour(&f, DIRECTION_SENT, buf_span(&more[0]));
		pour(&f, DIRECTION_RECEIVED, buf_span(&more[1]));
	}
	h1_close(f.h1, 1, (uint64_t[2]){ 0 });
	h1_free(f.h1);
	if (f.most > CONNECTION_BYTES_MAX)
		fail_msg("%s: %zu bytes", row->name, f.most);
	if (row->ends != UINT32_MAX && ends != row->ends)
		fail_msg("%s: %u exchanges", row->name, ends);
	assert_true(allocated_bytes() <= f.before + SLACK_BYTES);
	buf_done(&more[0]);
	buf_done(&more[1]);
}

static void test_floods(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(floods) / sizeof(*floods); i++) {
		flood(&floods[i], 16384, 2 << 20);
		flood(&floods[i], 1 << 20, 4 << 20);
		flood(&floods[i], 1, 100000);
	}
}

/* As much as can be held at once: many large heads in flight, a head in pieces on both sides. */
static void test_large_heads_in_flight(void **state)
{
	struct http_counters counters = { 0 };
	struct connection conn = { 0 };
	struct buf head = buf_with_max(HEAD_BYTES_MAX), part = buf_with_max(HEAD_BYTES_MAX);
	struct flooded f = { 0 };
	unsigned ends = 0, n;

	(void)state;
	buf_printf(&head, "GET / HTTP/1.1\r\nA: %060000d\r\n\r\n", 0);
	buf_printf(&part, "GET / HTTP/1.1\r\nA: %060000d", 0);
	f.before = allocated_bytes();
	assert_int_equal(h1_new(&conn, &handler, &ends, &counters, &f.h1), 0);
	for (n = 0; n < INFLIGHT_HEADS_MAX / head.len; n++)
		pour(&f, DIRECTION_SENT, buf_span(&head));
	pour(&f, DIRECTION_SENT, buf_span(&part));
	assert_int_equal(counter_read(&counters.opaque_other), 0);
	pour(&f, DIRECTION_SENT, SPAN("\r\n\r\n"));
	assert_int_equal(counter_read(&counters.opaque_other), 1);
	assert_int_equal(ends, n);
	assert_true(f.most < CONNECTION_BYTES_MAX);
	h1_free(f.h1);
	assert_true(allocated_bytes() <= f.before + SLACK_BYTES);
	buf_done(&head);
	buf_done(&part);
}

static void test_idle_is_small(void **state)
{
	struct http_counters counters = { 0 };
	struct connection conn = { 0 };
	struct flooded f = { .before = allocated_bytes() };
	unsigned ends = 0;

	(void)state;
	assert_int_equal(h1_new(&conn, &handler, &ends, &counters, &f.h1), 0);
	pour(&f, DIRECTION_SENT, SPAN("GET / HTT"));
	pour(&f, DIRECTION_SENT, SPAN("P/1.1\r\n\r\n"));
	pour(&f, DIRECTION_RECEIVED, SPAN("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"));
	pour(&f, DIRECTION_RECEIVED, SPAN("Content-Length: 3\r\n\r\n\x1f\x8b\x08"));
	assert_int_equal(ends, 1);
	assert_true(allocated_bytes() - f.before <= IDLE_BYTES_MAX + SLACK_BYTES);
	h1_free(f.h1);
	assert_true(allocated_bytes() <= f.before + SLACK_BYTES);
}

/* Every byte of a head, where it was gathered and where it was kept; a response that was held. */
static void test_heads_are_wiped(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nAuthorization: secret\r\n\r\n";
	static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	size_t length = sizeof(request) - 1, answer = sizeof(response) - 1;
	/* Both have one header. */
	size_t kept = length + answer + 2 * sizeof(struct http_header);
	struct http_counters counters = { 0 };
	struct connection conn = { 0 };
	struct flooded f = { 0 };
	unsigned ends = 0;

	(void)state;
	assert_int_equal(h1_new(&conn, &handler, &ends, &counters, &f.h1), 0);
	wiped_bytes = 0;
	pour(&f, DIRECTION_SENT, span_head(SPAN(request), 5));
	pour(&f, DIRECTION_SENT, span_skip(SPAN(request), 5));
	assert_int_equal(wiped_bytes, length);
	pour(&f, DIRECTION_RECEIVED, SPAN(response));
	assert_int_equal(wiped_bytes, length + kept);
	pour(&f, DIRECTION_RECEIVED, SPAN(response));
	pour(&f, DIRECTION_SENT, SPAN(request));
	assert_int_equal(wiped_bytes, length + answer + 2 * kept);
	pour(&f, DIRECTION_SENT, span_head(SPAN(request), 30));
	h1_free(f.h1);
	assert_int_equal(wiped_bytes, length + answer + 2 * kept + 30);
	assert_int_equal(ends, 2);
}

static void test_queue(void **state)
{
	struct counter ended = { 0 };
	struct connection conn = { 0 };
	unsigned ends = 0;
	struct inflight f = {
		.handler = &handler, .ctx = &ends, .connection = &conn, .ended = &ended
	};
	struct call *calls[3];

	(void)state;
	assert_null(inflight_awaiting(&f));
	for (int i = 0; i < 3; i++)
		calls[i] = inflight_add(&f);
	assert_ptr_equal(calls[0]->ex.connection, &conn);
	assert_ptr_equal(inflight_awaiting(&f), calls[0]);
	inflight_done(&f, calls[0], DIRECTION_RECEIVED, 5);
	assert_ptr_equal(inflight_awaiting(&f), calls[1]);
	assert_int_equal(ends, 0);
	inflight_done(&f, calls[0], DIRECTION_SENT, 5);
	assert_int_equal(ends, 1);
	calls[1]->done[DIRECTION_SENT] = true;
	inflight_abandon(&f, true, 6);
	assert_int_equal(ends, 2);
	assert_ptr_equal(inflight_awaiting(&f), calls[2]);
	assert_int_equal(calls[2]->ex.completeness, COMPLETENESS_COMPLETE);
	call_mark(calls[2], COMPLETENESS_PRE_ATTACH);
	call_mark(calls[2], COMPLETENESS_GAP);
	assert_int_equal(calls[2]->ex.completeness, COMPLETENESS_PRE_ATTACH);
	inflight_abandon(&f, false, 7);
	assert_int_equal(ends, 2);
	assert_null(inflight_awaiting(&f));
	inflight_end_all(&f, COMPLETENESS_TRUNCATED, 8);
	assert_int_equal(ends, 3);
	assert_int_equal(counter_read(&ended), 3);
	assert_int_equal(f.n, 0);
}

static void test_heads(void **state)
{
	struct connection conn = { 0 };
	struct inflight f = { .handler = &handler, .connection = &conn };
	struct call *call = inflight_add(&f);
	char text[] = "GET /a HTTP/1.1\r\nA: b\r\n\r\n";

	(void)state;
	assert_int_equal(inflight_set_head(&f, call, DIRECTION_RECEIVED, span_of(text)), -EBADMSG);
	assert_int_equal(call->ex.response.status, 0);
	assert_int_equal(f.head_bytes, 0);
	assert_int_equal(inflight_set_head(&f, call, DIRECTION_SENT, span_of(text)), 0);
	assert_int_equal(f.head_bytes, strlen(text) + sizeof(struct http_header));
	memset(text, '#', strlen(text)); /* the call has its own */
	assert_true(span_eq(call->ex.request.target, SPAN("/a")));
	assert_true(span_eq(head_get(&call->ex.request, SPAN("a")), SPAN("b")));
	inflight_drop_head(&f, call, DIRECTION_SENT);
	assert_int_equal(f.head_bytes, 0);
	assert_int_equal(call->ex.request.method.len, 0);
	assert_int_equal(call->ex.request.n_headers, 0);
	inflight_remove(&f, call);
	assert_null(f.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floods),        cmocka_unit_test(test_large_heads_in_flight),
		cmocka_unit_test(test_idle_is_small), cmocka_unit_test(test_heads_are_wiped),
		cmocka_unit_test(test_queue),         cmocka_unit_test(test_heads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
