/* A rate limit: how much may be asked for in a stretch of time, whatever was used before it.
 * Nothing adds up, as in a budget, and nothing is reserved: what a call is let go with counts from
 * then on, and what it took more or less is put right when that is known. Two kinds:
 * BUCKET: a bucket of `burst` that fills at the rate. SLIDING: no stretch of a period has more; it
 * is kept in slots, each counts until all of it is too old: a period and up to 1/64 of it more.
 * An adaptive one moves between two bounds, by rate_heed and by what the hour used before. A
 * provider limits its models each by itself, so each has its head-room; who asks for none in
 * particular has the least of them. */
#pragma once

#include "base/money.h"
#include "base/span.h"
#include "meter/usage.h"

#define RATE_SLOTS 64
#define RATE_TOLD  8 /* models; the one told of longest ago makes room */
#define RATE_NEVER INT64_MAX
#define RATE_RISE  2 /* times what an hour used before, that is no surprise */

enum rate_kind { RATE_NONE, RATE_BUCKET, RATE_SLIDING };

struct rate_rule {
	enum rate_kind kind;
	int64_t period_ns;
	money_wide min, max; /* a period; the same when it is not adaptive. 1 to INT64_MAX */
	money_wide burst;    /* 0: what the rate is a period */
};

struct rate_told {
	uint64_t whose; /* rate_whose() */
	int64_t told_ns, remaining, resets_ns;
};

struct rate {
	struct rate_rule rule;
	money_wide limit; /* a period, now */
	int64_t at_ns;    /* of the last look; SLIDING: start of its slot */
	money_wide level; /* BUCKET: what is in it, times period_ns; below 0: it was overdrawn */
	money_wide used;  /* SLIDING: the sum of */
	money_wide slots[RATE_SLOTS + 1];
	/* What a reservation took, until the next rate_take. */
	money_wide unbooked;
	int64_t unbooked_ns;
	struct rate_told told[RATE_TOLD]; /* by the provider, last */
	money_wide past[24]; /* used in this hour of the day, UTC: a mean of days that used it */
	uint32_t past_known; /* bits */
	int64_t learned_ns;  /* the latest hour of those */
};

/* Full. Freed with free(). -ENOMEM. */
int rate_new(const struct rate_rule *rule, struct rate **ret_rate);

/* A model of a provider; 0: it is not known which. */
uint64_t rate_whose(struct span provider, struct span model);

/* Brings it to `now_ns`, by the limits of that model, or with 0 by those of all. First thing; the
 * others are of that time and model. */
void rate_look(struct rate *rate, uint64_t whose, int64_t now_ns);

/* When so much fits: 0 = now, RATE_NEVER = it is more than ever fits. */
int64_t rate_fits_ns(const struct rate *rate, money_wide amount);

/* What is used of it, and the most that could be: what is left is the difference. */
money_wide rate_used(const struct rate *rate);
money_wide rate_size(const struct rate *rate);

/* Counts `amount` for what was unbooked, if anything was: more is of now, less is of when that was
 * taken. */
void rate_take(struct rate *rate, money_wide amount);
void rate_unbook(struct rate *rate, money_wide amount, int64_t taken_ns);

/* What counted of it then, as the ledger knows: as if all of that had been used just then. Look at
 * it next. */
void rate_restore(struct rate *rate, money_wide used, int64_t then_ns);

/* What the answer to a call that began then told of the provider's limit in this unit. */
void rate_heed(struct rate *rate, const char *unit, const struct usage *usage);

/* An hour of the clock was over, with so much used in it; the hours in their order. One in which
 * nothing was used says nothing. */
void rate_learn(struct rate *rate, int64_t hour_start_ns, money_wide used);
