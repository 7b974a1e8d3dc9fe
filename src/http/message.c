/* Framing of one direction: a head is handed out in one span, from the input when it came in one
 * piece, else gathered in a buffer that is wiped when it is done with (it holds credentials).
 * Bodies pass by; chunk lines and trailers are walked byte by byte and never kept. */
#include "http/message.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM_BYTES 1024
#define DECIDED_BYTES    64 /* a head's first bytes are checked as they come, up to this many */

static void drop_head(struct message *m)
{
	if (m->head)
		explicit_bzero(m->head, m->head_len);
	free(m->head);
	m->head = NULL;
	m->head_len = m->head_cap = 0;
}

/* For so many bytes of a head, HEAD_BYTES_MAX at most. realloc would leave what it held about. */
static bool make_room(struct message *m, size_t bytes)
{
	uint32_t cap = m->head_cap ? m->head_cap : FIRST_ROOM_BYTES, len = m->head_len;
	char *room;

	while (cap < bytes)
		cap *= 2;
	if (cap == m->head_cap)
		return true;
	room = malloc(cap);
	if (!room)
		return false;
	if (len)
		memcpy(room, m->head, len);
	drop_head(m);
	m->head = room;
	m->head_len = len;
	m->head_cap = cap;
	return true;
}

static long parse(const struct message *m, struct span in)
{
	struct http_header room[HEAD_HEADERS_MAX];
	struct http_head head;

	return m->requests ? head_parse_request(in, room, &head)
			   : head_parse_response(in, room, &head);
}

static bool is_hopeless(const struct message *m, struct span in)
{
	long n = parse(m, in);

	return n == -EBADMSG || n == -E2BIG;
}

/* Bytes of the head at the front of `text` with its empty line, 0 while that is not there. Before
 * `from` all is known to hold no end. */
static size_t head_length(const struct message *m, struct span text, size_t from)
{
	size_t start = 0;
	const char *lf;

	if (m->requests)
		while (start < text.len && (text.ptr[start] == '\r' || text.ptr[start] == '\n'))
			start++;
	if (from > start + 3)
		start = from - 3;
	for (size_t at = start; at < text.len; at = (size_t)(lf - text.ptr) + 1) {
		struct span rest = span_skip(text, at);

		lf = memchr(rest.ptr, '\n', rest.len);
		if (!lf)
			return 0;
		rest = span_skip(rest, (size_t)(lf - rest.ptr) + 1);
		if (span_starts(rest, SPAN("\n")))
			return text.len - rest.len + 1;
		if (span_starts(rest, SPAN("\r\n")))
			return text.len - rest.len + 2;
	}
	return 0;
}

/* The head comes in pieces: adds this one to what there is. */
static enum message_event gather_head(struct message *m, struct span *in, struct span *ret_piece)
{
	size_t had = m->head_len, n;
	struct span part = span_head(*in, HEAD_BYTES_MAX - had);

	if (!make_room(m, had + part.len))
		return MESSAGE_BAD;
	memcpy(m->head + had, part.ptr, part.len);
	m->head_len += (uint32_t)part.len;
	*ret_piece = (struct span){ m->head, m->head_len };
	n = head_length(m, *ret_piece, had);
	if (n) {
		*in = span_skip(*in, n - had);
		ret_piece->len = n;
		return MESSAGE_HEAD;
	}
	*in = span_skip(*in, part.len);
	if (m->head_len == HEAD_BYTES_MAX || (had < DECIDED_BYTES && is_hopeless(m, *ret_piece)))
		return MESSAGE_BAD;
	return MESSAGE_MORE;
}

static enum message_event take_head(struct message *m, struct span *in, struct span *ret_piece)
{
	size_t n;

	if (!in->len)
		return MESSAGE_MORE;
	n = m->head ? 0 : head_length(m, *in, 0);
	if (!n || n > HEAD_BYTES_MAX)
		return gather_head(m, in, ret_piece);
	*ret_piece = span_head(*in, n);
	*in = span_skip(*in, n);
	return MESSAGE_HEAD;
}

static enum message_event end_message(struct message *m)
{
	m->state = MESSAGE_AT_HEAD;
	return MESSAGE_END;
}

static enum message_event take_body(struct message *m, struct span *in, struct span *ret_piece)
{
	if (m->state == MESSAGE_COUNTED && !m->left)
		return end_message(m);
	if (!in->len)
		return MESSAGE_MORE;
	*ret_piece = m->state == MESSAGE_UNTIL_CLOSE ? *in : span_head(*in, m->left);
	*in = span_skip(*in, ret_piece->len);
	m->left -= m->state == MESSAGE_UNTIL_CLOSE ? 0 : ret_piece->len;
	return MESSAGE_PIECE;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static enum message_event end_size_line(struct message *m)
{
	m->line_bytes = 0;
	m->state = m->left ? MESSAGE_CHUNK_DATA : MESSAGE_TRAILER_START;
	return MESSAGE_MORE;
}

/* From the first digit of a chunk's size to the end of that line. */
static enum message_event step_size(struct message *m, char c)
{
	int digit = hex_digit(c);

	if (++m->line_bytes > MESSAGE_CHUNK_LINE_MAX)
		return MESSAGE_BAD;
	if (m->state == MESSAGE_CHUNK_SIZE_START ||
	    (m->state == MESSAGE_CHUNK_SIZE && digit >= 0)) {
		if (digit < 0 || m->left >> 60)
			return MESSAGE_BAD;
		m->left = m->left << 4 | (unsigned)digit;
		m->state = MESSAGE_CHUNK_SIZE;
		return MESSAGE_MORE;
	}
	if (c == '\n')
		return end_size_line(m);
	if (m->state == MESSAGE_CHUNK_SIZE_LF)
		return MESSAGE_BAD;
	if (c == '\r')
		m->state = MESSAGE_CHUNK_SIZE_LF;
	else if (m->state == MESSAGE_CHUNK_SIZE && c != ';' && !is_blank(c))
		return MESSAGE_BAD;
	else
		m->state = MESSAGE_CHUNK_EXTENSION;
	return MESSAGE_MORE;
}

static enum message_event step_data_end(struct message *m, char c)
{
	if (c == '\n')
		m->state = MESSAGE_CHUNK_SIZE_START;
	else if (c == '\r' && m->state == MESSAGE_CHUNK_DATA_CR)
		m->state = MESSAGE_CHUNK_DATA_LF;
	else
		return MESSAGE_BAD;
	return MESSAGE_MORE;
}

static enum message_event step_trailer(struct message *m, char c)
{
	bool at_start = m->state == MESSAGE_TRAILER_START;

	if (++m->line_bytes > MESSAGE_TRAILER_MAX)
		return MESSAGE_BAD;
	if (c == '\n' && m->state != MESSAGE_TRAILER)
		return end_message(m);
	if (m->state == MESSAGE_TRAILER_LF)
		return MESSAGE_BAD;
	if (c == '\n')
		m->state = MESSAGE_TRAILER_START;
	else
		m->state = at_start && c == '\r' ? MESSAGE_TRAILER_LF : MESSAGE_TRAILER;
	return MESSAGE_MORE;
}

/* One byte of a chunked body outside the data of a chunk. */
static enum message_event step(struct message *m, char c)
{
	if (m->state <= MESSAGE_CHUNK_SIZE_LF)
		return step_size(m, c);
	if (m->state <= MESSAGE_CHUNK_DATA_LF)
		return step_data_end(m, c);
	return step_trailer(m, c);
}

static enum message_event take_chunked(struct message *m, struct span *in, struct span *ret_piece)
{
	enum message_event event = MESSAGE_MORE;

	while (in->len && event == MESSAGE_MORE) {
		if (m->state != MESSAGE_CHUNK_DATA) {
			event = step(m, *in->ptr);
			*in = span_skip(*in, 1);
			continue;
		}
		event = take_body(m, in, ret_piece);
		if (!m->left)
			m->state = MESSAGE_CHUNK_DATA_CR;
	}
	return event;
}

enum message_event message_next(struct message *m, struct span *in, struct span *ret_piece)
{
	*ret_piece = (struct span){ NULL, 0 };
	switch (m->state) {
	case MESSAGE_AT_HEAD:
		return take_head(m, in, ret_piece);
	case MESSAGE_COUNTED:
	case MESSAGE_UNTIL_CLOSE:
		return take_body(m, in, ret_piece);
	case MESSAGE_LOST:
		*in = span_skip(*in, in->len);
		return MESSAGE_MORE;
	default:
		return take_chunked(m, in, ret_piece);
	}
}

void message_body(struct message *m, enum body_framing framing, uint64_t length)
{
	static const enum message_state states[] = {
		[BODY_NONE] = MESSAGE_COUNTED,
		[BODY_LENGTH] = MESSAGE_COUNTED,
		[BODY_CHUNKED] = MESSAGE_CHUNK_SIZE_START,
		[BODY_UNTIL_CLOSE] = MESSAGE_UNTIL_CLOSE,
	};

	drop_head(m);
	m->state = states[framing];
	m->left = framing == BODY_LENGTH ? length : 0;
	m->line_bytes = 0;
}

void message_next_head(struct message *m)
{
	drop_head(m);
	m->state = MESSAGE_AT_HEAD;
}

uint64_t message_skip(struct message *m, uint64_t n)
{
	if (m->state == MESSAGE_UNTIL_CLOSE)
		return n;
	if (m->state != MESSAGE_COUNTED && m->state != MESSAGE_CHUNK_DATA)
		return 0;
	if (n > m->left)
		n = m->left;
	m->left -= n;
	if (m->state == MESSAGE_CHUNK_DATA && !m->left)
		m->state = MESSAGE_CHUNK_DATA_CR;
	return n;
}

void message_lose(struct message *m)
{
	drop_head(m);
	m->state = MESSAGE_LOST;
}

/* The methods of RFC 9110, 9 and RFC 5789. None ends like another: the rest of a request line that
 * was cut in the method is no request line. */
static bool begins_with_method(struct span in)
{
	static const char *const methods[] = { "GET ",  "POST ",    "PUT ",     "PATCH ", "DELETE ",
					       "HEAD ", "OPTIONS ", "CONNECT ", "TRACE " };

	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (span_starts(in, span_of(methods[i])))
			return true;
	return false;
}

bool message_resync(struct message *m, struct span in)
{
	if (m->requests && !begins_with_method(in))
		return false;
	if (!in.len || !memchr(in.ptr, '\n', in.len) || is_hopeless(m, in))
		return false;
	m->state = MESSAGE_AT_HEAD;
	return true;
}
