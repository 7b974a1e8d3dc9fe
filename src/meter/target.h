/* Request targets (RFC 9112, 3.2) and the path templates of provider files. */
#pragma once

#include "base/span.h"

/* "/v1/x" and "a=b" of "/v1/x?a=b", also of the absolute form "https://host/v1/x?a=b". Of several
 * slashes at the front one is left. */
void target_split(struct span target, struct span *ret_path, struct span *ret_query);

/* NULL, or what is wrong with a template. */
const char *target_check_template(struct span template);

/* Whether a path is of the template's shape: as many segments, equal but for {name}s, which are any
 * segment that is not empty, {name}:method, which are those that end in :method, and at its end
 * {name...}, which is one or more of any. Nothing is percent-decoded. */
bool target_matches(struct span path, struct span template);

/* Which segment, from 0, is {name}; -1: none. */
int target_segment_of(struct span template, struct span name);
/* Bytes of the :method behind {name}. */
size_t target_suffix_of(struct span template, struct span name);
struct span target_segment(struct span path, unsigned index); /* ptr NULL when there is none */

/* The raw value of the first parameter of that name; ptr NULL when there is none. */
struct span target_query(struct span query, struct span name);

/* Percent-decoded into `out`, cut to its size. A % that is no escape stays. */
struct span target_decode(struct span raw, char *out, size_t size);
