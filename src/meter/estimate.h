/* estimate: what is taken for the counts of a stream that ended without them. */
#pragma once

#include "meter/fill.h"

/* Where the text of requests and events is. */
struct estimate_shape {
	const char *name;      /* in provider files */
	const char *counts[2]; /* input, output: expressions, of tokens() */
};

const struct estimate_shape *estimate_find(const char *name_or_null); /* NULL: none */

/* Of a stream that was answered and whose counts are not there, or are older than its text, by the
 * text that was seen; marks which counts it gives. Anything else is left as it is. */
void estimate_usage(const struct fill_input *in, const struct expr_input *expr_in,
		    struct usage *usage);
