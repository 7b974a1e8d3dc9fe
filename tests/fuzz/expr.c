/* meter/expr with any text: compiles or says why; what compiles evaluates to something defined. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "meter/expr.h"
#include "meter/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slot *read_body(const struct slot_plan *plan)
{
	static const char body[] =
	    "{\"a\":5,\"b\":-3,\"c\":null,\"d\":\"7\",\"e\":{\"f\":9223372036854775807},"
	    "\"g\":[1,2,{\"h\":3}]}";
	struct slot *slots = calloc(plan->n + 1, sizeof(*slots));
	struct format_reader reader;

	if (!slots)
		abort();
	format_begin(&reader, &format_table[FORMAT_JSON], plan, slots);
	format_feed(&reader, SPAN(body));
	format_end(&reader, true);
	return slots;
}

static void evaluate(const struct expr *expr, const struct expr_scope *scope)
{
	static const char head[] = "GET /x/y?a=1&b HTTP/1.1\r\na: 2\r\n\r\n";
	struct http_header room[HEAD_HEADERS_MAX];
	struct exchange exchange = { 0 };
	struct slot *request = read_body(&scope->request);
	struct slot *response = read_body(&scope->response);
	char scratch[EXPR_SCRATCH_BYTES];
	const struct expr_input in = { &exchange, request, response, scratch };
	int64_t count = -1;
	struct span text;
	int rc;

	if (head_parse_request(SPAN(head), room, &exchange.request) < 0)
		abort();
	rc = expr_count(expr, &in, &count);
	assert(rc == 1 ? count >= 0 : rc == 0 || rc == -EBADMSG || rc == -ERANGE);
	rc = expr_text(expr, &in, &text);
	assert(rc == 1 ? text.len > 0 : rc == 0 || rc == -EBADMSG);
	slots_done(request, scope->request.n);
	slots_done(response, scope->response.n);
	free(request);
	free(response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum expr_want want = size && data[0] & 1 ? EXPR_WANT_COUNT : EXPR_WANT_TEXT;
	struct span text = span_skip((struct span){ (const char *)data, size }, size > 0);
	struct expr_scope scope = { .template = SPAN("/x/{p}") };
	struct err err = { "" };
	struct expr expr;

	if (slot_plan_init(&scope.request) < 0 || slot_plan_init(&scope.response) < 0)
		abort();
	if (expr_compile(text, want, &scope, &expr, &err) == 0) {
		evaluate(&expr, &scope);
		expr_done(&expr);
	} else {
		assert(err.text[0]);
	}
	slot_plan_done(&scope.request);
	slot_plan_done(&scope.response);
	return 0;
}
