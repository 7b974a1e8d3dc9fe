/* The JSON writer. One function escapes; everything else is punctuation. */
#include "base/emit.h"

#define REPLACEMENT SPAN("\xef\xbf\xbd")

#define EACH(byte) (0x0101010101010101u * (byte))

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Zero: no byte of the word is below `limit`, which is at most 128. */
static uint64_t below(uint64_t word, unsigned limit)
{
	return (word - EACH(limit)) & ~word & EACH(0x80);
}

/* Bytes of the text's beginning that stand as they are, nearly all of them, by eights. */
static size_t count_plain(struct span text)
{
	size_t n = 0;
	uint64_t word;

	for (; n + sizeof(word) <= text.len; n += sizeof(word)) {
		memcpy(&word, text.ptr + n, sizeof(word));
		if ((word & EACH(0x80)) | below(word, 0x20) | below(word ^ EACH(0x7f), 1) |
		    below(word ^ EACH('"'), 1) | below(word ^ EACH('\\'), 1))
			break;
	}
	while (n < text.len && is_plain((unsigned char)text.ptr[n]))
		n++;
	return n;
}

/* U+2028 and U+2029 break lines; U+202A to U+202E and U+2066 to U+2069 turn the direction of what
 * stands beside them, so that it reads otherwise than it is. 0: the character is none of them. */
static unsigned misleading(struct span text)
{
	unsigned char last = text.len < 3 ? 0 : (unsigned char)text.ptr[2];

	if (span_starts(text, SPAN("\xe2\x80")) && last >= 0xa8 && last <= 0xae)
		return 0x2000u + (last & 0x3f);
	if (span_starts(text, SPAN("\xe2\x81")) && last >= 0xa6 && last <= 0xa9)
		return 0x2040u + (last & 0x3f);
	return 0;
}

/* One character that is not plain; returns the bytes it took from `text`. */
static size_t put_special(struct buf *out, struct span text)
{
	unsigned char c = (unsigned char)text.ptr[0];
	size_t n;

	if (c == '"' || c == '\\') {
		buf_put(out, SPAN("\\"));
		buf_put(out, span_head(text, 1));
		return 1;
	}
	if (c == '\n' || c == '\t') {
		buf_put(out, c == '\n' ? SPAN("\\n") : SPAN("\\t"));
		return 1;
	}
	if (c < 0x20 || c == 0x7f) {
		buf_printf(out, "\\u%04x", c);
		return 1;
	}
	n = span_utf8(text);
	if (!n) {
		buf_put(out, REPLACEMENT);
		return 1;
	}
	if (n == 2 && c == 0xc2 && (unsigned char)text.ptr[1] < 0xa0)
		buf_printf(out, "\\u%04x", (unsigned char)text.ptr[1]);
	else if (misleading(text))
		buf_printf(out, "\\u%04x", misleading(text));
	else
		buf_put(out, span_head(text, n));
	return n;
}

static void put_special_string(struct buf *out, struct span text)
{
	buf_put(out, SPAN("\""));
	while (text.len) {
		size_t plain = count_plain(text);

		buf_put(out, span_head(text, plain));
		text = span_skip(text, plain);
		if (text.len)
			text = span_skip(text, put_special(out, text));
	}
	buf_put(out, SPAN("\""));
}

/* `after`: what stands behind it, one byte or none. */
static void put_string(struct buf *out, struct span text, struct span after)
{
	char *at;

	if (!text.len || count_plain(text) < text.len) {
		put_special_string(out, text);
		buf_put(out, after);
	} else if (buf_room(out, text.len + 2 + after.len)) {
		at = out->data + out->len;
		*at++ = '"';
		memcpy(at, text.ptr, text.len);
		at += text.len;
		*at++ = '"';
		if (after.len)
			*at = after.ptr[0];
		out->len += text.len + 2 + after.len;
	}
}

static void begin_value(struct emit *e, const char *key)
{
	if (e->not_first >> e->depth & 1)
		buf_put(e->out, SPAN(","));
	e->not_first |= 1ULL << e->depth;
	if (key)
		put_string(e->out, span_of(key), SPAN(":"));
}

static void open_level(struct emit *e, const char *key, struct span bracket)
{
	begin_value(e, key);
	buf_put(e->out, bracket);
	if (e->depth == EMIT_DEPTH_MAX) {
		e->out->failed = true;
		return;
	}
	e->depth++;
	e->not_first &= ~(1ULL << e->depth);
}

static void close_level(struct emit *e, struct span bracket)
{
	buf_put(e->out, bracket);
	if (e->depth)
		e->depth--;
}

void emit_object(struct emit *e, const char *key)
{
	open_level(e, key, SPAN("{"));
}

void emit_array(struct emit *e, const char *key)
{
	open_level(e, key, SPAN("["));
}

void emit_end_object(struct emit *e)
{
	close_level(e, SPAN("}"));
}

void emit_end_array(struct emit *e)
{
	close_level(e, SPAN("]"));
}

void emit_string(struct emit *e, const char *key, struct span value)
{
	begin_value(e, key);
	put_string(e->out, value, SPAN(""));
}

void emit_text(struct emit *e, const char *key, const char *value)
{
	if (value)
		emit_string(e, key, span_of(value));
	else
		emit_null(e, key);
}

void emit_int(struct emit *e, const char *key, int64_t value)
{
	char digits[20], *at = digits + sizeof(digits);
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

	begin_value(e, key);
	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	buf_put(e->out, (struct span){ at, (size_t)(digits + sizeof(digits) - at) });
}

void emit_bool(struct emit *e, const char *key, bool value)
{
	begin_value(e, key);
	buf_put(e->out, value ? SPAN("true") : SPAN("false"));
}

void emit_null(struct emit *e, const char *key)
{
	begin_value(e, key);
	buf_put(e->out, SPAN("null"));
}

void emit_raw(struct emit *e, const char *key, struct span json)
{
	begin_value(e, key);
	buf_put(e->out, json);
}
