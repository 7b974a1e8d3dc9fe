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

/* A key inside an object; NULL key inside an array, at the top, and after emit_key. Keys are the
 * program's own names: printable ASCII without quotes and backslashes, written as they are. */
void emit_open(struct emit *e, struct span key, char bracket);
void emit_close(struct emit *e, char bracket);
void emit_put_string(struct emit *e, struct span key, struct span value);
void emit_put_text(struct emit *e, struct span key, const char *value); /* NULL -> null */
/* A text of the same kind as keys, written as it is: what the program itself makes of amounts,
 * times, ids and names of its own. NULL -> null. */
void emit_put_name(struct emit *e, struct span key, const char *value);
void emit_put_int(struct emit *e, struct span key, int64_t value);
void emit_put_raw(struct emit *e, struct span key, struct span json); /* already JSON */
/* A comma where one is due, and the key: where the caller writes the value, for which there is so
 * much room. NULL: there is none. */
char *emit_begin(struct emit *e, struct span key, size_t n_bytes);
void emit_end(struct emit *e, const char *at); /* where the value ends */

/* A key that may hold any bytes; its value is what is written next, with a NULL key. */
void emit_key(struct emit *e, struct span key);

static inline void emit_object(struct emit *e, const char *key)
{
	emit_open(e, span_of(key), '{');
}

static inline void emit_end_object(struct emit *e)
{
	emit_close(e, '}');
}

static inline void emit_array(struct emit *e, const char *key)
{
	emit_open(e, span_of(key), '[');
}

static inline void emit_end_array(struct emit *e)
{
	emit_close(e, ']');
}

static inline void emit_string(struct emit *e, const char *key, struct span value)
{
	emit_put_string(e, span_of(key), value);
}

static inline void emit_int(struct emit *e, const char *key, int64_t value)
{
	emit_put_int(e, span_of(key), value);
}

static inline void emit_raw(struct emit *e, const char *key, struct span json)
{
	emit_put_raw(e, span_of(key), json);
}

static inline void emit_null(struct emit *e, const char *key)
{
	emit_put_raw(e, span_of(key), SPAN("null"));
}

static inline void emit_bool(struct emit *e, const char *key, bool value)
{
	emit_put_raw(e, span_of(key), value ? SPAN("true") : SPAN("false"));
}

static inline void emit_text(struct emit *e, const char *key, const char *value)
{
	emit_put_text(e, span_of(key), value);
}

static inline void emit_name(struct emit *e, const char *key, const char *value)
{
	emit_put_name(e, span_of(key), value);
}
