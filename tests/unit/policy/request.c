/* Framing by RFC 9112: what is a whole request, what is refused and with which status. */
#include "policy/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/policy.h"

#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

static void assert_span(struct span got, const char *expected)
{
	if (!span_eq(got, span_of(expected)))
		fail_msg("'%.*s' is not '%s'", (int)got.len, got.ptr, expected);
}

static void test_parts(void **state)
{
	static const struct {
		const char *text, *method, *path, *query, *body;
		bool http_1_0, keep_alive;
	} cases[] = {
		{ "GET /v1/status HTTP/1.1\r\nHost: l\r\n\r\n", "GET", "/v1/status", "", "", false,
		  true },
		{ "GET /v1/calls?a=b&c HTTP/1.1\r\n\r\n", "GET", "/v1/calls", "a=b&c", "", false,
		  true },
		{ "POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "POST", "/x", "", "abc",
		  false, true },
		{ "POST http://outlay/x?y HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "POST", "/x", "y",
		  "", false, true },
		{ "GET http://outlay HTTP/1.1\r\n\r\n", "GET", "/", "", "", false, true },
		{ "GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", "GET", "/", "", "", false,
		  false },
		{ "GET / HTTP/1.0\r\n\r\n", "GET", "/", "", "", true, false },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET", "/", "", "", true,
		  true },
		{ "\r\n\nGET / HTTP/1.1\n\n", "GET", "/", "", "", false, true },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct request request;
		struct span in = span_of(cases[i].text);

		assert_int_equal(request_take(in, &request), in.len);
		assert_span(request.method, cases[i].method);
		assert_span(request.path, cases[i].path);
		assert_span(request.query, cases[i].query);
		assert_span(request.body, cases[i].body);
		assert_int_equal(request.http_1_0, cases[i].http_1_0);
		assert_int_equal(request.keep_alive, cases[i].keep_alive);
	}
}

static void test_every_prefix_wants_more(void **state)
{
	struct span whole =
	    SPAN("POST /v1/decide?q HTTP/1.1\r\nHost: l\r\nContent-Length: 5\r\n\r\n"
		 "{ab}xGET /");
	size_t end = whole.len - 5;

	(void)state;
	for (size_t n = 0; n <= whole.len; n++) {
		char *copy = malloc(n ? n : 1); /* exactly, so that ASan sees a byte too far */
		struct request request;
		long taken;

		memcpy(copy, whole.ptr, n);
		taken = request_take((struct span){ copy, n }, &request);
		assert_int_equal(taken, n < end ? -EAGAIN : (long)end);
		free(copy);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		unsigned status;
	} cases[] = {
		{ "hello\r\n\r\n", 400 },
		{ "GET / HTTP/2.0\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\n folded\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nA : b\r\n\r\n", 400 },
		{ "GET /\x01 HTTP/1.1\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 0x10\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
		  400 },
		{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411 },
		{ "POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 413 },
		{ "POST / HTTP/1.1\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx", 417 },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct request request;

		if (request_take(span_of(cases[i].text), &request) != -EBADMSG ||
		    request.refused != cases[i].status)
			fail_msg("%s: %u", cases[i].text, request.refused);
		assert_non_null(request.why);
	}
}

static void test_limits(void **state)
{
	static const char start[] = "GET / HTTP/1.1\r\nA: ";
	char *text = malloc(POLICY_HEAD_MAX + 1);
	struct request request;

	(void)state;
	memset(text, 'a', POLICY_HEAD_MAX + 1);
	memcpy(text, start, sizeof(start) - 1);
	memcpy(text + POLICY_HEAD_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(request_take((struct span){ text, POLICY_HEAD_MAX }, &request),
			 POLICY_HEAD_MAX);
	memcpy(text + POLICY_HEAD_MAX - 4, "a\r\n\r\n", 5);
	assert_int_equal(request_take((struct span){ text, POLICY_HEAD_MAX + 1 }, &request),
			 -EBADMSG);
	assert_int_equal(request.refused, 431);
	assert_int_equal(request_take((struct span){ text, POLICY_HEAD_MAX }, &request), -EBADMSG);
	/* Not before it is sure. */
	assert_int_equal(request_take((struct span){ text, POLICY_HEAD_MAX - 1 }, &request),
			 -EAGAIN);
	free(text);
}

static void test_continue(void **state)
{
	static const char head[] = "POST / HTTP/1.1\r\nExpect: 100-Continue\r\n"
				   "Content-Length: 2\r\n\r\n";
	char text[128];
	struct request request;

	(void)state;
	assert_int_equal(request_take(SPAN(head), &request), -EAGAIN);
	assert_true(request.wants_continue);
	/* RFC 9110, 10.1.1: not needed once a part of the content is here. */
	snprintf(text, sizeof(text), "%sx", head);
	assert_int_equal(request_take(span_of(text), &request), -EAGAIN);
	assert_false(request.wants_continue);
	/* And not when the head alone is refused. */
	assert_int_equal(request_take(SPAN("POST / HTTP/1.1\r\nExpect: 100-continue\r\n"
					   "Content-Length: 70000\r\n\r\n"),
				      &request),
			 -EBADMSG);
	assert_int_equal(request.refused, 413);
}

static void test_parameters(void **state)
{
	static const struct {
		const char *query;
		int result;
		const char *value;
	} cases[] = {
		{ "since=2026-01-01", 0, "2026-01-01" },
		{ "a=b&since=%32%3a+x&c", 0, "2:+x" },
		{ "since=", 0, "" },
		{ "since", 0, "" },
		{ "sinc=1&sincee=2", -ENOENT, NULL },
		{ "", -ENOENT, NULL },
		{ "since=1&since=1", -EINVAL, NULL },
		{ "since=%3", -EINVAL, NULL },
		{ "since=%", -EINVAL, NULL },
		{ "since=%zz", -EINVAL, NULL },
		{ "since=%00", -EINVAL, NULL },
		{ "since=%0a", -EINVAL, NULL },
		{ "since=0123456789abcde", 0, "0123456789abcde" },
		{ "since=0123456789abcdef", -EINVAL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char value[16] = "";

		assert_int_equal(
		    request_parameter(span_of(cases[i].query), SPAN("since"), value, sizeof(value)),
		    cases[i].result);
		if (cases[i].value)
			assert_string_equal(value, cases[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),    cmocka_unit_test(test_every_prefix_wants_more),
		cmocka_unit_test(test_refused),  cmocka_unit_test(test_limits),
		cmocka_unit_test(test_continue), cmocka_unit_test(test_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
