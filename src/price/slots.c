/* Foreign rates -> entries of "rates". A catalog of others names each rate by itself; ours has one
 * entry for what holds together. */
#include "price/slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/money.h"
#include "meter/usage.h"
#include "price/import.h"

#define FINE_DIGITS    30 /* of a rate while it is read: 10^-30 USD */
#define MILLION_DIGITS 6
#define KEPT_FIGURES   12

/* Half even, to KEPT_FIGURES significant figures. */
static money_wide without_noise(money_wide value)
{
	money_wide unit = 1;

	for (money_wide v = value; v / unit >= (money_wide)1000000000000; unit *= 10)
		;
	return money_divide(value, unit) * unit;
}

static struct slot *find_slot(struct slots *slots, const struct slot_key *key)
{
	struct slot *slot;

	for (unsigned i = 0; i < slots->n; i++) {
		slot = &slots->slots[i];
		if (strcmp(slot->tier, key->tier) == 0 && strcmp(slot->from, key->from) == 0 &&
		    strcmp(slot->hours, key->hours) == 0 && slot->over == key->over)
			return slot;
	}
	if (slots->n == SLOTS_MAX)
		return NULL;
	slot = &slots->slots[slots->n++];
	*slot = (struct slot){ .over = key->over };
	span_copy(span_of(key->tier), slot->tier, sizeof(slot->tier));
	span_copy(span_of(key->from), slot->from, sizeof(slot->from));
	span_copy(span_of(key->hours), slot->hours, sizeof(slot->hours));
	slot->per_million = json_object();
	slot->per_unit = json_object();
	slot->per_hour = json_object();
	return slot;
}

static bool is_token(enum usage_bucket bucket)
{
	return bucket < USAGE_REQUESTS;
}

void slots_put(struct slots *slots, const struct slot_key *key, const char *bucket_name,
	       struct span number, int units)
{
	char text[MONEY_TEXT_MAX];
	enum usage_bucket bucket;
	struct slot *slot;
	money_wide fine;

	if (usage_bucket_find(span_of(bucket_name), &bucket) < 0)
		return;
	slot = find_slot(slots, key);
	if (!slot || money_parse_exponent(number, FINE_DIGITS, &fine) < 0 || fine < 0) {
		slots->n_refused++;
		return;
	}
	fine = without_noise(units == SLOTS_HOUR ? fine : fine / units);
	money_format(fine, FINE_DIGITS - (is_token(bucket) ? MILLION_DIGITS : 0), text);
	json_object_set_new(is_token(bucket)      ? slot->per_million
			    : units == SLOTS_HOUR ? slot->per_hour
						  : slot->per_unit,
			    bucket_name, json_string(text));
}

static int compare(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;
	int order = strcmp(x->tier, y->tier);

	if (!order)
		order = strcmp(x->from, y->from);
	if (!order && x->over != y->over)
		order = x->over < y->over ? -1 : 1;
	return order ? order : strcmp(x->hours, y->hours);
}

/* The slot that says what `slot` leaves out: of a step the same tier's start, of a tier the
 * standard price of the same date or the last one before it. */
static const struct slot *lender(const struct slots *slots, const struct slot *slot)
{
	const struct slot *found = NULL;
	const char *tier = slot->over ? slot->tier : "";

	for (unsigned i = 0; i < slots->n; i++) {
		const struct slot *other = &slots->slots[i];

		if (other == slot || other->over || other->hours[0] ||
		    strcmp(other->tier, tier) != 0 || strcmp(other->from, slot->from) > 0)
			continue;
		found = other;
	}
	return found;
}

/* Not what costs the lender as much as its own lender there (thoughts, as other output): so it does
 * of `to`, whose own price may be another. */
static void lend(const json_t *from, json_t *to)
{
	const char *bucket;
	json_t *rate;

	json_object_foreach((json_t *)from, bucket, rate)
	{
		const char *like = import_fallback(bucket);
		json_t *own = like ? json_object_get(to, like) : NULL;

		if (own && !json_equal(own, rate) && json_equal(json_object_get(from, like), rate))
			continue;
		if (!json_object_get(to, bucket))
			json_object_set(to, bucket, rate);
	}
}

void slots_inherit(struct slots *slots)
{
	qsort(slots->slots, slots->n, sizeof(slots->slots[0]), compare);
	for (unsigned i = 0; i < slots->n; i++) {
		struct slot *slot = &slots->slots[i];
		const struct slot *from = lender(slots, slot);

		if (!from || (!slot->over && !slot->tier[0]))
			continue;
		lend(from->per_million, slot->per_million);
		lend(from->per_unit, slot->per_unit);
		lend(from->per_hour, slot->per_hour);
	}
}

static bool has_price(json_t *rates)
{
	const char *bucket;
	json_t *rate;

	json_object_foreach(rates, bucket,
			    rate) if (strcmp(json_string_value(rate), "0") != 0) return true;
	return false;
}

static json_t *entry_of(const struct slot *slot)
{
	json_t *entry = json_object();

	json_object_set_new(entry, "from", json_string(slot->from));
	if (slot->tier[0])
		json_object_set_new(entry, "tier", json_string(slot->tier));
	if (slot->over)
		json_object_set_new(entry, "input_over", json_integer(slot->over));
	if (slot->hours[0])
		json_object_set_new(entry, "hours", json_string(slot->hours));
	if (json_object_size(slot->per_million))
		json_object_set(entry, "per_million", slot->per_million);
	if (json_object_size(slot->per_unit))
		json_object_set(entry, "per_unit", slot->per_unit);
	if (json_object_size(slot->per_hour))
		json_object_set(entry, "per_hour", slot->per_hour);
	return entry;
}

json_t *slots_finish(struct slots *slots)
{
	json_t *list = json_array();
	bool priced = false;

	qsort(slots->slots, slots->n, sizeof(slots->slots[0]), compare);
	for (unsigned i = 0; i < slots->n; i++) {
		struct slot *slot = &slots->slots[i];

		priced |= has_price(slot->per_million) || has_price(slot->per_unit) ||
			  has_price(slot->per_hour);
		if (json_object_size(slot->per_million) + json_object_size(slot->per_unit) +
		    json_object_size(slot->per_hour))
			json_array_append_new(list, entry_of(slot));
		json_decref(slot->per_million);
		json_decref(slot->per_unit);
		json_decref(slot->per_hour);
	}
	slots->n = 0;
	if (priced)
		return list;
	json_decref(list);
	return NULL;
}
