/* The one growing buffer: doubles, stops at its ceiling, remembers that it failed. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_done(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ .max = b->max };
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

bool buf_grow(struct buf *b, size_t more)
{
	size_t cap = b->cap < 128 ? 256 : b->cap * 2;
	char *data;

	if (b->failed || more > b->max || b->len > b->max - more) {
		b->failed = true;
		return false;
	}
	if (b->len + more <= b->cap)
		return true;
	if (cap < b->len + more)
		cap = b->len + more;
	if (cap > b->max)
		cap = b->max;
	/* One byte more than is counted: vsnprintf wants to write its NUL. */
	data = realloc(b->data, cap + 1);
	if (!data) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void buf_put(struct buf *b, struct span bytes)
{
	if (!bytes.len || !buf_room(b, bytes.len))
		return;
	memcpy(b->data + b->len, bytes.ptr, bytes.len);
	b->len += bytes.len;
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args, again;
	int n;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	if (n < 0) {
		b->failed = true;
	} else if (n > 0 && buf_room(b, (size_t)n)) {
		vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
		b->len += (size_t)n;
	}
	va_end(again);
	va_end(args);
}

void buf_consume(struct buf *b, size_t n)
{
	if (n > b->len)
		n = b->len;
	if (!n)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len);
}
