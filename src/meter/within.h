/* Finds the array at a pointer in a JSON text that comes in pieces, so that its elements can be
 * read as documents of their own: the results that stand inside a batch. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct within {
	struct span token, rest; /* of the pointer: looked for, and behind it */
	uint32_t aside;          /* open brackets that are not on the way */
	uint32_t same;           /* bytes of the string at hand that are those of the token */
	bool in_string, escape;
	bool differs; /* the string at hand, from the token */
	bool is_key;  /* the token's, and its value comes */
	bool is_open; /* the object that should have it */
	bool over;    /* what comes is not of it, or no more */
};

/* A pointer without escapes, borrowed: "/response/list". */
void within_begin(struct within *within, struct span pointer);

/* Takes off the piece what stands before the array's elements; false: all of it. */
bool within_find(struct within *within, struct span *piece);
