/* The JSON writer. One function escapes; everything else is punctuation. */
#include "base/emit.h"

#include <assert.h>

#define REPLACEMENT SPAN("\xef\xbf\xbd")

#define EACH(byte) (0x0101010101010101u * (byte))

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Bits of the bytes that are below `limit`, which is at most 128; of a byte above one that is, too,
 * at times. */
static uint64_t below(uint64_t word, unsigned limit)
{
	return (word - EACH(limit)) & ~word;
}

/* Zero: all bytes of the word are plain. */
static uint64_t special(uint64_t word)
{
	return (word | below(word, 0x20) | below(word ^ EACH(0x7f), 1) |
		below(word ^ EACH('"'), 1) | below(word ^ EACH('\\'), 1)) &
	       EACH(0x80);
}

/* Up to seven bytes, some of them twice. */
static uint64_t load_few(const char *at, size_t n)
{
	uint32_t first, last;

	if (!n)
		return EACH(' ');
	if (n < 4)
		return EACH((unsigned char)at[0]) << 16 | (unsigned char)at[n / 2] << 8 |
		       (unsigned char)at[n - 1];
	memcpy(&first, at, sizeof(first));
	memcpy(&last, at + n - sizeof(last), sizeof(last));
	return first | (uint64_t)last << 32;
}

/* Whether a text stands as it is, as nearly all do: by eights, the last of which may overlap. */
static bool is_plain_text(struct span text)
{
	const size_t step = sizeof(uint64_t);
	uint64_t word, found = 0;

	if (text.len < step)
		return !special(load_few(text.ptr, text.len));
	for (size_t i = 0; i < text.len; i += step) {
		memcpy(&word, text.ptr + (i + step <= text.len ? i : text.len - step), step);
		found |= special(word);
	}
	return !found;
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

static void put_special_text(struct buf *out, struct span text)
{
	while (text.len) {
		size_t n = 0;

		while (n < text.len && is_plain((unsigned char)text.ptr[n]))
			n++;
		buf_put(out, span_head(text, n));
		text = span_skip(text, n);
		if (text.len)
			text = span_skip(text, put_special(out, text));
	}
}

static inline char *put(char *at, struct span bytes)
{
	if (bytes.len)
		memcpy(at, bytes.ptr, bytes.len);
	return at + bytes.len;
}

/* In line for those below, which write most of an answer. */
static inline char *begin(struct emit *e, struct span key, size_t n_bytes)
{
	bool comma = e->not_first >> e->depth & 1;
	char *at;

	assert(is_plain_text(key));
	if (!buf_room(e->out, comma + (key.ptr ? key.len + 3 : 0) + n_bytes))
		return NULL;
	at = e->out->data + e->out->len;
	if (comma)
		*at++ = ',';
	e->not_first |= 1ULL << e->depth;
	if (key.ptr) {
		*at++ = '"';
		at = put(at, key);
		*at++ = '"';
		*at++ = ':';
	}
	return at;
}

static inline void end(struct emit *e, const char *at)
{
	e->out->len = (size_t)(at - e->out->data);
}

char *emit_begin(struct emit *e, struct span key, size_t n_bytes)
{
	return begin(e, key, n_bytes);
}

void emit_end(struct emit *e, const char *at)
{
	end(e, at);
}

void emit_open(struct emit *e, struct span key, char bracket)
{
	char *at = begin(e, key, 1);

	if (!at)
		return;
	*at++ = bracket;
	end(e, at);
	if (e->depth == EMIT_DEPTH_MAX) {
		e->out->failed = true;
		return;
	}
	e->depth++;
	e->not_first &= ~(1ULL << e->depth);
}

void emit_close(struct emit *e, char bracket)
{
	buf_put(e->out, (struct span){ &bracket, 1 });
	if (e->depth)
		e->depth--;
}

void emit_put_raw(struct emit *e, struct span key, struct span json)
{
	char *at = begin(e, key, json.len);

	if (at)
		end(e, put(at, json));
}

static void put_plain(struct emit *e, struct span key, struct span value)
{
	char *at = begin(e, key, value.len + 2);

	assert(is_plain_text(value));
	if (!at)
		return;
	*at++ = '"';
	at = put(at, value);
	*at++ = '"';
	end(e, at);
}

void emit_put_string(struct emit *e, struct span key, struct span value)
{
	char *at;

	if (is_plain_text(value)) {
		put_plain(e, key, value);
		return;
	}
	at = begin(e, key, 1);
	if (!at)
		return;
	*at++ = '"';
	end(e, at);
	put_special_text(e->out, value);
	buf_put(e->out, SPAN("\""));
}

void emit_put_text(struct emit *e, struct span key, const char *value)
{
	if (value)
		emit_put_string(e, key, span_of(value));
	else
		emit_put_raw(e, key, SPAN("null"));
}

void emit_put_name(struct emit *e, struct span key, const char *value)
{
	if (value)
		put_plain(e, key, span_of(value));
	else
		emit_put_raw(e, key, SPAN("null"));
}

void emit_put_int(struct emit *e, struct span key, int64_t value)
{
	char digits[20], *at = digits + sizeof(digits);
	uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

	do {
		*--at = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		*--at = '-';
	emit_put_raw(e, key, (struct span){ at, (size_t)(digits + sizeof(digits) - at) });
}

void emit_key(struct emit *e, struct span key)
{
	emit_put_string(e, (struct span){ NULL, 0 }, key);
	buf_put(e->out, SPAN(":"));
	e->not_first &= ~(1ULL << e->depth);
}
