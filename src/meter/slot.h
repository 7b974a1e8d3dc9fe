/* A slot keeps what the pointer of the same id last said: the one thing kept of a body. */
#pragma once

#include "base/json.h"

#define SLOT_TEXT_MAX                                                                              \
	96 /* bytes kept of a text, NUL included: the longest text of struct usage                 \
	    */

enum slot_type {
	SLOT_ABSENT,
	SLOT_INTEGER,
	SLOT_TEXT,  /* also a number that is no int64 */
	SLOT_OTHER, /* a boolean, an object, an array */
};

struct slot {
	uint8_t type;
	bool torn;         /* from a document that broke off: no count may rest on it */
	bool sum_bad;      /* an element was no integer, or the sum left int64 */
	uint8_t text_len;  /* TEXT and INTEGER: as written */
	uint32_t document; /* which one of the body it is from; 0 = none */
	int64_t integer;
	int64_t count; /* of values in that document, for pointers with '*' */
	int64_t sum;
	char text[SLOT_TEXT_MAX];
};

/* A value of the document with this number. null and the empty text are absent: they leave the slot
 * as it is. A value from a later document replaces all of it. */
void slot_store(struct slot *slot, uint32_t document, const struct json_value *value);
