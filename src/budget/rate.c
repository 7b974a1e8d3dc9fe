/* Rates in whole numbers: a bucket's level is kept times its period, so that a nanosecond of a slow
 * rate is not lost. Amounts are at most INT64_MAX and a period is a day: both fit in 128 bits. */
#include "budget/rate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/timestamp.h"
#include "budget/match.h"

#define HOUR_NS        (3600 * NS_PER_SEC)
#define ELAPSED_NS_MAX ((int64_t)1 << 56) /* two years: every bucket is full by then */

static bool is_adaptive(const struct rate *rate)
{
	return rate->rule.min < rate->rule.max;
}

static money_wide burst(const struct rate *rate)
{
	return rate->rule.burst ? rate->rule.burst : rate->limit;
}

static money_wide clamp(money_wide value, money_wide min, money_wide max)
{
	return value < min ? min : value < max ? value : max;
}

/* --- how much a period, now */

/* What the provider has left, spread over the time until it has more. */
static money_wide headroom(const struct rate *rate, uint64_t whose, int64_t now_ns)
{
	money_wide least = rate->rule.max, room;

	for (int i = 0; i < RATE_TOLD; i++) {
		const struct rate_told *told = &rate->told[i];

		if (told->resets_ns <= now_ns || (whose && whose != told->whose))
			continue;
		room =
		    (money_wide)told->remaining * rate->rule.period_ns / (told->resets_ns - now_ns);
		least = room < least ? room : least;
	}
	return least;
}

static unsigned hour_of(int64_t time_ns)
{
	return (unsigned)(((time_ns / HOUR_NS) % 24 + 24) % 24);
}

static money_wide usual(const struct rate *rate, int64_t now_ns)
{
	unsigned hour = hour_of(now_ns);

	if (!(rate->past_known >> hour & 1))
		return rate->rule.max;
	return RATE_RISE * rate->past[hour] * rate->rule.period_ns / HOUR_NS;
}

static void adapt(struct rate *rate, uint64_t whose, int64_t now_ns)
{
	money_wide limit = headroom(rate, whose, now_ns), past = usual(rate, now_ns);

	rate->limit = clamp(limit < past ? limit : past, rate->rule.min, rate->rule.max);
}

/* --- time */

static void hold_level(struct rate *rate)
{
	money_wide full = burst(rate) * rate->rule.period_ns;

	if (rate->level > full)
		rate->level = full;
}

/* Set back, the clock gives nothing and takes nothing. */
static void fill(struct rate *rate, int64_t now_ns)
{
	int64_t elapsed_ns;

	if (__builtin_sub_overflow(now_ns, rate->at_ns, &elapsed_ns) || elapsed_ns > ELAPSED_NS_MAX)
		elapsed_ns = ELAPSED_NS_MAX;
	if (elapsed_ns > 0)
		rate->level += rate->limit * elapsed_ns;
	rate->at_ns = now_ns;
}

static int64_t slot_ns(const struct rate *rate)
{
	return rate->rule.period_ns / RATE_SLOTS;
}

static money_wide *slot_at(struct rate *rate, int64_t time_ns)
{
	int64_t slot = time_ns / slot_ns(rate) % (RATE_SLOTS + 1);

	return &rate->slots[slot < 0 ? slot + RATE_SLOTS + 1 : slot];
}

/* Set back, the clock makes all that counts be of now. */
static void slide(struct rate *rate, int64_t now_ns)
{
	int64_t start_ns = now_ns - now_ns % slot_ns(rate), passed;
	money_wide used = rate->used;

	passed = (start_ns - rate->at_ns) / slot_ns(rate);
	if (passed < 0 || passed > RATE_SLOTS) {
		memset(rate->slots, 0, sizeof(rate->slots));
		rate->used = passed < 0 ? used : 0;
		*slot_at(rate, start_ns) = rate->used;
		passed = 0;
	}
	for (; passed > 0; passed--) {
		money_wide *oldest = slot_at(rate, start_ns - (passed - 1) * slot_ns(rate));

		rate->used -= *oldest;
		*oldest = 0;
	}
	rate->at_ns = start_ns;
}

void rate_look(struct rate *rate, uint64_t whose, int64_t now_ns)
{
	if (rate->rule.kind == RATE_SLIDING)
		slide(rate, now_ns);
	else
		fill(rate, now_ns);
	if (is_adaptive(rate))
		adapt(rate, whose, now_ns);
	else
		rate->limit = rate->rule.max;
	hold_level(rate);
}

int rate_new(const struct rate_rule *rule, struct rate **ret_rate)
{
	struct rate *rate = calloc(1, sizeof(*rate));

	if (!rate)
		return -ENOMEM;
	rate->rule = *rule;
	rate->limit = rule->max;
	rate->level = burst(rate) * rule->period_ns;
	*ret_rate = rate;
	return 0;
}

/* --- amounts */

money_wide rate_size(const struct rate *rate)
{
	return rate->rule.kind == RATE_SLIDING ? rate->limit : burst(rate);
}

/* Of a bucket rounded up: what is not whole cannot be asked for. */
money_wide rate_used(const struct rate *rate)
{
	money_wide room = burst(rate) * rate->rule.period_ns - rate->level;

	return rate->rule.kind == RATE_SLIDING
		   ? rate->used
		   : (room + rate->rule.period_ns - 1) / rate->rule.period_ns;
}

/* When enough slots have passed. */
static int64_t slides_ns(const struct rate *rate, money_wide too_much)
{
	int64_t start_ns = rate->at_ns - RATE_SLOTS * slot_ns(rate);

	while (too_much > 0) {
		too_much -= *slot_at((struct rate *)rate, start_ns);
		start_ns += slot_ns(rate);
	}
	return start_ns + RATE_SLOTS * slot_ns(rate);
}

int64_t rate_fits_ns(const struct rate *rate, money_wide amount)
{
	money_wide missing = amount * rate->rule.period_ns - rate->level, wait_ns;

	if (rate->rule.kind == RATE_SLIDING)
		missing = rate->used + amount - rate->limit;
	if (missing <= 0)
		return 0;
	if (amount > rate_size(rate))
		return RATE_NEVER;
	if (rate->rule.kind == RATE_SLIDING)
		return slides_ns(rate, missing);
	wait_ns = (missing + rate->limit - 1) / rate->limit;
	return wait_ns < RATE_NEVER - rate->at_ns ? rate->at_ns + (int64_t)wait_ns : RATE_NEVER;
}

/* What is taken less of a slot that does not count any more is not taken from another one. */
static void take_slot(struct rate *rate, money_wide more, int64_t time_ns)
{
	money_wide *slot;

	if (time_ns < rate->at_ns - RATE_SLOTS * slot_ns(rate))
		return;
	slot = slot_at(rate, time_ns < rate->at_ns ? time_ns : rate->at_ns);
	if (more < -*slot)
		more = -*slot;
	*slot += more;
	rate->used += more;
}

void rate_take(struct rate *rate, money_wide amount)
{
	money_wide more = amount - rate->unbooked;

	if (rate->rule.kind == RATE_SLIDING)
		take_slot(rate, more, more < 0 ? rate->unbooked_ns : rate->at_ns);
	else
		rate->level -= more * rate->rule.period_ns;
	hold_level(rate);
	rate->unbooked = 0;
}

void rate_unbook(struct rate *rate, money_wide amount, int64_t taken_ns)
{
	rate->unbooked = amount;
	rate->unbooked_ns = taken_ns;
}

void rate_restore(struct rate *rate, money_wide used, int64_t then_ns)
{
	rate->level = (burst(rate) - used) * rate->rule.period_ns;
	rate->at_ns = then_ns;
	if (rate->rule.kind == RATE_SLIDING) {
		memset(rate->slots, 0, sizeof(rate->slots));
		rate->at_ns -= then_ns % slot_ns(rate);
		rate->used = *slot_at(rate, rate->at_ns) = used;
	}
}

/* --- what an adaptive one goes by */

/* "requests", "tokens"; "input" is told as "input_tokens". */
static bool is_of(const struct usage_limit *limit, const char *unit)
{
	size_t length = strlen(unit);

	return strncmp(limit->name, unit, length) == 0 &&
	       (!limit->name[length] || strcmp(limit->name + length, "_tokens") == 0);
}

uint64_t rate_whose(struct span provider, struct span model)
{
	uint64_t hash = match_hash(match_hash(MATCH_HASH_START, provider), SPAN("/"));

	return model.len ? match_hash(hash, model) : 0;
}

static struct rate_told *told_of(struct rate *rate, uint64_t whose)
{
	struct rate_told *oldest = &rate->told[0];

	for (int i = 0; i < RATE_TOLD; i++) {
		if (rate->told[i].told_ns && rate->told[i].whose == whose)
			return &rate->told[i];
		if (rate->told[i].told_ns < oldest->told_ns)
			oldest = &rate->told[i];
	}
	*oldest = (struct rate_told){ .whose = whose };
	return oldest;
}

void rate_heed(struct rate *rate, const char *unit, const struct usage *usage)
{
	const char *model = usage->model_requested[0] ? usage->model_requested : usage->model;
	struct rate_told *told;

	if (!is_adaptive(rate) || !usage->n_limits)
		return;
	told = told_of(rate, rate_whose(span_of(usage->provider), span_of(model)));
	/* Calls end in another order than their answers begin. */
	if (usage->time_start_ns < told->told_ns)
		return;
	for (unsigned i = 0; i < usage->n_limits; i++) {
		const struct usage_limit *limit = &usage->limits[i];
		bool pauses = strcmp(limit->name, "retry_after") == 0;

		if (!limit->resets_ns || (!pauses && (limit->remaining < 0 || !is_of(limit, unit))))
			continue;
		told->told_ns = usage->time_start_ns;
		told->remaining = pauses ? 0 : limit->remaining;
		told->resets_ns = limit->resets_ns;
		if (pauses)
			return;
	}
}

void rate_learn(struct rate *rate, int64_t hour_start_ns, money_wide used)
{
	unsigned hour = hour_of(hour_start_ns);
	bool known = rate->past_known >> hour & 1;

	if (used <= 0 || hour_start_ns <= rate->learned_ns)
		return;
	rate->learned_ns = hour_start_ns;
	rate->past[hour] = known ? (rate->past[hour] * 3 + used) / 4 : used;
	rate->past_known |= 1u << hour;
}
