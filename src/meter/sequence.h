/* JSON documents one after another: a line each (NDJSON), or the elements of an array, such as
 * Gemini streams without alt=sse. One document alone is such a sequence, too. Or the elements of an
 * array within one document, of which the rest is not read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "meter/within.h"

struct sequence {
	uint32_t depth; /* open brackets of the document at hand */
	bool in_string;
	bool escape;
	bool in_array; /* between the brackets around all */
	bool lost;     /* what comes has no beginning that is known */
	bool nested;   /* the array stands within a document, and is looked for until in_array */
	struct within within;
};

struct format_reader;

void sequence_begin(struct format_reader *reader);
void sequence_nest(struct format_reader *reader, struct span pointer); /* before the first byte */
void sequence_feed(struct format_reader *reader, struct span piece);
void sequence_gap(
    struct format_reader *reader); /* what follows is not read: its depth is unknown */
