/* config/prices: dated rates in JSON, immutable after loading, shared by reference count. A file:
 *
 *   { "catalog": "openai-2026-11-25", "provider": "openai",
 *     "models": [
 *       { "model": "gpt-4o-mini", "aliases": ["gpt-4o-mini-2024-07-18"],
 *         "rates": [
 *           { "from": "2024-07-18", "per_million": {"input": "0.15", "input_cache_read": "0.075",
 *                                                   "output": "0.60"} },
 *           { "from": "2024-07-18", "tier": "batch", "per_million": {...} } ] } ] }
 *
 * `from` is a UTC date, inclusive; the latest one not after the call's start is in force. A rates
 * entry without `tier` is the standard price. Rates are decimal text in USD; "per_unit" beside or
 * instead of "per_million" is for units that are no tokens. A reasoning, cached or audio bucket
 * without a rate of its own costs what its base bucket costs only when the file says so:
 * "output_reasoning": "=output".
 *
 * A model matches exactly, then by alias, then without its date suffix (-2025-08-07, -20250807);
 * never by a part of the name, never across versions. */
#pragma once

#include "base/err.h"
#include "price/charge.h"

struct catalog;

/* Reads every *.json of the directory. -EINVAL with "FILE: PLACE: what was expected" (also: the
 * same model twice, rates not ascending by date, a rate over 10^6 USD), else an errno. */
int catalog_load(const char *dir, struct catalog **ret_catalog, struct err *err);
struct catalog *catalog_ref(struct catalog *catalog);
void catalog_unref(struct catalog *catalog);

size_t catalog_models(const struct catalog *catalog);

/* Prices a usage. Never fails: what cannot be priced says why. `*ret_charge` is written whole. */
void catalog_price(const struct catalog *catalog, const struct usage *usage,
		   struct charge *ret_charge);
