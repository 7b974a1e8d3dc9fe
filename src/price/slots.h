/* slots: the rates of one model of a foreign catalog, sorted out by tier, date, step and hours. */
#pragma once

#include <jansson.h>

#include "base/span.h"

#define SLOTS_MAX  64
#define SLOTS_HOUR 3600

struct slot {
	char tier[24];
	char from[11];
	char hours[12];  /* empty: all day */
	json_int_t over; /* 0: always */
	json_t *per_million;
	json_t *per_unit;
	json_t *per_hour; /* of seconds: no decimal text a unit is exact */
};

struct slots {
	unsigned n;
	unsigned n_refused; /* rates that are not numbers, or slots over the maximum */
	struct slot slots[SLOTS_MAX];
};

/* Which slot a rate is for. */
struct slot_key {
	const char *tier, *from, *hours;
	json_int_t over;
};

/* `number`: decimal text, with an exponent or not, in USD a `units` units
 * (SLOTS_HOUR: an hour of seconds). A bucket that outlay
 * does not count is passed over. The last rate of a bucket stays. */
void slots_put(struct slots *slots, const struct slot_key *key, const char *bucket,
	       struct span number, int units);

/* What a step or a tier does not say is what the slot below it in the same list says, but for a
 * bucket that costs there what its fallback does (import.h): it follows the own price of that. */
void slots_inherit(struct slots *slots);

/* The list for "rates", NULL when there is no rate over zero; `slots` is empty afterwards. */
json_t *slots_finish(struct slots *slots);
