/* Strings, keys, numbers and literals of the scanner. A string stops at quotes, backslashes and
 * control characters only; a scalar runs over every byte that could be part of one and is judged
 * when it is over. Nothing is judged that is not wanted. */
#include "base/json_text.h"

#include <errno.h>

#include "base/json_block.h"

#define REPLACEMENT_CHARACTER 0xfffd
#define HEX_DIGITS            4

enum escape { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_UNIT }; /* + hex digits seen */

static void append(struct json_scan *scan, struct span bytes)
{
	if (!scan->collect || !bytes.len)
		return;
	json_text_tell(scan, bytes);
	if (scan->text_length < JSON_TEXT_MAX) {
		size_t room = JSON_TEXT_MAX - scan->text_length;

		memcpy(scan->text + scan->text_length, bytes.ptr,
		       bytes.len < room ? bytes.len : room);
	}
	scan->text_length += bytes.len;
}

static void append_character(struct json_scan *scan, uint32_t c)
{
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	char utf8[4];

	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		utf8[i] = (char)(0x80 | (c & 0x3f));
	utf8[0] = (char)(lead[n] | c);
	append(scan, (struct span){ utf8, n });
}

/* A high surrogate whose low half did not follow. */
static void append_lone_surrogate(struct json_scan *scan)
{
	if (scan->surrogate)
		append_character(scan, REPLACEMENT_CHARACTER);
	scan->surrogate = 0;
}

static void append_code_unit(struct json_scan *scan)
{
	uint32_t unit = scan->code_unit;
	bool is_low = unit >= 0xdc00 && unit < 0xe000, is_high = unit >= 0xd800 && unit < 0xdc00;

	if (is_low && scan->surrogate) {
		append_character(scan,
				 0x10000 + ((scan->surrogate & 0x3ffu) << 10) + (unit & 0x3ff));
		scan->surrogate = 0;
		return;
	}
	append_lone_surrogate(scan);
	if (is_high)
		scan->surrogate = scan->code_unit;
	else
		append_character(scan, is_low ? REPLACEMENT_CHARACTER : unit);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void take_hex_digit(struct json_scan *scan, char c)
{
	int digit = hex_digit(c);

	if (digit < 0) {
		scan->error = EBADMSG;
		return;
	}
	scan->code_unit = (uint16_t)(scan->code_unit << 4 | digit);
	scan->escape++;
	if (scan->escape == ESCAPE_UNIT + HEX_DIGITS) {
		scan->escape = ESCAPE_NONE;
		append_code_unit(scan);
	}
}

/* One byte behind a backslash. Where nothing is collected any byte will do. */
static void take_escape(struct json_scan *scan, char c)
{
	static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	const char *name;

	if (scan->escape != ESCAPE_BEGUN) {
		take_hex_digit(scan, c);
		return;
	}
	scan->escape = ESCAPE_NONE;
	if (!scan->collect)
		return;
	if (c == 'u') {
		scan->escape = ESCAPE_UNIT;
		scan->code_unit = 0;
		return;
	}
	name = memchr(names, c, sizeof(names) - 1);
	if (!name) {
		scan->error = EBADMSG;
		return;
	}
	append_lone_surrogate(scan);
	append(scan, (struct span){ &meanings[name - names], 1 });
}

struct span json_text_kept(const struct json_scan *scan)
{
	return (struct span){ scan->text,
			      json_text_is_truncated(scan) ? JSON_TEXT_MAX : scan->text_length };
}

/* The last piece of a token. */
static struct span end_text(struct json_scan *scan, struct span last)
{
	if (scan->text_length) {
		append(scan, last);
		return json_text_kept(scan);
	}
	return json_text_whole(scan, last);
}

const char *json_text_take_string(struct json_scan *scan, const char *at, const char *end,
				  bool *ret_ended, struct span *ret_text)
{
	while (at < end && !scan->error) {
		const char *stop;

		if (scan->escape) {
			take_escape(scan, *at++);
			continue;
		}
		stop = json_string_stop(at, end);
		if (stop > at || (stop < end && *stop == '"'))
			append_lone_surrogate(scan);
		if (stop < end && *stop == '"') {
			*ret_text = end_text(scan, (struct span){ at, (size_t)(stop - at) });
			*ret_ended = true;
			return stop + 1;
		}
		append(scan, (struct span){ at, (size_t)(stop - at) });
		if (stop == end)
			return end;
		if (*stop == '\\')
			scan->escape = ESCAPE_BEGUN;
		else if (scan->collect)
			scan->error = EBADMSG;
		at = stop + 1;
	}
	return at;
}

static const bool scalar_bytes[256] = {
	['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
	['-'] = true,         ['+'] = true,         ['.'] = true,
};

const char *json_text_scalar_stop(const char *at, const char *end)
{
	while (at < end && scalar_bytes[(unsigned char)*at])
		at++;
	return at;
}

const char *json_text_take_scalar(struct json_scan *scan, const char *at, const char *end,
				  bool *ret_ended, struct span *ret_text)
{
	const char *stop = json_text_scalar_stop(at, end);
	struct span text = { at, (size_t)(stop - at) };

	*ret_ended = stop < end;
	if (*ret_ended)
		*ret_text = end_text(scan, text);
	else
		append(scan, text);
	return stop;
}

static size_t count_digits(struct span text)
{
	size_t n = 0;

	while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9')
		n++;
	return n;
}

/* Steps over digits, at least one; a number that was cut may lack its last ones. */
static bool skip_digits(struct span *text, bool truncated)
{
	size_t n = count_digits(*text);

	if (!n && (text->len || !truncated))
		return false;
	*text = span_skip(*text, n);
	return true;
}

static bool skip_byte(struct span *text, char low, char high)
{
	if (!text->len || (text->ptr[0] != low && text->ptr[0] != high))
		return false;
	*text = span_skip(*text, 1);
	return true;
}

/* RFC 8259, section 6. */
static bool is_number(struct span text, bool truncated, bool *ret_is_integer)
{
	skip_byte(&text, '-', '-');
	if (text.len > 1 && text.ptr[0] == '0' && text.ptr[1] >= '0' && text.ptr[1] <= '9')
		return false;
	if (!skip_digits(&text, truncated))
		return false;
	*ret_is_integer = !text.len && !truncated;
	if (skip_byte(&text, '.', '.') && !skip_digits(&text, truncated))
		return false;
	if (skip_byte(&text, 'e', 'E')) {
		skip_byte(&text, '+', '-');
		if (!skip_digits(&text, truncated))
			return false;
	}
	return !text.len;
}

/* Of a valid integer; false when it does not fit. */
static bool fits_int64(struct span text, int64_t *ret_value)
{
	bool negative = skip_byte(&text, '-', '-');
	int64_t value = 0;

	for (size_t i = 0; i < text.len; i++) {
		int digit = text.ptr[i] - '0';

		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, negative ? -digit : digit, &value))
			return false;
	}
	*ret_value = value;
	return true;
}

int json_text_scalar_value(const struct json_scan *scan, struct span text,
			   struct json_value *ret_value)
{
	struct json_value value = { .truncated = json_text_is_truncated(scan) };
	bool is_integer = false;

	if (span_eq(text, SPAN("null"))) {
		value.type = JSON_NULL;
	} else if (span_eq(text, SPAN("true")) || span_eq(text, SPAN("false"))) {
		value.type = JSON_BOOL;
		value.integer = text.len == 4;
	} else if (is_number(text, value.truncated, &is_integer)) {
		is_integer = is_integer && fits_int64(text, &value.integer);
		value.type = is_integer ? JSON_INTEGER : JSON_NUMBER;
		value.text = text;
	} else {
		return -EBADMSG;
	}
	*ret_value = value;
	return 0;
}

/* Without the start of a character whose end was cut off. */
static struct span whole_characters(struct span text)
{
	for (size_t back = 1; back <= 3 && back <= text.len; back++) {
		unsigned char c = (unsigned char)text.ptr[text.len - back];

		size_t whole = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

		if (c >= 0xc0)
			return whole > back ? span_head(text, text.len - back) : text;
		if (c < 0x80)
			break;
	}
	return text;
}

struct json_value json_text_string_value(const struct json_scan *scan, struct span text)
{
	bool truncated = json_text_is_truncated(scan);

	return (struct json_value){
		.type = JSON_STRING,
		.truncated = truncated,
		.text = truncated ? whole_characters(text) : text,
		.text_length = scan->text_length,
	};
}

const char *json_text_skip(const char *at, const char *end, bool *in_string, bool *escaped)
{
	const char *quote = memchr(at, '"', (size_t)(end - at)), *stop = quote ? quote : end;
	bool odd = false;

	for (const char *slash = stop; slash > at && slash[-1] == '\\'; slash--)
		odd = !odd;
	if (!quote) {
		*escaped = odd;
		return end;
	}
	*in_string = odd;
	return quote + 1;
}
