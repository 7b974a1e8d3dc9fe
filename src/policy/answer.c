/* HTTP responses. Content-Length is written as blanks of a fixed width and filled in once the body
 * stands behind it, so head and body are one buffer and leave in one send. */
#include "policy/answer.h"

#include <stdio.h>

#include "base/emit.h"

#define LENGTH_BLANKS "        " /* eight digits: leading blanks are optional white space */

#define ROW(status, phrase)                                                                        \
	{                                                                                          \
		status, phrase, "HTTP/1.1 " #status " " phrase "\r\nContent-Type: "                \
	}

/* To add a status: a row. The last one is of those that have none. */
static const struct status {
	unsigned status;
	const char *phrase, *start;
} statuses[] = {
	ROW(200, "OK"),
	ROW(400, "Bad Request"),
	ROW(403, "Forbidden"),
	ROW(404, "Not Found"),
	ROW(405, "Method Not Allowed"),
	ROW(408, "Request Timeout"),
	ROW(409, "Conflict"),
	ROW(411, "Length Required"),
	ROW(413, "Content Too Large"),
	ROW(417, "Expectation Failed"),
	ROW(429, "Too Many Requests"),
	ROW(431, "Request Header Fields Too Large"),
	ROW(503, "Service Unavailable"),
	ROW(504, "Gateway Timeout"),
	ROW(500, "Internal Server Error"),
};

static const struct status *find(unsigned status)
{
	const struct status *row = statuses, *last = row + sizeof(statuses) / sizeof(*row) - 1;

	while (row < last && row->status != status)
		row++;
	return row;
}

const char *answer_phrase(unsigned status)
{
	return find(status)->phrase;
}

static void put_status(struct buf *out, unsigned status, const char *type)
{
	buf_put(out, span_of(find(status)->start));
	buf_put(out, span_of(type));
}

struct answer answer_begin(struct buf *out, unsigned status, const char *type, bool keep_alive)
{
	struct answer answer = { .out = out };

	put_status(out, status, type);
	if (!keep_alive)
		buf_put(out, SPAN("\r\nConnection: close"));
	buf_put(out, SPAN("\r\nContent-Length: " LENGTH_BLANKS "\r\n"));
	answer.length_at = out->len - 2;
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
	buf_put(out, SPAN("\r\nCache-Control: no-store\r\n"));
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
