/* The length of a text as it is billed: by character, or by the segments of text messages. */
#pragma once

#include "base/span.h"

/* Zeroed is an empty text. */
struct measure {
	uint32_t rune; /* at hand, in UTF-8 */
	uint8_t more;  /* bytes of it to come */
	bool ucs2;     /* a character that GSM 03.38 has not */
	uint64_t characters;
	struct packing {
		uint64_t units; /* septets, or 16 bits */
		uint64_t parts; /* of a concatenated message, of which the last is filled to: */
		unsigned used;
	} gsm, utf16;
};

void measure_feed(struct measure *measure, struct span utf8);

/* Segments of a text message: 160 septets or 70 units, else 153 or 67 each. 0 of an empty text. */
uint64_t measure_segments(const struct measure *measure);
