/* charge: usage and what it costs, with the proof. Made by src/price, taken by src/budget. */
#pragma once

#include "base/money.h"
#include "meter/usage.h"

/* Where the figure comes from, best first. Unknown is UNPRICED, never a zero. */
enum cost_source { COST_PROVIDER, COST_CATALOG, COST_ESTIMATED, COST_UNPRICED };

const char *charge_source_name(enum cost_source source);

/* Why a charge is UNPRICED: the usage's own doubt, or one of these. NULL text when it is priced. */
enum price_doubt {
	PRICE_DOUBT_NONE,
	PRICE_DOUBT_USAGE,            /* see usage.doubt */
	PRICE_DOUBT_PROVIDER_UNKNOWN, /* the host is in no provider's file */
	PRICE_DOUBT_NO_MODEL,         /* the call names no model */
	PRICE_DOUBT_MODEL_UNKNOWN,    /* no catalog entry matches */
	PRICE_DOUBT_NO_RATE,          /* the entry has no rate for a bucket or tier that was used */
	PRICE_DOUBT_DATE,             /* no rates in force at that time */
	PRICE_DOUBT_OVERFLOW, /* out of the range of int64 picodollars; stays the last one */
};

/* "model_unknown", "no_usage", ...: the event's `unpriced_reason`; NULL when priced. */
struct charge;
const char *charge_doubt_name(const struct charge *charge);

struct charge {
	struct usage usage;
	int64_t cost_pico; /* meaningless when UNPRICED */
	enum cost_source source;
	enum price_doubt doubt;
	char catalog[48];        /* name of the catalog, with its version */
	char effective_from[11]; /* date of the rates, "2025-08-07" */
	char matched[96];        /* key of the entry that matched */
	char context
	    [64]; /* "tier=flex input>272000"; empty: standard price; "free", "told", "error" */
	uint64_t rated; /* one bit a bucket: rates_yocto holds the rate used */
	money_wide rates_yocto[USAGE_BUCKET_MAX]; /* USD x 10^24 a unit */
};

/* A word more for the context, after a space; what does not fit is left out. */
__attribute__((format(printf, 2, 3))) void charge_put_context(struct charge *charge,
							      const char *format, ...);
