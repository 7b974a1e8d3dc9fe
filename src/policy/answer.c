/* HTTP responses. Content-Length is written as blanks of a fixed width and filled in once the body
 * stands behind it, so head and body are one buffer and leave in one send. */
#include "policy/answer.h"

#include <stdio.h>

#include "base/emit.h"

#define LENGTH_BLANKS "        " /* eight digits: leading blanks are optional white space */

/* To add a status: a row. */
static const struct {
	unsigned status;
	const char *phrase;
} statuses[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 417, "Expectation Failed" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
};

const char *answer_phrase(unsigned status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].phrase;
	return "Unknown";
}

static void put_status(struct buf *out, unsigned status, const char *type)
{
	char digits[4] = { (char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
			   (char)('0' + status % 10), ' ' };

	buf_put(out, SPAN("HTTP/1.1 "));
	buf_put(out, (struct span){ digits, sizeof(digits) });
	buf_put(out, span_of(answer_phrase(status)));
	buf_put(out, SPAN("\r\nContent-Type: "));
	buf_put(out, span_of(type));
	buf_put(out, SPAN("\r\n"));
}

struct answer answer_begin(struct buf *out, unsigned status, const char *type, bool keep_alive)
{
	struct answer answer = { .out = out };

	put_status(out, status, type);
	if (!keep_alive)
		buf_put(out, SPAN("Connection: close\r\n"));
	buf_put(out, SPAN("Content-Length: " LENGTH_BLANKS));
	answer.length_at = out->len;
	buf_put(out, SPAN("\r\n"));
	return answer;
}

void answer_body(struct answer *answer)
{
	buf_put(answer->out, SPAN("\r\n"));
	answer->body_at = answer->out->len;
}

void answer_end(struct answer *answer)
{
	size_t length = answer->out->len - answer->body_at;
	char *digit = answer->out->data + answer->length_at;

	if (answer->out->failed)
		return;
	do {
		*--digit = (char)('0' + length % 10);
		length /= 10;
	} while (length);
}

void answer_stream(struct buf *out, const char *type, struct span framing)
{
	put_status(out, 200, type);
	buf_put(out, SPAN("Cache-Control: no-store\r\n"));
	buf_put(out, framing);
	buf_put(out, SPAN("\r\n"));
}

void answer_problem(struct buf *out, const struct answer_fault *fault, bool keep_alive)
{
	struct answer answer = answer_begin(out, fault->status, ANSWER_PROBLEM, keep_alive);
	struct emit e = emit_to(out);

	buf_put(out, fault->extra);
	answer_body(&answer);
	emit_object(&e, NULL);
	/* RFC 9457, 4.2.1: no more than the status says, whose phrase is then the title. */
	emit_text(&e, "type", "about:blank");
	emit_text(&e, "title", answer_phrase(fault->status));
	emit_int(&e, "status", fault->status);
	emit_text(&e, "detail", fault->detail);
	if (fault->field.len)
		emit_string(&e, "field", fault->field);
	emit_end_object(&e);
	answer_end(&answer);
}
