/* repeat: what the documents of a stream have in common. A chat completion's events are alike for
 * two hundred bytes, up to the text that they bring, and again behind it; a document with the same
 * bytes in these places leads to the same values, so that the scan goes on behind them. Nothing but
 * time depends on it. */
#pragma once

#include "base/json_mark.h"
#include "meter/slot.h"

#define REPEAT_BYTES_MAX 512
#define REPEAT_BYTES_MIN 32 /* less is not worth it */
#define REPEAT_REST_MIN  8
#define REPEAT_TRIES     4 /* to find a rest that repeats */
#define REPEAT_SLOTS_MAX 8

/* Bytes that repeat, and what they lead to. */
struct repeat_part {
	struct json_mark behind;
	uint16_t at, n;                   /* within `bytes`; n = 0: none yet */
	uint32_t document;                /* the last one that had them */
	uint8_t n_slots;                  /* over REPEAT_SLOTS_MAX: too many to take */
	uint16_t slots[REPEAT_SLOTS_MAX]; /* that these bytes fill */
	uint16_t texts[REPEAT_SLOTS_MAX]; /* bytes of the text of each */
};

struct repeat {
	struct repeat_part front;     /* from the first byte */
	struct repeat_part rest;      /* from the end of the string in which the front ends */
	struct repeat_part *learning; /* NULL, or whose bytes are fed */
	uint8_t tries;
	uint16_t n_bytes;
	char bytes[REPEAT_BYTES_MAX]; /* the beginning of the last document that was kept */
};

struct repeat *repeat_new(void); /* NULL without memory */
void repeat_free(struct repeat *repeat);

/* A value was stored; of the part that is learned, if one is. */
void repeat_learn(struct repeat *repeat, unsigned slot, const struct json_value *value);

/* It hangs on more than a slot: the part is fed each time. */
void repeat_spoil(struct repeat *repeat);

/* Feeds as much of the document as repeats, or takes what that leads to, and learns from documents
 * that begin otherwise than the one before; returns how many bytes that were. `scan` is at its
 * start. */
size_t repeat_feed(struct repeat *repeat, struct json_scan *scan, struct slot *slots,
		   uint32_t document, struct span bytes);
