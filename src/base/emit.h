/* Writes JSON into a buf: commas, quotes and escapes are right by construction. Strings may hold
 * any bytes: invalid UTF-8 becomes U+FFFD; control characters are escaped (also DEL, C1 and U+2028)
 * and so are those that turn the direction of text: a line stays what it is on any terminal.
 * Nesting over EMIT_DEPTH_MAX fails the buf. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

#define EMIT_DEPTH_MAX 32

struct emit {
	struct buf *out;
	uint64_t not_first; /* one bit a level: a comma is due */
	unsigned depth;
};

static inline struct emit emit_to(struct buf *out)
{
	return (struct emit){ .out = out };
}

/* A key inside an object; NULL key inside an array or at the top. */
void emit_object(struct emit *e, const char *key);
void emit_array(struct emit *e, const char *key);
void emit_end_object(struct emit *e);
void emit_end_array(struct emit *e);
void emit_string(struct emit *e, const char *key, struct span value);
void emit_text(struct emit *e, const char *key, const char *value); /* NULL -> null */
void emit_int(struct emit *e, const char *key, int64_t value);
void emit_bool(struct emit *e, const char *key, bool value);
void emit_null(struct emit *e, const char *key);
void emit_raw(struct emit *e, const char *key, struct span json); /* already JSON */
