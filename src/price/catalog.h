/* config/prices: dated rates in JSON, immutable after loading, shared by reference count. A file:
 *
 *   { "catalog": "openai-2026-11-25", "provider": "openai", "source": ["where the rates are from"],
 *     "models": [
 *       { "model": "gpt-5.4", "aliases": ["gpt-5.4-2026-03-05"],
 *         "rates": [
 *           { "from": "2026-03-05",
 *             "per_million": { "input": "2.5", "input_cache_read": "0.25", "output": "15",
 *                              "output_reasoning": "=output" } },
 *           { "from": "2026-03-05", "input_over": 272000, "per_million": {...} },
 *           { "from": "2026-10-12", "tier": "flex", "per_million": {...} } ] } ] }
 *
 * `from` is a UTC date, inclusive; the latest one of the call's tier that is not after its start is
 * in force; before the first one of a tier that one, but for contracted prices. A rates entry
 * without `tier` is the standard price. `input_over`: an entry beside another of the same tier and
 * date, which takes the whole call when its input* counts sum to more
 * than that; `input_from`: to that or more. "hours": "01:00-04:00" (UTC) and "weekdays": [1, 5]
 * (1 is Monday): an entry below another, for those times only. "minimum": {"audio_seconds": 10}:
 * what is billed at the least; "maximum": {"web_searches": 1}: at the most, where a fee is for all
 * of them together. Rates are decimal text in USD: "per_million", "per_thousand",
 * "per_unit" and "per_hour" (of seconds), each bucket in one of them.
 *
 * "uplifts" of a model: {"region=us": "1.1", "server!=api.openai.com": "1.1"}, factors on its token
 * rates (all input* and output*) by the region that the provider says the call was served from, or
 * by the name of the server; the first that holds.
 *
 * "allowances" of a model: {"web_searches": "5000 per month"}, units that are free to an account.
 * A host sees its own calls and not those of the account, so it cannot know what is left: such
 * units are charged in full, never at zero, and the charge is `estimated`: the most it can be.
 *
 * A bucket without a rate of its own costs what another one costs only when the file says so:
 * "output_reasoning": "=output" in an entry, or for all entries of the file that rate the lender
 * and not the borrower "fallback": {"output_reasoning": "=output"}. What costs the same of all
 * models stands there, too: {"web_searches": "0.01"}, a rate a unit. Also for the whole file:
 * "holidays": ["2026-10-01"], dates on which entries with weekdays do not hold, and "contracted":
 * true, prices of the user's own, which win over those of a file without it, and are found by the
 * name asked for as well as by the one that served: a deployment of Azure, a profile of Bedrock.
 *
 * "gateways": ["portkey"] are providers that pass calls on at these prices, by the same names.
 *
 * The model "*" stands for calls that name none, as those of Twilio, Resend and Supabase.
 *
 * A model matches exactly, then by alias, then without the customer's part of a fine-tuned one's
 * name (ft:MODEL:org::id), then without its date or revision (-2025-08-07, -20250807, @20250807,
 * -001); never by another part of the name, never across versions. */
#pragma once

#include "base/err.h"
#include "price/charge.h"

#define CATALOG_NO_MODEL       "*" /* the name of the entry for calls that name no model */
#define CATALOG_FILE_BYTES_MAX (16u << 20)
#define CATALOG_MODELS_MAX     65536 /* of one file */
#define CATALOG_ALIASES_MAX    256   /* of one model */
#define CATALOG_RATES_MAX      256   /* of one model */

struct catalog;

/* Reads every *.json of the directory, or the one file. -EINVAL with "FILE: PLACE: what was
 * expected" (also: the same model twice, rates not ascending by date, a rate over 10^6 USD), else
 * an errno. */
int catalog_load(const char *path, struct catalog **ret_catalog, struct err *err);
/* The prices of a configuration: those of DIR/prices, or of DIR/prices/NAME alone. */
int catalog_load_named(const char *config_dir, const char *name, struct catalog **ret_catalog,
		       struct err *err);
struct catalog *catalog_ref(struct catalog *catalog);
void catalog_unref(struct catalog *catalog);

/* What catalog_load is made of: an empty catalog, and one file more, by its text. After a failure
 * the catalog is only good for catalog_unref; adding to one that is shared is not allowed. */
int catalog_new(struct catalog **ret_catalog); /* -ENOMEM */
int catalog_add(struct catalog *catalog, const char *file, struct span text, struct err *err);
void catalog_close(struct catalog *catalog); /* no more will be added */

size_t catalog_models(const struct catalog *catalog);

/* The entry that prices a provider's calls of that name, matched as above; NULL: none. */
struct model;
const struct model *catalog_find(const struct catalog *catalog, struct span provider,
				 struct span model);
/* Each entry once, in no order. */
typedef void catalog_model_fn(void *ctx, const struct model *model);
void catalog_each(const struct catalog *catalog, catalog_model_fn *fn, void *ctx);

/* One rounding a call, stated here: counts times rates are summed in 10^-24 USD and 128 bits, and
 * the sum is rounded half to even to 10^-12 USD. (A rate an hour or times an uplift is itself
 * rounded at 10^-24.)
 *
 * Prices a usage by the model that served it, else by the one asked for. Never fails: what cannot
 * be priced says why. What the provider itself reports wins over the rates, which then stand there
 * as a proof. A free route and an error status without counts cost 0. Allocates nothing;
 * `*ret_charge` is written whole, but for its usage where `usage` is that one. Any thread. */
void catalog_price(const struct catalog *catalog, const struct usage *usage,
		   struct charge *ret_charge);
