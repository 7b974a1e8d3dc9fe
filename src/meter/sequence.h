/* JSON documents one after another: a line each (NDJSON), or the elements of an array, such as
 * Gemini streams without alt=sse. One document alone is such a sequence, too. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct sequence {
	uint32_t depth; /* open brackets of the document at hand */
	bool in_string;
	bool escape;
	bool in_array; /* between the brackets around all */
	bool lost;     /* what comes has no beginning that is known */
};

struct format_reader;

void sequence_begin(struct format_reader *reader);
void sequence_feed(struct format_reader *reader, struct span piece);
void sequence_gap(
    struct format_reader *reader); /* what follows is not read: its depth is unknown */
