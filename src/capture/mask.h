/* The bytes of a connection without their content and secrets, length for length, so that offsets
 * and framing stay true and a parser takes the same turns. Closed by default: what is not
 * recognised is overwritten or left out.
 *
 *   HTTP/1 heads  kept: method, path, version, status, the names of the headers that are a row in
 *                 mask.c and their values, as far as both are of plain characters and not too long.
 *                 Overwritten by 'x': what follows a '?' in the target, reasons, all other names
 *                 and values
 *   bodies        JSON: mask_json.h; server-sent events: mask_sse.h; told by their first byte
 *   left out      bodies with a content coding or of any other kind, the rest of a JSON body after
 *                 bytes that are missing, all after a switch of protocol (WebSocket), HTTP/2, what
 *                 is no HTTP. Sizes of chunks and ends of heads stay
 *
 * After missing bytes outside a body nothing is kept until a chunk begins like a head. A response
 * without a body to a HEAD is known as such if requests are not pipelined. */
#pragma once

#include "capture/chunk.h"
#include "capture/mask_sse.h"

#define MASK_VALUE_MAX  200  /* of a header */
#define MASK_TARGET_MAX 1000 /* of a request */

struct mask_side {
	uint8_t state;
	uint8_t kind; /* of the body */
	uint8_t token_len;
	uint8_t value_len;
	uint16_t at; /* position in the start line or the target */
	int8_t row;  /* the header at hand; -1: none */
	bool sent;
	bool query, chunked, has_length, coded, in_trailer, blank;
	uint16_t status;
	uint64_t left; /* of the body or its chunk */
	char token[40];
	char value[24];
	union {
		struct mask_json json;
		struct mask_sse sse;
	} body;
};

struct mask {
	struct mask_side sides[2];
	bool head_asked; /* the last request was a HEAD */
	bool switched;   /* 101 */
};

void mask_init(struct mask *mask);
/* A chunk begins with `in`; call before mask_next. */
void mask_begin(struct mask *mask, enum direction direction, struct span in);
/* Takes bytes at the front of `in` (not empty) that share a fate: `ret_kept`, then what stands for
 * them is in `out`, or not. Returns how many, at least 1. */
size_t mask_next(struct mask *mask, enum direction direction, struct span in, char *out,
		 bool *ret_kept);
/* `n` bytes are missing here. */
void mask_gap(struct mask *mask, enum direction direction, uint64_t n);
