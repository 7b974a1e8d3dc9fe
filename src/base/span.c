/* Spans that need more than a line. Nothing here allocates. */
#include "base/span.h"

#include <errno.h>

struct span span_trim(struct span text)
{
	while (text.len && (*text.ptr == ' ' || *text.ptr == '\t'))
		text = span_skip(text, 1);
	while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
		text.len--;
	return text;
}

struct span span_cut(struct span *text, char separator)
{
	struct span all = *text;
	const char *at = all.len ? memchr(all.ptr, separator, all.len) : NULL;

	if (!at) {
		*text = (struct span){ NULL, 0 };
		return all;
	}
	*text = span_skip(all, (size_t)(at - all.ptr) + 1);
	return span_head(all, (size_t)(at - all.ptr));
}

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

bool span_copy(struct span text, char *out, size_t size)
{
	size_t n = text.len < size ? text.len : size - 1;

	if (n < text.len)
		while (n && ((unsigned char)text.ptr[n] & 0xc0) == 0x80)
			n--;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		out[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	out[n] = '\0';
	return n == text.len;
}
