/* Bodies of application/x-www-form-urlencoded (WHATWG URL, 5.1), as requests have them: each pair
 * is a document {"name": "value"}. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct form {
	bool in_value;
	uint8_t digits; /* of a %XX that are still to come */
	uint8_t byte;   /* what they make */
};

struct format_reader;

void form_begin(struct format_reader *reader);
void form_feed(struct format_reader *reader, struct span piece);
void form_gap(struct format_reader *reader);
void form_end(struct format_reader *reader);
