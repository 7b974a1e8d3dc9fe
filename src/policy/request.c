/* Requests cut out of a stream of bytes. Strict where a doubt would move a boundary (RFC 9112,
 * 6.3): such a connection is refused and closed. Host is not asked for: on a Unix socket it has no
 * meaning. */
#include "policy/request.h"

#include <errno.h>

#include "policy/policy.h"

static long refuse(struct request *request, unsigned status, const char *why)
{
	request->refused = status;
	request->why = why;
	return -EBADMSG;
}

/* Whether a comma-separated header value has this token. */
static bool has_token(struct span list, struct span token)
{
	while (list.ptr)
		if (span_ieq(span_trim(span_cut(&list, ',')), token))
			return true;
	return false;
}

/* Also the absolute form, which a server must take (RFC 9112, 3.2.2): the authority is skipped. */
static void split_target(struct span target, struct request *request)
{
	const char *slash;

	if (target.len > 7 && span_ieq(span_head(target, 7), SPAN("http://"))) {
		target = span_skip(target, 7);
		slash = memchr(target.ptr, '/', target.len);
		target = slash ? span_skip(target, (size_t)(slash - target.ptr)) : SPAN("/");
	}
	request->path = span_cut(&target, '?');
	request->query = target;
}

static void read_head(const struct http_head *head, struct request *request)
{
	struct span connection = head_get(head, SPAN("Connection"));

	request->method = head->method;
	request->http_1_0 = head->minor == 0;
	request->keep_alive = request->http_1_0 ? has_token(connection, SPAN("keep-alive"))
						: !has_token(connection, SPAN("close"));
	split_target(head->target, request);
}

/* Length of the body that follows the head. */
static long measure_body(const struct http_head *head, struct request *request, size_t *ret_length)
{
	enum body_framing framing;
	uint64_t length = 0;

	if (head_request_framing(head, &framing, &length) < 0)
		return refuse(request, 400, "The length of the body contradicts itself.");
	if (framing == BODY_CHUNKED)
		return refuse(request, 411, "Send a Content-Length, not chunks.");
	if (framing == BODY_LENGTH && length > POLICY_BODY_MAX)
		return refuse(request, 413, "A body may have 65536 bytes.");
	*ret_length = framing == BODY_LENGTH ? (size_t)length : 0;
	return 0;
}

long request_take(struct span in, struct request *ret_request)
{
	struct http_header room[HEAD_HEADERS_MAX];
	struct http_head head;
	long head_bytes = head_parse_request(span_head(in, POLICY_HEAD_MAX), room, &head);
	struct span expect;
	size_t length = 0;

	*ret_request = (struct request){ 0 };
	if (head_bytes == -E2BIG || (head_bytes == -EAGAIN && in.len >= POLICY_HEAD_MAX))
		return refuse(ret_request, 431, "A head may have 8192 bytes and 128 lines.");
	if (head_bytes == -EAGAIN)
		return -EAGAIN;
	if (head_bytes < 0)
		return refuse(ret_request, 400, "This is not a request of HTTP/1.1.");
	read_head(&head, ret_request);
	if (measure_body(&head, ret_request, &length) < 0)
		return -EBADMSG;
	expect = head_get(&head, SPAN("Expect"));
	if (expect.len && !span_ieq(expect, SPAN("100-continue")))
		return refuse(ret_request, 417, "The only expectation known is 100-continue.");
	in = span_skip(in, (size_t)head_bytes);
	if (in.len < length) {
		ret_request->wants_continue = expect.len && !in.len && !ret_request->http_1_0;
		return -EAGAIN;
	}
	ret_request->body = span_head(in, length);
	return head_bytes + (long)length;
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

static int decode(struct span text, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		int c = (unsigned char)text.ptr[i];

		if (c == '%') {
			int high = i + 2 < text.len ? hex(text.ptr[i + 1]) : -1;
			int low = i + 2 < text.len ? hex(text.ptr[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -EINVAL;
			c = high * 16 + low;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || n + 1 >= size)
			return -EINVAL;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	return 0;
}

int request_parameter(struct span query, struct span name, char *out, size_t size)
{
	struct span found = { NULL, 0 };

	while (query.ptr) {
		struct span value = span_cut(&query, '&');
		struct span key = span_cut(&value, '=');

		if (!span_eq(key, name))
			continue;
		if (found.ptr)
			return -EINVAL;
		found = value.ptr ? value : SPAN("");
	}
	return found.ptr ? decode(found, out, size) : -ENOENT;
}
