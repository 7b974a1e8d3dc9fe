/* A borrowed run of bytes: pointer and length, never owned, never NUL-terminated.
 * Every parser takes spans and returns spans into the same memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const char *ptr;
	size_t len;
};

#define SPAN(literal) ((struct span){ (literal), sizeof(literal) - 1 })

static inline struct span span_of(const char *text)
{
	return (struct span){ text, text ? strlen(text) : 0 };
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Of as many bytes at both. */
bool span_ieq_bytes(const char *a, const char *b, size_t len);

/* ASCII case is ignored, whatever the locale. */
static inline bool span_ieq(struct span a, struct span b)
{
	return a.len == b.len && span_ieq_bytes(a.ptr, b.ptr, a.len);
}

static inline bool span_starts(struct span text, struct span head)
{
	return text.len >= head.len && (head.len == 0 || memcmp(text.ptr, head.ptr, head.len) == 0);
}

/* The rest of `text` after its first `n` bytes; empty when there are fewer. */
static inline struct span span_skip(struct span text, size_t n)
{
	if (n > text.len)
		n = text.len;
	/* Not even nothing may be added to a NULL pointer. */
	return (struct span){ n ? text.ptr + n : text.ptr, text.len - n };
}

static inline struct span span_head(struct span text, size_t n)
{
	return (struct span){ text.ptr, n < text.len ? n : text.len };
}

/* Without the spaces and tabs at both ends (HTTP's optional white space). */
static inline struct span span_trim(struct span text)
{
	while (text.len && (*text.ptr == ' ' || *text.ptr == '\t'))
		text = span_skip(text, 1);
	while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* Cuts `*text` at the first `separator` byte: returns what is before it and leaves what is after
 * it in `*text`. Without one, returns all and leaves an empty span with a NULL pointer, so that
 * `while (text.ptr)` visits every field, the empty ones too. */
static inline struct span span_cut(struct span *text, char separator)
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

/* Unsigned decimal, all of the span, no sign, no space. -EINVAL, or -ERANGE over UINT64_MAX. */
int span_u64(struct span text, uint64_t *ret_value);

/* How many bytes in front are printable ASCII. */
size_t span_plain(struct span text);

/* Bytes of the valid UTF-8 character at the front (RFC 3629), 0 when there is none. */
size_t span_utf8(struct span text);

/* Copies into a C string of `size` bytes (at least 1), always terminated. Whole characters only,
 * and each control character or byte that is not UTF-8 becomes '?', so the result is safe to
 * print. True when all fitted. */
bool span_copy(struct span text, char *out, size_t size);
