/* rates: what each bucket costs under one price, as one entry of a catalog's model says it. */
#pragma once

#include "base/document.h"
#include "base/money.h"
#include "meter/usage.h"

#define RATES_TIER_MAX     24                    /* bytes, NUL included */
#define RATES_HOLIDAYS_MAX 256                   /* of one file */
#define RATE_USD_MAX       ((money_wide)1000000) /* of a million units, and of one unit */

/* Dates of a file on which entries with `weekdays` do not hold: days since 1970, ascending. */
struct rates_holidays {
	unsigned n;
	int32_t days[RATES_HOLIDAYS_MAX];
};

/* Of the same bytes when they say the same. */
struct rates {
	int64_t from_ns;       /* UTC midnight, inclusive */
	int64_t input_over;    /* holds when the input* counts sum to more; -1: always */
	int64_t least;         /* what least_bucket is billed at the least; 0: nothing */
	int64_t most;          /* what most_bucket is billed at the most; 0: all of it */
	uint64_t rated;        /* one bit a bucket */
	uint16_t begin_minute; /* of the UTC day; equal to end_minute: the whole day */
	uint16_t end_minute;   /* exclusive; may be before the begin: over midnight */
	uint8_t weekdays;      /* bit 0: Monday; 0: every day */
	uint8_t least_bucket;  /* an enum usage_bucket, as is */
	uint8_t most_bucket;
	char from[11];             /* the same as text */
	char tier[RATES_TIER_MAX]; /* empty: the standard price */
	uint8_t n;                 /* of `yocto` */
	money_wide yocto[];        /* USD x 10^24 a unit: each that occurs, once */
	/* Behind them a byte for each bucket of `rated`, in order: its place in `yocto`. */
};

/* What a bucket without a rate of its own costs: what another one does, or a rate. */
struct rates_loans {
	uint8_t from[USAGE_BUCKET_MAX]; /* bucket + 1, or 0 */
	uint64_t rated;                 /* one bit a bucket */
	money_wide yocto[USAGE_BUCKET_MAX];
};

static inline bool rates_has(const struct rates *rates, unsigned bucket)
{
	return rates->rated >> bucket & 1;
}

/* The rate of a bucket that has one. */
static inline money_wide rates_of(const struct rates *rates, unsigned bucket)
{
	const uint8_t *places = (const uint8_t *)&rates->yocto[rates->n];

	return rates
	    ->yocto[places[__builtin_popcountll(rates->rated & ((UINT64_C(1) << bucket) - 1))]];
}

/* An object of "bucket": "=bucket" or a rate a unit, absent or not: the loans of a whole file. */
int rates_parse_loans(const json_t *object, const char *key, const struct document_place *at,
		      struct rates_loans *ret_loans, struct err *err);

/* One entry of "rates", kept in the pool. On failure `err` names the place, and `*ret_rates` is
 * unchanged. */
struct pool;
int rates_parse(const json_t *entry, const struct rates_loans *loans,
		const struct document_place *at, struct pool *pool, const struct rates **ret_rates,
		struct err *err);

/* Whether `next` may stand below `former` in a list: each tier rises by date, and within a date by
 * `input_over`; entries for some hours stand below those for all. Entries of two tiers do not mind
 * each other. */
bool rates_ascend(const struct rates *former, const struct rates *next);
