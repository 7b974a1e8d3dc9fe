/* Heads of HTTP/1.x, line by line (RFC 9112, 2 to 5). A line is checked for control bytes as a
 * whole, which the compiler makes a vector loop, and only then taken apart; nothing is copied.
 * The framing rules at the end are RFC 9112, 6.3: what two readers could read in two ways is
 * refused. */
#include "http/head.h"

#include <errno.h>
#include <stdlib.h>

#define EMPTY_LINES_MAX 8 /* before a request; RFC 9112, 2.2 asks for one */

static const bool token_bytes[256] = {
	['!'] = true,         ['#'] = true,         ['$'] = true, ['%'] = true,
	['&'] = true,         ['\''] = true,        ['*'] = true, ['+'] = true,
	['-'] = true,         ['.'] = true,         ['^'] = true, ['_'] = true,
	['`'] = true,         ['|'] = true,         ['~'] = true, ['0' ... '9'] = true,
	['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

/* Of the token at the front. */
static size_t token_length(struct span text)
{
	size_t n = 0;

	while (n < text.len && token_bytes[(unsigned char)text.ptr[n]])
		n++;
	return n;
}

static bool is_token(struct span text)
{
	return text.len && token_length(text) == text.len;
}

/* Any control byte besides the tab; a CR within a line is one. */
static bool has_control(struct span text)
{
	unsigned char found = 0;

	text = span_skip(text, span_plain(text));
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		found |= (unsigned char)((c < 0x20) & (c != '\t')) | (unsigned char)(c == 0x7f);
	}
	return found;
}

/* The first line without its end, and the bytes that it takes; -EAGAIN when it has no end yet: what
 * is there is checked all the same, so that what is no HTTP is refused at once. */
static long take_line(struct span in, struct span *ret_line)
{
	const char *lf = in.len ? memchr(in.ptr, '\n', in.len) : NULL;
	struct span line = span_head(in, lf ? (size_t)(lf - in.ptr) : in.len);
	size_t taken = line.len + 1;

	if (line.len && line.ptr[line.len - 1] == '\r')
		line.len--;
	if (has_control(line))
		return -EBADMSG;
	*ret_line = line;
	return lf ? (long)taken : -EAGAIN;
}

static bool take_version(struct span text, unsigned *ret_minor)
{
	if (text.len != 8 || !span_starts(text, SPAN("HTTP/1.")) || text.ptr[7] < '0' ||
	    text.ptr[7] > '9')
		return false;
	*ret_minor = (unsigned)(text.ptr[7] - '0');
	return true;
}

static long take_request_line(struct span in, struct http_head *head)
{
	struct span rest;
	long n = take_line(in, &rest);

	if (n < 0 && n != -EAGAIN)
		return n;
	head->method = span_cut(&rest, ' ');
	if (n == -EAGAIN)
		return is_token(head->method) || !in.len || in.ptr[0] == '\r' ? n : -EBADMSG;
	head->target = span_cut(&rest, ' ');
	if (!is_token(head->method) || !head->target.len || !take_version(rest, &head->minor))
		return -EBADMSG;
	return memchr(head->target.ptr, '\t', head->target.len) ? -EBADMSG : n;
}

static long take_status_line(struct span in, struct http_head *head)
{
	struct span version = SPAN("HTTP/1."), rest, code;
	long n = take_line(in, &rest);
	uint64_t status;

	if (n == -EAGAIN)
		return span_starts(version, span_head(rest, version.len)) ? n : -EBADMSG;
	if (n < 0 || !take_version(span_cut(&rest, ' '), &head->minor))
		return -EBADMSG;
	/* The reason may be missing, and with it, against the grammar, the space before it. */
	code = span_cut(&rest, ' ');
	if (code.len != 3 || span_u64(code, &status) || status < 100)
		return -EBADMSG;
	head->status = (unsigned)status;
	return n;
}

/* From the first header to the empty line. */
static long take_headers(struct span in, struct http_head *head)
{
	struct span rest = in, line;

	for (;;) {
		long n = take_line(rest, &line);
		size_t name;

		if (n < 0)
			return n;
		rest = span_skip(rest, (size_t)n);
		if (!line.len)
			return (long)(in.len - rest.len);
		if (head->n_headers == HEAD_HEADERS_MAX)
			return -E2BIG;
		name = token_length(line);
		if (!name || name == line.len || line.ptr[name] != ':')
			return -EBADMSG;
		head->headers[head->n_headers++] =
		    (struct http_header){ span_head(line, name),
					  span_trim(span_skip(line, name + 1)) };
	}
}

static long skip_empty_lines(struct span in)
{
	struct span rest = in;

	for (unsigned lines = 0; rest.len && (*rest.ptr == '\r' || *rest.ptr == '\n'); lines++) {
		if (lines == EMPTY_LINES_MAX)
			return -EBADMSG;
		if (*rest.ptr == '\r' && rest.len == 1)
			break;
		if (*rest.ptr == '\r' && rest.ptr[1] != '\n')
			return -EBADMSG;
		rest = span_skip(rest, *rest.ptr == '\r' ? 2 : 1);
	}
	return (long)(in.len - rest.len);
}

typedef long start_line_fn(struct span in, struct http_head *head);

static long parse(struct span in, size_t skipped, start_line_fn *start_line,
		  struct http_header *room, struct http_head *ret_head)
{
	struct span whole = span_head(in, HEAD_BYTES_MAX);
	struct http_head head = { .headers = room };
	long n, more;

	n = start_line(span_skip(whole, skipped), &head);
	more = n < 0 ? n : take_headers(span_skip(whole, skipped + (size_t)n), &head);
	if (more == -EAGAIN && whole.len == HEAD_BYTES_MAX)
		return -E2BIG;
	if (more < 0)
		return more;
	*ret_head = head;
	return (long)skipped + n + more;
}

long head_parse_request(struct span in, struct http_header room[static HEAD_HEADERS_MAX],
			struct http_head *ret_head)
{
	long skipped = skip_empty_lines(in);

	return skipped < 0 ? skipped
			   : parse(in, (size_t)skipped, take_request_line, room, ret_head);
}

long head_parse_response(struct span in, struct http_header room[static HEAD_HEADERS_MAX],
			 struct http_head *ret_head)
{
	return parse(in, 0, take_status_line, room, ret_head);
}

/* The same place of the copy; what lies elsewhere stays. */
static struct span moved(struct span text, struct span bytes, char *to)
{
	uintptr_t at = (uintptr_t)text.ptr - (uintptr_t)bytes.ptr;

	return at <= bytes.len ? (struct span){ to + at, text.len } : text;
}

static void move_texts(struct http_head *head, struct span bytes, char *to)
{
	head->method = moved(head->method, bytes, to);
	head->target = moved(head->target, bytes, to);
	for (unsigned i = 0; i < head->n_headers; i++) {
		head->headers[i].name = moved(head->headers[i].name, bytes, to);
		head->headers[i].value = moved(head->headers[i].value, bytes, to);
	}
}

int head_copy(const struct http_head *head, struct span bytes, struct http_head *ret_copy)
{
	size_t table = head->n_headers * sizeof(*head->headers);
	struct http_head copy = *head;
	char *to;

	copy.own_bytes = (uint32_t)(table + bytes.len);
	copy.headers = NULL;
	if (copy.own_bytes) {
		copy.headers = malloc(copy.own_bytes);
		if (!copy.headers)
			return -ENOMEM;
		memcpy(copy.headers, head->headers, table);
		to = (char *)(copy.headers + copy.n_headers);
		memcpy(to, bytes.ptr, bytes.len);
		move_texts(&copy, bytes, to);
	}
	*ret_copy = copy;
	return 0;
}

void head_done(struct http_head *head)
{
	if (head->own_bytes) {
		explicit_bzero(head->headers, head->own_bytes);
		free(head->headers);
	}
	*head = (struct http_head){ 0 };
}

struct span head_get(const struct http_head *head, struct span name)
{
	for (unsigned i = 0; i < head->n_headers; i++)
		if (span_ieq(head->headers[i].name, name))
			return head->headers[i].value;
	return (struct span){ NULL, 0 };
}

/* What the fields that say where a body ends come to, all of that name taken together. */
struct boundaries {
	bool has_length;
	bool has_coding;
	bool chunked; /* and it is the last coding */
	uint64_t length;
};

static int read_lengths(struct span list, struct boundaries *b)
{
	uint64_t length;

	while (list.ptr) {
		if (span_u64(span_trim(span_cut(&list, ',')), &length))
			return -EBADMSG;
		if (b->has_length && b->length != length)
			return -EBADMSG;
		b->has_length = true;
		b->length = length;
	}
	return 0;
}

static int read_codings(struct span list, struct boundaries *b)
{
	while (list.ptr) {
		struct span coding = span_cut(&list, ',');

		coding = span_trim(span_cut(&coding, ';'));
		if (!coding.len)
			continue; /* RFC 9110, 5.6.1.2: empty elements of a list are none */
		if (b->chunked)
			return -EBADMSG; /* something after it, be it "chunked" again */
		b->has_coding = true;
		b->chunked = span_ieq(coding, SPAN("chunked"));
	}
	return 0;
}

static int read_boundaries(const struct http_head *head, struct boundaries *b)
{
	bool coded = false;

	for (unsigned i = 0; i < head->n_headers; i++) {
		struct span name = head->headers[i].name;
		int err = 0;

		if (span_ieq(name, SPAN("content-length"))) {
			err = read_lengths(head->headers[i].value, b);
		} else if (span_ieq(name, SPAN("transfer-encoding"))) {
			coded = true;
			err = read_codings(head->headers[i].value, b);
		}
		if (err)
			return err;
	}
	/* RFC 9112, 6.1: beside a length, or in HTTP/1.0, the framing is faulty. */
	return coded && (!b->has_coding || b->has_length || head->minor == 0) ? -EBADMSG : 0;
}

int head_request_framing(const struct http_head *head, enum body_framing *ret_framing,
			 uint64_t *ret_length)
{
	struct boundaries b = { 0 };
	int err = read_boundaries(head, &b);

	if (err || (b.has_coding && !b.chunked))
		return -EBADMSG;
	*ret_framing = b.chunked ? BODY_CHUNKED : b.has_length ? BODY_LENGTH : BODY_NONE;
	if (b.has_length)
		*ret_length = b.length;
	return 0;
}

int head_response_framing(const struct http_head *head, struct span request_method,
			  enum body_framing *ret_framing, uint64_t *ret_length)
{
	struct boundaries b = { 0 };

	if (span_eq(request_method, SPAN("HEAD")) || head->status < 200 || head->status == 204 ||
	    head->status == 304 ||
	    (span_eq(request_method, SPAN("CONNECT")) && head->status < 300)) {
		*ret_framing = BODY_NONE;
		return 0;
	}
	if (read_boundaries(head, &b))
		return -EBADMSG;
	*ret_framing = b.chunked ? BODY_CHUNKED : b.has_length ? BODY_LENGTH : BODY_UNTIL_CLOSE;
	if (b.has_length)
		*ret_length = b.length;
	return 0;
}
