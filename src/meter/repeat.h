/* repeat: what the documents of a stream have in common at their front. A chat completion's events
 * are alike for two hundred bytes, up to the text that they bring; a document that begins as the
 * one before did leads to the same values, so that the scan goes on behind them. Nothing but time
 * depends on it. */
#pragma once

#include "base/json.h"
#include "meter/slot.h"

#define REPEAT_BYTES_MAX 512
#define REPEAT_BYTES_MIN 32 /* less is not worth it */
#define REPEAT_SLOTS_MAX 8

struct repeat {
	struct json_scan scan;            /* behind the first `n` bytes */
	uint16_t n_bytes, n;              /* of `bytes`; those that repeated, 0: none yet */
	uint8_t n_slots;                  /* over REPEAT_SLOTS_MAX: too many to take */
	uint16_t slots[REPEAT_SLOTS_MAX]; /* that these bytes fill */
	char bytes[REPEAT_BYTES_MAX];
};

struct repeat *repeat_new(void); /* NULL without memory */
void repeat_free(struct repeat *repeat);

/* How many bytes of the document are those that repeated; 0: it begins otherwise. */
size_t repeat_match(const struct repeat *repeat, struct span document);

/* Makes the values of the document before those of this one. False, and nothing changes, when they
 * are not there as these bytes alone left them. */
bool repeat_take(const struct repeat *repeat, struct slot *slots, uint32_t document);

/* How many bytes the document has in common with the last that was kept, to be fed and learned
 * from; 0: too few, and it is kept instead. */
size_t repeat_common(struct repeat *repeat, struct span document);

/* A value was stored while those bytes were fed. */
void repeat_learn(struct repeat *repeat, unsigned slot);
