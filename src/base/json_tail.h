/* The end of a JSON object whose middle was not seen. Where a document is over no string is open,
 * so it can be lexed backwards without doubt: the quote before a closing one that has an even
 * number of backslashes before it opens the string, and brackets count levels. What is quoted
 * inside a prompt is never taken for a member. */
#pragma once

#include "base/json.h"

#define JSON_TAIL_MAX 16384 /* bytes of an end that are worth keeping */

/* How many bytes of `tail` come before the first member of the root object that is known to lie in
 * it whole; tail.len when there is none. `tail` must end where the document does, and the document
 * must have begun before it. */
size_t json_tail_skip(struct span tail);

/* Reports the values of those members, as json_scan_feed would. 1, or 0 when there are none or the
 * end is not well formed: then nothing was reported. */
int json_tail_scan(struct span tail, const struct json_paths *paths, json_value_fn *fn, void *ctx);
