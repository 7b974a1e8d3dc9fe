/* HAR entry -> exchange. The tree lends every text; only bodies in base64 are copied. What HAR lets
 * a writer leave out (sizes, timings, bodies) is absent here too, never made up: a body that is
 * said to have had bytes and has none is a gap. */
#include "agent/har.h"

#include <errno.h>

#include "base/base64.h"
#include "base/timestamp.h"

#define DURATION_MS_MAX 86400000 /* of a call; more is taken as not said */

static struct span text_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return (struct span){ json_string_value(value), json_string_length(value) };
}

/* --- head */

static int parse_headers(const json_t *message, const struct document_place *message_at,
			 struct http_head *head, struct err *err)
{
	struct document_place at = document_member(message_at, "headers");
	const json_t *list = json_object_get(message, "headers");

	if (list && !json_is_array(list))
		return document_refuse(&at, err, "a list");
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct document_place here = document_element(&at, i);
		const json_t *header = json_array_get(list, i);

		if (!json_is_string(json_object_get(header, "name")) ||
		    !json_is_string(json_object_get(header, "value")))
			return document_refuse(&here, err, "an object with name and value");
		if (head->n_headers == HEAD_HEADERS_MAX)
			break;
		head->headers[head->n_headers++] =
		    (struct http_header){ text_of(header, "name"),
					  span_trim(text_of(header, "value")) };
	}
	return 0;
}

/* "https://user@host:443/path?query#part": the host without its port, and what goes on the wire. */
static bool split_url(struct span url, struct span *ret_host, struct span *ret_target)
{
	struct span scheme = span_cut(&url, ':'), authority, host;
	size_t end = 0;

	if (!scheme.len || url.len < 3 || !span_starts(url, SPAN("//")))
		return false;
	url = span_skip(url, 2);
	while (end < url.len && !strchr("/?#", url.ptr[end]))
		end++;
	authority = span_head(url, end);
	url = span_skip(url, end);
	host = span_cut(&authority, '@');
	if (authority.ptr)
		host = authority;
	if (host.len && host.ptr[0] != '[')
		host = span_cut(&host, ':');
	*ret_host = host;
	*ret_target = span_cut(&url, '#');
	return host.len > 0;
}

/* Recorders between a program and its HTTP library see methods as these were called: "post". */
static struct span method_of(struct span said)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD" };

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (span_ieq(said, span_of(methods[i])))
			return span_of(methods[i]);
	return said;
}

static int parse_request(const json_t *entry, const struct document_place *entry_at,
			 struct har *har, struct err *err)
{
	struct document_place at = document_member(entry_at, "request");
	struct document_place url_at = document_member(&at, "url");
	struct document_place method_at = document_member(&at, "method");
	const json_t *request = json_object_get(entry, "request");
	struct http_head *head = &har->exchange.request;
	struct span host;

	if (!json_is_object(request))
		return document_refuse(&at, err, "an object");
	head->minor = 1;
	head->method = method_of(text_of(request, "method"));
	if (!head->method.len)
		return document_refuse(&method_at, err, "a method such as POST");
	if (!split_url(text_of(request, "url"), &host, &head->target) ||
	    host.len >= CONNECTION_SERVER_MAX)
		return document_refuse(&url_at, err, "a URL such as \"https://host/path\"");
	connection_set_server(&har->connection, host);
	if (!head->target.len)
		head->target = SPAN("/");
	return parse_headers(request, &at, head, err);
}

/* What a body without a type is: of the two kinds that providers send, neither can begin like the
 * other. */
static struct span guess_type(struct span body)
{
	while (body.len && strchr(" \t\r\n", body.ptr[0]))
		body = span_skip(body, 1);
	if (span_starts(body, SPAN("{")) || span_starts(body, SPAN("[")))
		return SPAN("application/json");
	if (span_starts(body, SPAN("data:")) || span_starts(body, SPAN("event:")) ||
	    span_starts(body, SPAN(":")))
		return SPAN("text/event-stream");
	return (struct span){ NULL, 0 };
}

/* An archive has the type of a body twice; a recorder that keeps few headers may have lost both. */
static void add_type(const json_t *response, struct http_head *head)
{
	const json_t *content = json_object_get(response, "content");
	struct span type = text_of(content, "mimeType");

	if (head_get(head, SPAN("content-type")).ptr || head->n_headers == HEAD_HEADERS_MAX)
		return;
	if (!type.len)
		type = guess_type(text_of(content, "text"));
	if (type.len)
		head->headers[head->n_headers++] =
		    (struct http_header){ SPAN("content-type"), type };
}

static int parse_response(const json_t *entry, const struct document_place *entry_at,
			  struct har *har, struct err *err)
{
	struct document_place at = document_member(entry_at, "response");
	struct document_place status_at = document_member(&at, "status");
	const json_t *response = json_object_get(entry, "response");
	const json_t *status = json_object_get(response, "status");
	struct http_head *head = &har->exchange.response;
	int rc;

	if (!json_is_object(response))
		return document_refuse(&at, err, "an object");
	/* 0 is what browsers write when no response came. */
	if (!json_is_integer(status) || json_integer_value(status) < 0 ||
	    json_integer_value(status) > 999)
		return document_refuse(&status_at, err, "a status from 0 to 999");
	head->minor = 1;
	head->status = (unsigned)json_integer_value(status);
	rc = parse_headers(response, &at, head, err);
	if (!rc)
		add_type(response, head);
	return rc;
}

/* --- body */

/* RFC 4648, section 4; the padding may be missing. -1 when it is none, else the bytes written. */
static long base64_decode(struct span text, char *out)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	long n = 0;

	for (int pad = 0; pad < 2 && text.len && text.ptr[text.len - 1] == '='; pad++)
		text.len--;
	if (text.len % 4 == 1)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		int digit = base64_digit(text.ptr[i]);

		if (digit < 0)
			return -1;
		bits = bits << 6 | (uint32_t)digit;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[n++] = (char)(bits >> n_bits & 0xff);
		}
	}
	return n;
}

static int decode_body(struct har_body *body, const struct document_place *at, struct err *err)
{
	long n;

	body->decoded = malloc(body->bytes.len / 4 * 3 + 3);
	if (!body->decoded)
		return err_set(err, -ENOMEM, "%s: out of memory", at->file);
	n = base64_decode(body->bytes, body->decoded);
	if (n < 0)
		return document_refuse(at, err, "base64");
	body->bytes = (struct span){ body->decoded, (size_t)n };
	return 0;
}

/* `holder` is postData or content, `size` what the archive says of the body's length. */
static int parse_body(const json_t *message, const char *key, const json_t *size,
		      const struct document_place *message_at, struct har_body *body,
		      struct err *err)
{
	struct document_place holder_at = document_member(message_at, key);
	struct document_place at = document_member(&holder_at, "text");
	const json_t *holder = json_object_get(message, key);

	body->bytes = text_of(holder, "text");
	if (!body->bytes.ptr && json_integer_value(size) > 0)
		body->lost = (uint64_t)json_integer_value(size);
	if (body->bytes.len && span_ieq(text_of(holder, "encoding"), SPAN("base64")))
		return decode_body(body, &at, err);
	return 0;
}

static int parse_bodies(const json_t *entry, const struct document_place *at, struct har *har,
			struct err *err)
{
	struct document_place request_at = document_member(at, "request");
	struct document_place response_at = document_member(at, "response");
	const json_t *request = json_object_get(entry, "request");
	const json_t *response = json_object_get(entry, "response");
	const json_t *content = json_object_get(response, "content");
	int rc;

	rc = parse_body(request, "postData", json_object_get(request, "bodySize"), &request_at,
			&har->body[DIRECTION_SENT], err);
	if (!rc)
		rc = parse_body(response, "content", json_object_get(content, "size"), &response_at,
				&har->body[DIRECTION_RECEIVED], err);
	return rc;
}

/* --- times and sizes */

/* HAR writes milliseconds, whole or not; -1 is "does not apply". Whole ones are enough here. */
static int64_t duration_ns(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_number(value) || json_number_value(value) < 0 ||
	    json_number_value(value) > DURATION_MS_MAX)
		return 0;
	return (int64_t)json_number_value(value) * NS_PER_MS;
}

static int parse_times(const json_t *entry, const struct document_place *entry_at,
		       struct exchange *ex, struct err *err)
{
	struct document_place at = document_member(entry_at, "startedDateTime");
	int64_t receive_ns = duration_ns(json_object_get(entry, "timings"), "receive");
	int64_t whole_ns = duration_ns(entry, "time");

	if (timestamp_parse(text_of(entry, "startedDateTime"), &ex->request_utc_ns) < 0)
		return document_refuse(&at, err, "a time such as \"2026-11-25T09:40:37Z\"");
	ex->end_utc_ns = ex->request_utc_ns + whole_ns;
	if (ex->response.status)
		ex->response_utc_ns =
		    ex->end_utc_ns - (receive_ns < whole_ns ? receive_ns : whole_ns);
	return 0;
}

static uint64_t message_bytes(const json_t *entry, const char *key, const struct har_body *body)
{
	const json_t *message = json_object_get(entry, key);
	int64_t head = json_integer_value(json_object_get(message, "headersSize"));
	int64_t size = json_integer_value(json_object_get(message, "bodySize"));

	return (head > 0 ? (uint64_t)head : 0) +
	       (size > 0 ? (uint64_t)size : body->bytes.len + body->lost);
}

int har_parse(const json_t *entry, const struct document_place *at, struct har *ret_har,
	      struct err *err)
{
	struct exchange *ex = &ret_har->exchange;
	int rc;

	memset(ret_har, 0, sizeof(*ret_har));
	ex->connection = &ret_har->connection;
	for (unsigned d = 0; d < 2; d++)
		exchange_head(ex, d)->headers = ret_har->headers[d];
	ret_har->process.uid = UINT32_MAX;
	ret_har->connection.process = &ret_har->process;
	ret_har->id = text_of(entry, "_id");
	rc = parse_request(entry, at, ret_har, err);
	if (!rc)
		rc = parse_response(entry, at, ret_har, err);
	if (!rc)
		rc = parse_bodies(entry, at, ret_har, err);
	if (!rc)
		rc = parse_times(entry, at, ex, err);
	if (rc)
		return rc;
	ex->request_bytes = message_bytes(entry, "request", &ret_har->body[DIRECTION_SENT]);
	ex->response_bytes = message_bytes(entry, "response", &ret_har->body[DIRECTION_RECEIVED]);
	ex->lost_bytes = ret_har->body[0].lost + ret_har->body[1].lost;
	ex->completeness = ex->lost_bytes ? COMPLETENESS_GAP : COMPLETENESS_COMPLETE;
	return 0;
}

void har_done(struct har *har)
{
	connection_set_server(&har->connection, SPAN(""));
	free(har->body[DIRECTION_SENT].decoded);
	free(har->body[DIRECTION_RECEIVED].decoded);
}

/* --- replay */

static void replay_body(struct har *har, enum direction direction,
			const struct exchange_handler *handler, void *ctx)
{
	const struct har_body *body = &har->body[direction];

	if (body->lost)
		handler->gap(ctx, &har->exchange, direction);
	else if (body->bytes.len)
		handler->body(ctx, &har->exchange, direction, body->bytes);
}

void har_replay(struct har *har, const struct exchange_handler *handler, void *ctx)
{
	struct exchange *ex = &har->exchange;

	handler->request(ctx, ex);
	replay_body(har, DIRECTION_SENT, handler, ctx);
	if (ex->response.status) {
		handler->response(ctx, ex);
		replay_body(har, DIRECTION_RECEIVED, handler, ctx);
	}
	handler->end(ctx, ex);
}
