/* Server-sent events with their content overwritten, byte by byte and length for length: field
 * names data, event, id, retry and the ends of lines stay, a data field is JSON for mask_json.h or
 * "[DONE]", the name of an event stays as far as it is letters, digits and ._-; anything else is
 * 'x'. */
#pragma once

#include "http/mask_json.h"

struct mask_sse {
	uint8_t state;
	uint8_t len;    /* of the field's name or of what is kept of its value */
	uint8_t marker; /* bytes of "[DONE]" that were seen in this event */
	bool after_cr;
	bool answer;
	char field[8];
	struct mask_json json;
};

void mask_sse_init(struct mask_sse *mask, bool answer);
char mask_sse_byte(struct mask_sse *mask, char c);
/* Bytes are missing here: nothing is recognised until the next event begins. */
void mask_sse_gap(struct mask_sse *mask);
