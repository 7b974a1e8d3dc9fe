/* list: what price lists say, as JSON for people and programs: one entry, or how two catalogs
 * differ. Rates are decimal text in USD, of tokens a million and of the rest a unit. */
#pragma once

#include <jansson.h>

#include "price/catalog.h"

/* { "provider", "model", "catalog", "source", "contracted", "uplifts": {}, "rates": [ { "from",
 *   "tier", "input_over", "hours", "weekdays", "minimum", "maximum", "in_force",
 *   "per_million", "per_unit" } ] }:
 * every entry, what is borrowed resolved; "in_force" on that date, at some hour and some length of
 * input. `only_in_force`: no others. */
json_t *list_model(const struct model *model, int64_t time_ns, bool only_in_force);

/* The entries of that name, of all providers or one, by provider: an array of the above. */
json_t *list_find(const struct catalog *catalog, struct span provider, struct span model,
		  int64_t time_ns, bool only_in_force);

/* How B differs from A in the rates in force on a date, by provider and model: an array of
 * { "what": "added" | "gone" | "changed", "provider", "model", "context", "bucket", "old", "new",
 *   "ratio" }; without a bucket it is the whole model. A ratio has three decimals. */
json_t *list_diff(const struct catalog *a, const struct catalog *b, int64_t time_ns);
