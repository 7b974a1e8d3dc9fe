/* meter/expr: the language of provider files. Expected values follow from the grammar in
 * meter/provider.h, by hand. */
#include "meter/expr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "meter/format.h"

#define ABSENT INT64_MIN

static const char request_head[] =
    "POST /v1/items/it%2F7/runs?n=3&empty=&flag&n=4&a-b=c HTTP/1.1\r\n"
    "X-Count: 12\r\nX-Big: 9223372036854775808\r\n\r\n";
static const char response_head[] = "HTTP/1.1 200 OK\r\nx-request-id: req_1\r\nX-Empty:\r\n"
				    "Content-Range: 5-9/77\r\nX-None: */0\r\nX-Odd: 9-5/77\r\n\r\n";
static const char request_body[] = "{\"model\":\"m-asked\",\"n\":2}";
static const char response_body[] =
    "{\"a\":5,\"b\":3,\"zero\":0,\"nil\":null,\"text\":\"t\",\"empty\":\"\",\"digits\":\"42\","
    "\"half\":0.5,\"minus\":-4,\"max\":9223372036854775807,\"over\":9223372036854775808,"
    "\"yes\":true,\"obj\":{},\"list\":[1,2,3],\"mixed\":[1,\"2\"],\"none\":[],\"nulls\":[null],"
    "\"items\":[{\"n\":10},{\"n\":20},{\"m\":1}],\"huge\":[9223372036854775807,1],"
    "\"parts\":[{\"k\":\"x\",\"n\":1},{\"n\":20,\"k\":\"x\"},{\"n\":300,\"k\":\"y\"},{\"n\":4000},"
    "{\"k\":\"x\"},{\"k\":\"z\",\"n\":1},{\"n\":0.5,\"k\":\"z\"},{\"k\":7,\"n\":9},3],"
    "\"*[k=x]\":8,\"whole\":7.00,\"odd\":\"1.x\",\"letters\":"
    "\"a\\u00e9\xe2\x82\xac\\ud83d\\ude00\",\"a-b\":7,\"x~y\":{\"/\":8}}";

struct world {
	struct expr_scope scope;
	struct exchange exchange;
	struct http_header headers[2][HEAD_HEADERS_MAX];
	struct slot *request;
	struct slot *response;
	char scratch[EXPR_SCRATCH_BYTES];
	struct format_reader reader;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_int_equal(slot_plan_init(&w->scope.request), 0);
	assert_int_equal(slot_plan_init(&w->scope.response), 0);
	w->scope.template = SPAN("/v1/items/{item}/runs");
	assert_true(head_parse_request(SPAN(request_head), w->headers[0], &w->exchange.request) >
		    0);
	assert_true(head_parse_response(SPAN(response_head), w->headers[1], &w->exchange.response) >
		    0);
	w->exchange.response_bytes = 77;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	slot_plan_done(&w->scope.request);
	slot_plan_done(&w->scope.response);
	free(w);
	return 0;
}

static struct slot *read_body(struct world *w, const struct slot_plan *plan, struct span body)
{
	struct slot *slots = calloc(plan->n + 1, sizeof(*slots));

	format_begin(&w->reader, &format_table[FORMAT_JSON], plan, slots);
	format_feed(&w->reader, body);
	format_end(&w->reader, true);
	assert_true(format_read_well(&w->reader));
	return slots;
}

static struct expr_input read_bodies(struct world *w)
{
	w->request = read_body(w, &w->scope.request, SPAN(request_body));
	w->response = read_body(w, &w->scope.response, SPAN(response_body));
	return (struct expr_input){ &w->exchange, w->request, w->response, w->scratch };
}

static void forget_bodies(struct world *w)
{
	slots_done(w->request, w->scope.request.n);
	slots_done(w->response, w->scope.response.n);
	free(w->request);
	free(w->response);
}

static void counts(void **state)
{
	static const struct {
		const char *text;
		int64_t expected; /* ABSENT, or a negative errno */
	} cases[] = {
		/* sources */
		{ "/a", 5 },
		{ "/zero", 0 },
		{ "/nothing", ABSENT },
		{ "/nil", ABSENT },
		{ "/empty", ABSENT },
		{ "/digits", 42 },
		{ "/a-b", 7 },
		{ "/x~0y/~1", 8 },
		{ "req:/n", 2 },
		{ "req:/m", ABSENT },
		{ "req-head:x-count", 12 },
		{ "req-head:x-other", ABSENT },
		{ "head:x-empty", ABSENT },
		{ "query:n", 3 },
		{ "7", 7 },
		{ "9223372036854775807", INT64_MAX },
		/* no counts */
		{ "/text", -EBADMSG },
		{ "/half", -EBADMSG },
		{ "/yes", -EBADMSG },
		{ "/obj", -EBADMSG },
		{ "/list", -EBADMSG },
		{ "path:item", -EBADMSG },
		{ "/over", -ERANGE },
		{ "req-head:X-Big", -ERANGE },
		{ "/minus", -ERANGE },
		/* a quarter of the bytes: of one of 11, of nothing, of none that is a text */
		{ "tokens(/letters)", 3 },
		{ "tokens(/nil)", ABSENT },
		{ "tokens(/items/*/n)", 0 },
		{ "tokens(/parts/*/k)", 2 },
		{ "minutes(/a)", 1 },
		{ "minutes(/zero)", 0 },
		{ "minutes(/digits)", 1 },
		{ "minutes(/half)", -EBADMSG },
		{ "minutes(/nil)", ABSENT },
		/* joins */
		{ "/a + /b", 8 },
		{ "/a - /b", 2 },
		{ "/b - /a", -ERANGE },
		{ "/b - /a + /a", 3 },
		{ "/a - /b - /b + 1", 0 },
		{ "/a - /nothing", 5 },
		{ "/nothing - /a", ABSENT },
		{ "/nothing + 1", ABSENT },
		{ "/nothing | /a", 5 },
		{ "/a | /b", 5 },
		{ "/zero | /b", 0 },
		{ "/a|/b", 5 },
		{ "/nil|/empty|/b", 3 },
		{ "/text | /a", -EBADMSG },
		{ "/a - /nothing | /b", 2 },
		{ "/a | /nothing - /b", 2 },
		{ "/nothing | /nil - /b", ABSENT },
		{ " /a  +\t/b ", 8 },
		{ "/max + 1", -ERANGE },
		{ "/max + 1 - 2", -ERANGE },
		{ "/minus + /a", 1 },
		{ "/a - /minus", 9 },
		{ "/a - /text", -EBADMSG },
		/* count and sum */
		{ "count(/list/*)", 3 },
		{ "sum(/list/*)", 6 },
		{ "count( /list/* )", 3 },
		{ "count(/items/*/n)", 2 },
		{ "sum(/items/*/n)", 30 },
		{ "count(/none/*)", ABSENT },
		{ "count(/nulls/*)", ABSENT },
		{ "count(/mixed/*)", 2 },
		{ "sum(/mixed/*)", -EBADMSG },
		{ "sum(/huge/*)", -EBADMSG },
		{ "count(/a)", 1 },
		{ "some(/a)", 5 },
		{ "some(/zero)", ABSENT },
		{ "some(/digits)", 42 },
		{ "some(/zero) | 3", 3 },
		{ "some(/nothing)", ABSENT },
		{ "sum(/list/*) - count(/list/*)", 3 },
		{ "count(/nothing/*) | 1", 1 },
		/* other functions of a value */
		{ "last(/list/*)", 3 },
		{ "last(/items/*/m)", 1 },
		{ "last(/none/*)", ABSENT },
		{ "any(/a)", 1 },
		{ "any(/digits)", 1 },
		{ "any(/zero)", ABSENT },
		{ "any(/nothing)", ABSENT },
		{ "any(/text)", -EBADMSG },
		{ "zero(/a)", 0 },
		{ "zero(/obj)", 0 },
		{ "zero(/nil)", ABSENT },
		{ "zero(/nothing) | 3", 3 },
		{ "not(/list)", ABSENT },
		{ "not(/zero) + 3", ABSENT },
		{ "not(/nil) + /a", 5 },
		{ "not(/nothing) + count(/list/*)", 3 },
		{ "ceil(/half)", 1 },
		{ "ceil(/whole)", 7 },
		{ "ceil(/a)", 5 },
		{ "ceil(/text)", -EBADMSG },
		{ "ceil(/odd)", -EBADMSG },
		{ "ceil(/nothing)", ABSENT },
		{ "range(head:content-range)", 5 },
		{ "range(head:x-none)", 0 },
		{ "range(head:x-odd)", -EBADMSG },
		{ "range(head:x-request-id)", -EBADMSG },
		{ "range(head:x-other)", ABSENT },
		{ "characters(/text)", 1 },
		{ "characters(/letters)", 4 },
		{ "segments(/letters)", 1 },
		{ "characters(/a)", -EBADMSG },
		{ "characters(/empty)", ABSENT },
		{ "bytes", 77 },
		/* elements of a kind, which stands before the number or behind it */
		{ "sum(/parts/*[k=x]/n)", 21 },
		{ "sum(/parts/*[k=y]/n)", 300 },
		{ "count(/parts/*[k=x]/n)", 2 },
		{ "count(/parts/*[k=x])", 3 },
		{ "sum(/parts/*[k=z]/n)", -EBADMSG },
		{ "sum(/parts/*[k=w]/n)", ABSENT },
		{ "sum(/parts/*[k=7]/n)", ABSENT },
		{ "sum(/list/*[k=x]/n)", ABSENT },
		{ "count(/*[k=x])", ABSENT },
	};
	enum { N = sizeof(cases) / sizeof(*cases) };
	struct world *w = *state;
	struct expr exprs[N] = { 0 };
	struct expr_input in;

	for (int i = 0; i < N; i++) {
		struct err err = { "" };

		if (expr_compile(span_of(cases[i].text), EXPR_WANT_COUNT, &w->scope, &exprs[i],
				 &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.text);
	}
	in = read_bodies(w);
	for (int i = 0; i < N; i++) {
		int64_t count = -77;
		int rc = expr_count(&exprs[i], &in, &count);

		if (rc <= 0) {
			assert_int_equal(count, -77);
			count = rc == 0 ? ABSENT : rc;
		}
		if (count != cases[i].expected)
			fail_msg("%s: %lld", cases[i].text, (long long)count);
		expr_done(&exprs[i]);
	}
	forget_bodies(w);
}

static void texts(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *expected;
	} cases[] = {
		{ "/text", 1, "t" },
		{ "/a", 1, "5" },
		{ "/half", 1, "0.5" },
		{ "'batch'", 1, "batch" },
		{ "last(/parts/*/k)", 1, "7" },
		{ "last(/none/*/k)", 0, NULL },
		{ "/nothing | 'x'", 1, "x" },
		{ "/over", 1, "9223372036854775808" },
		{ "/nil", 0, NULL },
		{ "/empty", 0, NULL },
		{ "/yes", -EBADMSG, NULL },
		{ "/obj", -EBADMSG, NULL },
		{ "/nil | /text", 1, "t" },
		{ "/empty | /nothing", 0, NULL },
		{ "req:/model", 1, "m-asked" },
		{ "head:X-Request-ID", 1, "req_1" },
		{ "head:x-empty", 0, NULL },
		{ "req-head:x-count", 1, "12" },
		{ "path:item", 1, "it/7" },
		{ "query:n", 1, "3" },
		{ "query:a-b", 1, "c" },
		{ "query:empty", 0, NULL },
		{ "query:flag", 0, NULL },
		{ "query:other", 0, NULL },
	};
	enum { N = sizeof(cases) / sizeof(*cases) };
	struct world *w = *state;
	struct expr exprs[N] = { 0 };
	struct expr_input in;

	for (int i = 0; i < N; i++)
		assert_int_equal(expr_compile(span_of(cases[i].text), EXPR_WANT_TEXT, &w->scope,
					      &exprs[i], NULL),
				 0);
	in = read_bodies(w);
	for (int i = 0; i < N; i++) {
		struct span text = { NULL, 0 };

		if (expr_text(&exprs[i], &in, &text) != cases[i].rc ||
		    !span_eq(text, span_of(cases[i].expected)))
			fail_msg("%s: %.*s", cases[i].text, (int)text.len, text.ptr);
		expr_done(&exprs[i]);
	}
	forget_bodies(w);
}

static void refuses(void **state)
{
	static const struct {
		enum expr_want want;
		const char *text, *expected;
	} cases[] = {
		{ EXPR_WANT_COUNT, "", "expected a source at \"\"" },
		{ EXPR_WANT_COUNT, "usage", "expected a source at \"usage\"" },
		{ EXPR_WANT_COUNT, "-1", "expected a source at \"-1\"" },
		{ EXPR_WANT_COUNT, "1.5", "expected a source at \"1.5\"" },
		{ EXPR_WANT_COUNT, "9223372036854775808",
		  "expected a source at \"9223372036854775808\"" },
		{ EXPR_WANT_COUNT, "resp:/a", "expected a source at \"resp:/a\"" },
		{ EXPR_WANT_COUNT, "req:model", "expected a source at \"req:model\"" },
		{ EXPR_WANT_COUNT, "(/a)", "expected a source at \"(/a)\"" },
		{ EXPR_WANT_COUNT, "/a /b", "expected |, + or - at \"/b\"" },
		{ EXPR_WANT_COUNT, "/a * /b", "expected |, + or - at \"* /b\"" },
		{ EXPR_WANT_COUNT, "/a -/b", "expected |, + or - at \"-/b\"" },
		{ EXPR_WANT_COUNT, "/a -", "expected |, + or - at \"-\"" },
		{ EXPR_WANT_COUNT, "/a - ", "expected a source at \"\"" },
		{ EXPR_WANT_COUNT, "/a || /b", "expected a source at \"| /b\"" },
		{ EXPR_WANT_COUNT, "/a)", "expected |, + or - at \")\"" },
		{ EXPR_WANT_COUNT, "/a~2", "expected a JSON pointer at \"/a~2\"" },
		{ EXPR_WANT_COUNT, "/a/*",
		  "expected * inside count(), sum() or tokens() alone at \"/a/*\"" },
		{ EXPR_WANT_COUNT, "/a/*[k=x]/n",
		  "expected * inside count(), sum() or tokens() alone at \"/a/*[k=x]/n\"" },
		{ EXPR_WANT_COUNT, "sum(/a/*[k]/n)", "expected a JSON pointer at \"/a/*[k]/n\"" },
		{ EXPR_WANT_COUNT, "sum(/a/*[=x]/n)", "expected a JSON pointer at \"/a/*[=x]/n\"" },
		{ EXPR_WANT_COUNT, "sum(/a/*[k=x/n)", "expected a JSON pointer at \"/a/*[k=x/n\"" },
		{ EXPR_WANT_COUNT, "count(/a", "expected a ) at \"count(/a\"" },
		{ EXPR_WANT_COUNT, "count(/a | /b)", "expected a ) at \"count(/a | /b)\"" },
		{ EXPR_WANT_COUNT, "count(3)", "expected a source at \"3\"" },
		{ EXPR_WANT_COUNT, "count(sum(/a/*))", "expected a source at \"sum\"" },
		{ EXPR_WANT_COUNT, "sum(head:x)",
		  "expected a pointer inside count() or sum() at \"head:x\"" },
		{ EXPR_WANT_COUNT, "head:", "expected a name after the colon at \"head:\"" },
		{ EXPR_WANT_COUNT, "path:other",
		  "expected a {name} of the match at \"path:other\"" },
		{ EXPR_WANT_COUNT, "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q",
		  "too long a pointer, or too many of them at "
		  "\"/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q\"" },
		{ EXPR_WANT_COUNT,
		  "1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1",
		  "too many sources at \"1\"" },
		{ EXPR_WANT_TEXT, "/a + /b", "expected | at \"+ /b\"" },
		{ EXPR_WANT_TEXT, "5", "expected a source at \"5\"" },
		{ EXPR_WANT_TEXT, "count(/a/*)",
		  "expected a text, not a number, at \"count(/a/*)\"" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct expr expr = { 0 };
		struct err err = { "" };

		if (expr_compile(span_of(cases[i].text), cases[i].want, &w->scope, &expr, &err) !=
		    -EINVAL)
			fail_msg("%s: taken", cases[i].text);
		assert_string_equal(err.text, cases[i].expected);
		assert_null(expr.sources);
	}
}

static void limits_length(void **state)
{
	struct world *w = *state;
	char text[EXPR_TEXT_MAX + 1];
	struct expr expr = { 0 };
	struct err err = { "" };

	memset(text, ' ', sizeof(text));
	text[0] = '1';
	assert_int_equal(expr_compile((struct span){ text, EXPR_TEXT_MAX }, EXPR_WANT_COUNT,
				      &w->scope, &expr, &err),
			 0);
	expr_done(&expr);
	assert_int_equal(expr_compile((struct span){ text, EXPR_TEXT_MAX + 1 }, EXPR_WANT_COUNT,
				      &w->scope, &expr, &err),
			 -EINVAL);
	assert_string_equal(err.text, "longer than 1024 bytes");
}

static void shares_pointers(void **state)
{
	struct world *w = *state;
	struct expr a, b;

	assert_int_equal(expr_compile(SPAN("/u/x - /u/y"), EXPR_WANT_COUNT, &w->scope, &a, NULL),
			 0);
	assert_int_equal(
	    expr_compile(SPAN("/u/y + req:/u/y"), EXPR_WANT_COUNT, &w->scope, &b, NULL), 0);
	assert_int_equal(w->scope.response.n, 2);
	assert_int_equal(w->scope.request.n, 1);
	expr_done(&a);
	expr_done(&b);
}

static void empty_is_absent(void **state)
{
	const struct expr none = { 0 };
	const struct expr_input in = { 0 };
	struct span text;
	int64_t count;

	(void)state;
	assert_int_equal(expr_count(&none, &in, &count), 0);
	assert_int_equal(expr_text(&none, &in, &text), 0);
}

/* Half of a usage object is no usage. */
static void torn_is_no_count(void **state)
{
	static const char cut[] = "{\"a\":5,\"text\":\"t\",";
	struct world *w = *state;
	struct slot slots[2] = { 0 };
	const struct expr_input in = { &w->exchange, NULL, slots, w->scratch };
	struct expr a, text;
	struct span got;
	int64_t count;

	assert_int_equal(expr_compile(SPAN("/a"), EXPR_WANT_COUNT, &w->scope, &a, NULL), 0);
	assert_int_equal(expr_compile(SPAN("/text"), EXPR_WANT_TEXT, &w->scope, &text, NULL), 0);
	format_begin(&w->reader, &format_table[FORMAT_JSON], &w->scope.response, slots);
	format_feed(&w->reader, SPAN(cut));
	format_end(&w->reader, true);
	assert_int_equal(expr_count(&a, &in, &count), -EBADMSG);
	assert_int_equal(expr_text(&text, &in, &got), 1);
	slots_done(slots, 2);
	expr_done(&a);
	expr_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(counts, setup, teardown),
		cmocka_unit_test_setup_teardown(texts, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_length, setup, teardown),
		cmocka_unit_test_setup_teardown(shares_pointers, setup, teardown),
		cmocka_unit_test(empty_is_absent),
		cmocka_unit_test_setup_teardown(torn_is_no_count, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
