/* The tokens that carry text: strings, keys, numbers and literals. They collect what is wanted,
 * in place when a token lies in one piece and else in the scan's buffer, and step over the rest.
 * Private to base/json*.c, but for json_text_skip. */
#pragma once

#include "base/json.h"

/* Starts a token; the take functions then run until it ends. */
static inline void json_text_begin(struct json_scan *scan, bool collect)
{
	scan->collect = collect;
	scan->escape = 0;
	scan->surrogate = 0;
	scan->text_length = 0;
}

static inline void json_text_tell(const struct json_scan *scan, struct span bytes)
{
	if (scan->piece_fn && scan->collect && !scan->is_key)
		scan->piece_fn(scan->ctx, bytes);
}

/* Ends a token that is this piece and no other: its text is borrowed. */
static inline struct span json_text_whole(struct json_scan *scan, struct span text)
{
	json_text_tell(scan, text);
	scan->text_length = text.len;
	return span_head(text, JSON_TEXT_MAX);
}

/* Both take bytes at `at` and return where they stopped. With *ret_ended the token is over and,
 * if it was to be collected, *ret_text is its text (at most JSON_TEXT_MAX bytes; scan->text_length
 * tells the whole). On bad bytes scan->error is set. A scalar ends before the byte that ends it,
 * so at the end of a document it ends by json_text_kept. */
const char *json_text_take_string(struct json_scan *scan, const char *at, const char *end,
				  bool *ret_ended, struct span *ret_text);
const char *json_text_take_scalar(struct json_scan *scan, const char *at, const char *end,
				  bool *ret_ended, struct span *ret_text);

/* Behind the bytes that could be of a scalar. */
const char *json_text_scalar_stop(const char *at, const char *end);

/* From within a string, not behind a backslash, to behind the quote that may end it: it does when
 * `*in_string` is false then. `*escaped` is set when the last byte takes out the one to come. */
const char *json_text_skip(const char *at, const char *end, bool *in_string, bool *escaped);

/* What was collected so far in the buffer. */
struct span json_text_kept(const struct json_scan *scan);

static inline bool json_text_is_truncated(const struct json_scan *scan)
{
	return scan->text_length > JSON_TEXT_MAX;
}

/* What a scalar means: type and value. -EBADMSG when it is no number and no literal. */
int json_text_scalar_value(const struct json_scan *scan, struct span text,
			   struct json_value *ret_value);
/* The same of a string. */
struct json_value json_text_string_value(const struct json_scan *scan, struct span text);
