/* What a recording keeps of an exchange: neither content nor secrets. Closed by default: what is
 * not recognised is overwritten or left out.
 *
 *   targets  plain characters, at most MASK_TARGET_MAX; parameters after the '?' are overwritten by
 *            'x', but for "model"
 *   headers  those that are a row in mask.c: plain characters, at most MASK_VALUE_MAX
 *   bodies   JSON: mask_json.h; server-sent events: mask_sse.h; told by their first byte. Of a
 *            WebSocket each message is a body. Length for length, and what is kept of a byte
 *            depends on those before it alone: cuts do not matter
 *   left out bodies of any other kind, and the rest of a JSON body after missing bytes */
#pragma once

#include "http/mask_sse.h"

#define MASK_NAME_MAX   64 /* of a header that is kept */
#define MASK_VALUE_MAX  200
#define MASK_TARGET_MAX 1000

struct mask { /* of the bodies of one direction */
	bool answer;
	uint8_t kind;
	union {
		struct mask_json json;
		struct mask_sse sse;
	} body;
};

/* A body begins, of the provider or of the client. */
void mask_begin(struct mask *mask, bool answer);
/* Takes bytes at the front of `in` (not empty) that share a fate: `ret_kept`, then what stands for
 * them is in `out`, or not. Returns how many, at least 1. */
size_t mask_next(struct mask *mask, struct span in, char *out, bool *ret_kept);
/* Bytes of the body are missing here. */
void mask_gap(struct mask *mask);

bool mask_keeps_header(struct span name);
/* What stands for a header's value, and for a target, in `out`. */
struct span mask_value(struct span value, char out[static MASK_VALUE_MAX]);
struct span mask_target(struct span target, char out[static MASK_TARGET_MAX]);
