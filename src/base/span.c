/* Spans that need more than a line. Nothing here allocates. */
#include "base/span.h"

#include <errno.h>

int span_u64(struct span text, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!text.len)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(text.ptr[i] - '0'), &value))
			return -ERANGE;
	}
	*ret_value = value;
	return 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool span_ieq_bytes(const char *a, const char *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

size_t span_utf8(struct span text)
{
	const unsigned char *p = (const unsigned char *)text.ptr;
	size_t n;

	if (!text.len)
		return 0;
	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || text.len < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than need be, a surrogate, or over U+10FFFF. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* C0, DEL and C1: what moves a terminal's cursor. `n` is the length of the character. */
static bool is_control(struct span text, size_t n)
{
	unsigned char c = (unsigned char)text.ptr[0];

	return n == 1 ? c < 0x20 || c == 0x7f : c == 0xc2 && (unsigned char)text.ptr[1] < 0xa0;
}

/* Of 8 bytes none is over 0x7f, below 0x20, or 0x7f; a borrow comes from one that is below. */
static bool is_plain_word(const char *at)
{
	const uint64_t ones = 0x0101010101010101, tops = ones << 7;
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return !((word | (word - 0x20 * ones) | (word + ones)) & tops);
}

size_t span_plain(struct span text)
{
	const size_t step = sizeof(uint64_t);
	size_t n = 0;

	while (text.len - n >= step && is_plain_word(text.ptr + n))
		n += step;
	/* The last few, and once more some before them. */
	if (n && text.len - n < step && is_plain_word(text.ptr + text.len - step))
		return text.len;
	while (n < text.len && text.ptr[n] >= 0x20 && text.ptr[n] < 0x7f)
		n++;
	return n;
}

bool span_copy(struct span text, char *out, size_t size)
{
	size_t at = span_plain(span_head(text, size - 1));

	if (at)
		memcpy(out, text.ptr, at);
	text = span_skip(text, at);
	while (text.len) {
		size_t n = span_utf8(text);
		bool plain = n && !is_control(text, n);
		size_t written = plain ? n : 1;

		if (written >= size - at)
			break;
		if (plain)
			memcpy(out + at, text.ptr, n);
		else
			out[at] = '?';
		at += written;
		text = span_skip(text, n ? n : 1);
	}
	out[at] = '\0';
	return !text.len;
}
