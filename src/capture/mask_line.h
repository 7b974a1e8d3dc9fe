/* Start lines of heads, for mask.c alone: request line and status line, byte by byte. */
#pragma once

#include "capture/mask.h"

enum mask_state {
	MASK_START, /* of a start line: method or version */
	MASK_TARGET,
	MASK_VERSION, /* of a request */
	MASK_STATUS,
	MASK_REASON,
	MASK_NAME,
	MASK_VALUE,
	MASK_BODY,
	MASK_SIZE, /* of a chunk */
	MASK_EXTENSION,
	MASK_DATA,
	MASK_DATA_END,
	MASK_LOST,
};

/* Whether `in` begins like a head. */
bool mask_line_begins(const struct mask_side *side, struct span in);
/* Whether `c` may come next at the start of one. */
bool mask_line_leads(const struct mask_side *side, char c);
/* What stands for `c` in a start line: MASK_START to MASK_REASON. */
char mask_line_step(struct mask *mask, struct mask_side *side, char c);
/* A line is over; a header or the end of the head follows. */
void mask_line_end(struct mask_side *side);
/* Letters, digits and marks that paths and short values need. */
bool mask_line_is_plain(char c);
/* No HTTP: all that follows is left out. Returns 'x'. */
char mask_line_lose(struct mask_side *side);
