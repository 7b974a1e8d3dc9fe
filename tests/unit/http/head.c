/* Heads by RFC 9112, its own examples among them: whole, cut off at every byte, with bytes behind
 * them, each at the very end of readable memory. */
#include "http/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "guard.h"

static struct http_header room[HEAD_HEADERS_MAX];

typedef long parse_fn(struct span in, struct http_header *room, struct http_head *ret_head);

struct good {
	const char *text;
	const char *method, *target; /* of requests */
	unsigned status;
	unsigned minor;
	unsigned n_headers;
	const char *name, *value; /* of the last header */
};

static const struct good requests[] = {
	{ "GET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost: www.example.com\r\n"
	  "Accept-Language: en, mi\r\n\r\n",
	  "GET", "/hello.txt", 0, 1, 3, "Accept-Language", "en, mi" },
	{ "GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n", "GET", "/where?q=now", 0, 1,
	  1, "Host", "www.example.org" },
	{ "GET http://www.example.org/pub/WWW/TheProject.html HTTP/1.1\r\n\r\n", "GET",
	  "http://www.example.org/pub/WWW/TheProject.html", 0, 1, 0, NULL, NULL },
	{ "CONNECT www.example.com:80 HTTP/1.1\r\nHost: www.example.com\r\n\r\n", "CONNECT",
	  "www.example.com:80", 0, 1, 1, "Host", "www.example.com" },
	{ "OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS", "*", 0, 1, 0, NULL, NULL },
	{ "\r\n\r\nGET / HTTP/1.0\r\n\r\n", "GET", "/", 0, 0, 0, NULL, NULL },
	{ "\n\nGET / HTTP/1.1\nA: b\n\n", "GET", "/", 0, 1, 1, "A", "b" },
	{ "!#$%&'*+-.^_`|~09AZaz / HTTP/1.1\r\n\r\n", "!#$%&'*+-.^_`|~09AZaz", "/", 0, 1, 0, NULL,
	  NULL },
	{ "GET /\xc3\xa9 HTTP/1.1\r\nA:\r\nB:\t \r\n\r\n", "GET", "/\xc3\xa9", 0, 1, 2, "B", "" },
	{ "GET / HTTP/1.1\r\nA: \t b : \tc\xff \t \r\n\r\n", "GET", "/", 0, 1, 1, "A",
	  "b : \tc\xff" },
};

static const struct good responses[] = {
	{ "HTTP/1.1 200 OK\r\nDate: Mon, 27 Jul 2009 12:28:53 GMT\r\nContent-Length: 51\r\n\r\n",
	  NULL, NULL, 200, 1, 2, "Content-Length", "51" },
	{ "HTTP/1.1 200 \r\n\r\n", NULL, NULL, 200, 1, 0, NULL, NULL },
	{ "HTTP/1.0 404\r\n\r\n", NULL, NULL, 404, 0, 0, NULL, NULL },
	{ "HTTP/1.1 599 a\tb \xe9\nA: b\n\n", NULL, NULL, 599, 1, 1, "A", "b" },
	{ "HTTP/1.1 100 Continue\r\n\r\n", NULL, NULL, 100, 1, 0, NULL, NULL },
};

static void assert_text(struct span got, const char *expected)
{
	assert_true(span_eq(got, expected ? span_of(expected) : SPAN("")));
}

static void check_good(struct guard *guard, parse_fn *parse, const struct good *g)
{
	struct span whole = span_of(g->text), in;
	struct http_head head, before;
	struct buf more = buf_with_max(1000);

	for (size_t n = 0; n < whole.len; n++) {
		memset(&head, 0xaa, sizeof(head));
		before = head;
		assert_int_equal(parse(guard_put(guard, span_head(whole, n)), room, &head),
				 -EAGAIN);
		assert_memory_equal(&head, &before, sizeof(head));
	}
	in = guard_put(guard, whole);
	assert_int_equal(parse(in, room, &head), whole.len);
	assert_text(head.method, g->method);
	assert_text(head.target, g->target);
	assert_int_equal(head.status, g->status);
	assert_int_equal(head.minor, g->minor);
	assert_int_equal(head.n_headers, g->n_headers);
	if (g->n_headers) {
		assert_text(head.headers[g->n_headers - 1].name, g->name);
		assert_text(head.headers[g->n_headers - 1].value, g->value);
		assert_true(head.headers[0].name.ptr > in.ptr);
	}
	buf_put(&more, whole);
	buf_put(&more, SPAN("\r\n\0 more"));
	assert_int_equal(parse(guard_put(guard, buf_span(&more)), room, &head), whole.len);
	buf_done(&more);
}

static void test_good_heads(void **state)
{
	struct guard guard = guard_new();

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		check_good(&guard, head_parse_request, &requests[i]);
	for (size_t i = 0; i < sizeof(responses) / sizeof(*responses); i++)
		check_good(&guard, head_parse_response, &responses[i]);
	guard_done(&guard);
}

/* Each is refused at its last byte, and before that not yet. */
static const char *const bad_requests[] = {
	" ",
	"GE\x01",
	"GE:",
	"(",
	"GET / HTTP/1.1\r\nA: b\rc",
	"GET / HTTP/1.1\r\nA: b\x7f",
	"GET / HTTP/1.1\r\nA: b\x1b",
	"\rG",
	"\n\n\n\n\n\n\n\n\n",
	"GET\t",
	"GET\n",
	"GET /\r\n",
	"GET / \r\n",
	"GET  / HTTP/1.1\r\n",
	"GET / HTTP/1.1 \r\n",
	"GET /  HTTP/1.1\r\n",
	"GET / a HTTP/1.1\r\n",
	"GET /\ta HTTP/1.1\r\n",
	"GET / HTTP/1.10\r\n",
	"GET / HTTP/1.x\r\n",
	"GET / HTTP/2.0\r\n",
	"GET / http/1.1\r\n",
	"PRI * HTTP/2.0\r\n",
	"GET / HTTP/1.1\r\n a: folded\r\n",
	"GET / HTTP/1.1\r\nA: b\r\n folded\r\n",
	"GET / HTTP/1.1\r\nA : b\r\n",
	"GET / HTTP/1.1\r\nA\r\n",
	"GET / HTTP/1.1\r\n: b\r\n",
	"GET / HTTP/1.1\r\nA(: b\r\n",
};

static const char *const bad_responses[] = {
	"h",
	"HTTP/2",
	"\r\n",
	"HTTP/1.1\r\n",
	"HTTP/1.1 \r\n",
	"HTTP/1.1 20\r\n",
	"HTTP/1.1 2000\r\n",
	"HTTP/1.1 2x0 OK\r\n",
	"HTTP/1.1 +20 OK\r\n",
	"HTTP/1.1 099 OK\r\n",
	"HTTP/1.1  200 OK\r\n",
	"HTTP/1.1\t200 OK\r\n",
	"HTTP/1.1 200 O\rK",
	"HTTP/1.1 200 OK\r\nA : b\r\n",
};

static void check_bad(struct guard *guard, parse_fn *parse, const char *text)
{
	struct http_head head = { .status = 7 };
	size_t len = strlen(text);

	for (size_t n = 0; n < len; n++)
		if (parse(guard_put(guard, (struct span){ text, n }), room, &head) != -EAGAIN)
			fail_msg("\"%s\" at %zu", text, n);
	if (parse(guard_put(guard, span_of(text)), room, &head) != -EBADMSG)
		fail_msg("\"%s\" is taken", text);
	assert_int_equal(head.status, 7);
}

static void test_bad_heads(void **state)
{
	struct guard guard = guard_new();
	struct http_head head;

	(void)state;
	for (size_t i = 0; i < sizeof(bad_requests) / sizeof(*bad_requests); i++)
		check_bad(&guard, head_parse_request, bad_requests[i]);
	for (size_t i = 0; i < sizeof(bad_responses) / sizeof(*bad_responses); i++)
		check_bad(&guard, head_parse_response, bad_responses[i]);
	assert_int_equal(head_parse_request(SPAN("GET / HTTP/1.1\r\nA: b\0"), room, &head),
			 -EBADMSG);
	assert_int_equal(head_parse_response(SPAN("HTTP/1.1 200 \0\r\n\r\n"), room, &head),
			 -EBADMSG);
	guard_done(&guard);
}

static void test_limits(void **state)
{
	struct buf text = buf_with_max(1 << 20);
	struct http_head head;
	size_t fixed;

	(void)state;
	for (unsigned n = HEAD_HEADERS_MAX; n <= HEAD_HEADERS_MAX + 1; n++) {
		buf_reset(&text);
		buf_put(&text, SPAN("GET / HTTP/1.1\r\n"));
		for (unsigned i = 0; i < n; i++)
			buf_printf(&text, "a%u: b\r\n", i);
		buf_put(&text, SPAN("\r\n"));
		assert_int_equal(head_parse_request(buf_span(&text), room, &head),
				 n > HEAD_HEADERS_MAX ? -E2BIG : (long)text.len);
	}
	fixed = strlen("GET / HTTP/1.1\r\nA: \r\n\r\n");
	for (size_t len = HEAD_BYTES_MAX - 1; len <= HEAD_BYTES_MAX + 1; len++) {
		buf_reset(&text);
		buf_printf(&text, "GET / HTTP/1.1\r\nA: %0*d\r\n\r\n", (int)(len - fixed), 0);
		assert_int_equal(text.len, len);
		assert_int_equal(head_parse_request(buf_span(&text), room, &head),
				 len > HEAD_BYTES_MAX ? -E2BIG : (long)len);
		/* A head that could not end in time any more is refused before its end comes. */
		assert_int_equal(
		    head_parse_request(span_head(buf_span(&text), HEAD_BYTES_MAX - 2), room, &head),
		    -EAGAIN);
	}
	assert_int_equal(
	    head_parse_request(span_head(buf_span(&text), HEAD_BYTES_MAX), room, &head), -E2BIG);
	buf_done(&text);
}

static void test_get(void **state)
{
	struct http_head head;

	(void)state;
	assert_true(head_parse_request(SPAN("GET / HTTP/1.1\r\nAb: 1\r\nAB: 2\r\nA: 3\r\n\r\n"),
				       room, &head) > 0);
	assert_text(head_get(&head, SPAN("aB")), "1");
	assert_text(head_get(&head, SPAN("a")), "3");
	assert_null(head_get(&head, SPAN("abc")).ptr);
}

static void test_copy_is_its_own(void **state)
{
	static const char text[] = "GET /p HTTP/1.1\r\nA: b\r\nE:\r\n\r\n";
	char *bytes = strdup(text);
	struct http_head head, copy;
	long n = head_parse_request(span_of(bytes), room, &head);

	(void)state;
	assert_int_equal(n, strlen(text));
	head.headers[head.n_headers++] = (struct http_header){ SPAN("host"), { NULL, 0 } };
	assert_int_equal(head_copy(&head, (struct span){ bytes, (size_t)n }, &copy), 0);
	memset(bytes, '#', strlen(text));
	free(bytes);
	memset(room, '#', sizeof(room));
	assert_int_equal(copy.own_bytes, strlen(text) + 3 * sizeof(struct http_header));
	assert_text(copy.method, "GET");
	assert_text(copy.target, "/p");
	assert_text(head_get(&copy, SPAN("a")), "b");
	assert_text(head_get(&copy, SPAN("e")), "");
	assert_true(head_get(&copy, SPAN("e")).ptr > (char *)copy.headers);
	assert_null(head_get(&copy, SPAN("host")).ptr);
	assert_text(copy.headers[2].name, "host");
	head_done(&copy);
	assert_int_equal(copy.n_headers, 0);
}

static void test_copy_of_nothing(void **state)
{
	struct http_head head = { .status = 200 }, copy;

	(void)state;
	assert_int_equal(head_copy(&head, (struct span){ NULL, 0 }, &copy), 0);
	assert_int_equal(copy.status, 200);
	assert_null(copy.method.ptr);
	assert_int_equal(copy.own_bytes, 0);
	head_done(&copy);
}

struct framed {
	const char *method;  /* of the request that is answered; NULL: a request */
	const char *headers; /* the first line of a response stands before the bar */
	int framing;         /* or -EBADMSG */
	uint64_t length;
};

/* RFC 9112, 6.3, by its numbered cases, and 6.1. */
static const struct framed framed[] = {
	/* 1: no body, whatever the head says */
	{ "HEAD", "1 200|Content-Length: 5\r\n", BODY_NONE, 0 },
	{ "HEAD", "1 200|Transfer-Encoding: chunked\r\n", BODY_NONE, 0 },
	{ "GET", "1 101|Content-Length: 5\r\n", BODY_NONE, 0 },
	{ "GET", "1 204|Transfer-Encoding: chunked\r\n", BODY_NONE, 0 },
	{ "GET", "1 304|Content-Length: 5\r\n", BODY_NONE, 0 },
	/* 2: tunnels */
	{ "CONNECT", "1 200|Content-Length: 5\r\n", BODY_NONE, 0 },
	{ "CONNECT", "1 407|Content-Length: 5\r\n", BODY_LENGTH, 5 },
	/* 3: both is an attack until proven otherwise */
	{ "GET", "1 200|Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", -EBADMSG, 0 },
	{ NULL, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", -EBADMSG, 0 },
	/* 4: codings */
	{ "GET", "1 200|Transfer-Encoding: chunked\r\n", BODY_CHUNKED, 0 },
	{ "GET", "1 200|Transfer-Encoding: gzip, chunked\r\n", BODY_CHUNKED, 0 },
	{ "GET", "1 200|TRANSFER-ENCODING: gzip\r\ntransfer-encoding: , CHUNKED ,\r\n",
	  BODY_CHUNKED, 0 },
	{ "GET", "1 200|Transfer-Encoding: gzip\r\n", BODY_UNTIL_CLOSE, 0 },
	{ "GET", "1 200|Transfer-Encoding: chunked, gzip\r\n", -EBADMSG, 0 },
	{ "GET", "1 200|Transfer-Encoding: chunked, chunked\r\n", -EBADMSG, 0 },
	{ "GET", "1 200|Transfer-Encoding:\r\n", -EBADMSG, 0 },
	{ "GET", "0 200|Transfer-Encoding: chunked\r\n", -EBADMSG, 0 },
	{ NULL, "Transfer-Encoding: chunked\r\n", BODY_CHUNKED, 0 },
	{ NULL, "Transfer-Encoding: gzip;q=1, chunked;a=b\r\n", BODY_CHUNKED, 0 },
	{ NULL, "Transfer-Encoding: gzip\r\n", -EBADMSG, 0 },
	{ NULL, "Transfer-Encoding: xchunked\r\n", -EBADMSG, 0 },
	/* 5 and 6: lengths */
	{ "GET", "1 200|Content-Length: 0\r\n", BODY_LENGTH, 0 },
	{ "GET", "1 200|content-length:18446744073709551615\r\n", BODY_LENGTH, UINT64_MAX },
	{ "GET", "1 200|Content-Length: 18446744073709551616\r\n", -EBADMSG, 0 },
	{ "GET", "1 200|Content-Length: 5\r\nContent-Length: 5\r\n", BODY_LENGTH, 5 },
	{ "GET", "1 200|Content-Length: 5, 5\r\n", BODY_LENGTH, 5 },
	{ "GET", "1 200|Content-Length: 5, 6\r\n", -EBADMSG, 0 },
	{ NULL, "Content-Length: 5\r\nContent-Length: 05\r\n", BODY_LENGTH, 5 },
	{ NULL, "Content-Length: 5\r\nContent-Length: 6\r\n", -EBADMSG, 0 },
	{ NULL, "Content-Length: +5\r\n", -EBADMSG, 0 },
	{ NULL, "Content-Length: -5\r\n", -EBADMSG, 0 },
	{ NULL, "Content-Length: 5 5\r\n", -EBADMSG, 0 },
	{ NULL, "Content-Length: 0x5\r\n", -EBADMSG, 0 },
	{ NULL, "Content-Length:\r\n", -EBADMSG, 0 },
	/* 7 and 8: neither */
	{ NULL, "", BODY_NONE, 0 },
	{ "GET", "1 200|", BODY_UNTIL_CLOSE, 0 },
};

static void check_framing(const struct framed *f)
{
	struct span headers = span_of(f->headers), first;
	struct buf text = buf_with_max(1000);
	enum body_framing framing = BODY_NONE;
	struct http_head head;
	uint64_t length = 0;
	int err;

	first = f->method ? span_cut(&headers, '|') : SPAN("");
	buf_printf(&text, f->method ? "HTTP/1.%.*s\r\n" : "POST / HTTP/1.1\r\n%.*s", (int)first.len,
		   first.ptr);
	buf_put(&text, headers);
	buf_put(&text, SPAN("\r\n"));
	if (f->method) {
		assert_int_equal(head_parse_response(buf_span(&text), room, &head), text.len);
		err = head_response_framing(&head, span_of(f->method), &framing, &length);
	} else {
		assert_int_equal(head_parse_request(buf_span(&text), room, &head), text.len);
		err = head_request_framing(&head, &framing, &length);
	}
	if ((err ? err : (int)framing) != f->framing || length != f->length)
		fail_msg("%s: %d, framing %d, length %llu", f->headers, err, framing,
			 (unsigned long long)length);
	buf_done(&text);
}

static void test_framing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(framed) / sizeof(*framed); i++)
		check_framing(&framed[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_heads),      cmocka_unit_test(test_bad_heads),
		cmocka_unit_test(test_limits),          cmocka_unit_test(test_get),
		cmocka_unit_test(test_copy_is_its_own), cmocka_unit_test(test_copy_of_nothing),
		cmocka_unit_test(test_framing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
