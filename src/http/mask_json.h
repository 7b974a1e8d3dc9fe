/* JSON with its content overwritten, byte by byte and length for length, so that what is left is
 * structure and figures. Closed by default:
 *
 *   kept         white space, brackets, commas, colons, quotes, true, false, null; keys as far as
 *                they agree with a row in mask_rows.c; strings and numbers of rows that say so, in
 *                the document, in an object of a row like "response", or of "error" in it: at most
 *                MASK_JSON_VALUE_MAX bytes of letters, digits and ._:/-; in an answer, the keys and
 *                numbers of "usage", of letters, digits and _
 *   overwritten  any other byte: of strings and keys by 'x', digits of numbers by '1'; after an
 *                error of syntax everything by 'x'
 *
 * What is kept of a byte depends on the bytes before it alone: cuts do not matter. No memory
 * besides the struct. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define MASK_JSON_DEPTH_MAX 128 /* deeper is an error of syntax */
#define MASK_JSON_VALUE_MAX 96
#define MASK_JSON_KEY_MAX   48 /* of "usage" */

struct mask_json {
	uint8_t state;
	uint8_t depth;
	bool answer;
	bool keep;         /* the string or number at hand */
	bool key;          /* the string at hand is one */
	uint8_t token_len; /* bytes of it so far */
	int8_t row;        /* that the last key is; -1: none */
	char token[MASK_JSON_KEY_MAX];
	uint8_t frames[MASK_JSON_DEPTH_MAX];
};

/* `answer`: it comes from the provider. */
void mask_json_init(struct mask_json *mask, bool answer);
/* What stands for `c`. */
char mask_json_byte(struct mask_json *mask, char c);
/* From here on nothing is recognised. */
void mask_json_spoil(struct mask_json *mask);
/* Nothing but white space came. */
bool mask_json_is_fresh(const struct mask_json *mask);

/* Whether `c` continues `token`, of `len` bytes, towards one of `words`: `stride` bytes apart, each
 * beginning with a pointer to its text, the last one NULL. */
bool mask_json_leads(const void *words, size_t stride, const char *token, size_t len, char c);
