/* The JSON writer. One function escapes; everything else is punctuation. */
#include "base/emit.h"

#define REPLACEMENT SPAN("\xef\xbf\xbd")

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
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

static void put_string(struct buf *out, struct span text)
{
	buf_put(out, SPAN("\""));
	while (text.len) {
		size_t plain = 0;

		while (plain < text.len && is_plain((unsigned char)text.ptr[plain]))
			plain++;
		buf_put(out, span_head(text, plain));
		text = span_skip(text, plain);
		if (text.len)
			text = span_skip(text, put_special(out, text));
	}
	buf_put(out, SPAN("\""));
}

static void begin_value(struct emit *e, const char *key)
{
	if (e->not_first >> e->depth & 1)
		buf_put(e->out, SPAN(","));
	e->not_first |= 1ULL << e->depth;
	if (key) {
		put_string(e->out, span_of(key));
		buf_put(e->out, SPAN(":"));
	}
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
	put_string(e->out, value);
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
	begin_value(e, key);
	buf_printf(e->out, "%lld", (long long)value);
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
