/* JSON -> struct rates. Every rate is decimal text and stays an exact integer: a number of JSON
 * would pass through binary floating point, so it is refused. What a bucket borrows by "=other" is
 * resolved here, once, so that pricing is a plain sum. */
#include "price/rates.h"

#include <errno.h>

#include "base/timestamp.h"
#include "price/hours.h"
#include "price/pool.h"

static const char *const rates_keys[] = { "from",        "tier",         "input_over", "input_from",
					  "hours",       "weekdays",     "minimum",    "maximum",
					  "per_million", "per_thousand", "per_unit",   "per_hour",
					  NULL };

/* Rates while they are read: one a bucket, own or borrowed. */
struct draft {
	money_wide yocto[USAGE_BUCKET_MAX];
	struct rates_loans loans;
	struct rates head; /* without its own rates */
};

struct group {
	const char *key;
	int digits;  /* a rate a million in 10^-18 USD is the same integer as one in 10^-24 */
	int divisor; /* the quotient is rounded half to even, far below a picodollar */
};

#define PER_UNIT 2

/* To add a unit of prices: a row, and its key above. */
static const struct group groups[] = {
	{ "per_million", MONEY_YOCTO_DIGITS - 6, 1 },
	{ "per_thousand", MONEY_YOCTO_DIGITS - 3, 1 },
	{ "per_unit", MONEY_YOCTO_DIGITS, 1 },
	{ "per_hour", MONEY_YOCTO_DIGITS, 3600 },
};

static int parse_rate(const json_t *value, const struct group *group,
		      const struct document_place *at, money_wide *ret_yocto, struct err *err)
{
	struct span text = { json_string_value(value), json_string_length(value) };
	money_wide limit = RATE_USD_MAX, yocto;
	int rc;

	if (!json_is_string(value))
		return document_refuse(at, err,
				       "decimal text such as \"0.15\" (in quotes, so that it is "
				       "exact)");
	rc = money_parse(text, group->digits, &yocto);
	if (rc == -EINVAL)
		return document_refuse(at, err, "decimal text such as \"0.15\"");
	for (int i = 0; i < group->digits; i++)
		limit *= 10;
	if (rc || yocto < 0 || yocto > limit)
		return document_refuse(at, err,
				       "a rate from 0 to 1000000 USD, of at most 18 decimals a "
				       "million or 24 a unit");
	*ret_yocto = money_divide(yocto, group->divisor);
	return 0;
}

static int find_bucket(struct span name, const struct document_place *at,
		       enum usage_bucket *ret_bucket, struct err *err)
{
	if (usage_bucket_find(name, ret_bucket) < 0)
		return document_refuse(at, err, "the name of a bucket, such as input_cache_read");
	return 0;
}

/* "=bucket" */
static int parse_loan(const json_t *value, const struct document_place *at, uint8_t *ret_from,
		      struct err *err)
{
	enum usage_bucket base;
	int rc = find_bucket(span_skip(span_of(json_string_value(value)), 1), at, &base, err);

	if (!rc)
		*ret_from = (uint8_t)(base + 1);
	return rc;
}

static bool is_loan(const json_t *value)
{
	return json_is_string(value) && json_string_value(value)[0] == '=';
}

int rates_parse_loans(const json_t *object, const char *key, const struct document_place *parent,
		      struct rates_loans *ret_loans, struct err *err)
{
	struct document_place loans_at = document_member(parent, key);
	json_t *member = json_object_get(object, key);
	struct rates_loans loans = { 0 };
	int rc = 0;

	if (member && !json_is_object(member))
		return document_refuse(&loans_at, err,
				       "an object of bucket: \"=bucket\", or a rate");
	for (void *i = json_object_iter(member); i && !rc; i = json_object_iter_next(member, i)) {
		struct document_place at = document_member(&loans_at, json_object_iter_key(i));
		const json_t *value = json_object_iter_value(i);
		enum usage_bucket bucket;

		rc = find_bucket(span_of(at.key), &at, &bucket, err);
		if (rc)
			break;
		if (is_loan(value)) {
			rc = parse_loan(value, &at, &loans.from[bucket], err);
			continue;
		}
		rc = parse_rate(value, &groups[PER_UNIT], &at, &loans.yocto[bucket], err);
		loans.rated |= UINT64_C(1) << bucket;
	}
	if (!rc)
		*ret_loans = loans;
	return rc;
}

/* One of the objects of rates. */
static int parse_group(const json_t *entry, const struct group *group,
		       const struct document_place *parent, struct draft *draft, struct err *err)
{
	struct document_place group_at = document_member(parent, group->key);
	json_t *member = json_object_get(entry, group->key);
	int rc = 0;

	if (member && !json_is_object(member))
		return document_refuse(&group_at, err, "an object of bucket: rate");
	for (void *i = json_object_iter(member); i && !rc; i = json_object_iter_next(member, i)) {
		struct document_place at = document_member(&group_at, json_object_iter_key(i));
		const json_t *value = json_object_iter_value(i);
		enum usage_bucket bucket;

		rc = find_bucket(span_of(at.key), &at, &bucket, err);
		if (rc)
			break;
		if (rates_has(&draft->head, bucket) || draft->loans.from[bucket])
			return document_refuse(&at, err, "each bucket once");
		if (is_loan(value)) {
			rc = parse_loan(value, &at, &draft->loans.from[bucket], err);
			continue;
		}
		rc = parse_rate(value, group, &at, &draft->yocto[bucket], err);
		draft->head.rated |= UINT64_C(1) << bucket;
	}
	return rc;
}

/* The file's own rates and loans hold only where the entry says nothing; loans, where the lender
 * has a rate: its own, or one that it borrowed itself and stands before it in the table of buckets.
 */
static void borrow_by_file(const struct rates_loans *loans, struct draft *draft)
{
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		int lender = loans->from[i] - 1;
		bool is_common = loans->rated >> i & 1;

		if (rates_has(&draft->head, (unsigned)i) ||
		    (!is_common && (lender < 0 || !rates_has(&draft->head, (unsigned)lender))))
			continue;
		draft->yocto[i] = is_common ? loans->yocto[i] : draft->yocto[lender];
		draft->head.rated |= UINT64_C(1) << i;
	}
}

static int parse_groups(const json_t *entry, const struct rates_loans *loans,
			const struct document_place *at, struct draft *draft, struct err *err)
{
	uint64_t own;
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(groups) / sizeof(groups[0]); i++)
		rc = parse_group(entry, &groups[i], at, draft, err);
	if (rc)
		return rc;
	own = draft->head.rated;
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		int lender = draft->loans.from[i] - 1;

		if (lender < 0)
			continue;
		if (!(own >> lender & 1))
			return document_refuse(
			    at, err,
			    "after = a bucket with a rate of its own in the same "
			    "entry");
		draft->yocto[i] = draft->yocto[lender];
		draft->head.rated |= UINT64_C(1) << i;
	}
	if (!draft->head.rated)
		return document_refuse(at, err, "a rate in per_million or per_unit");
	borrow_by_file(loans, draft);
	return 0;
}

static int parse_from(const json_t *entry, const struct document_place *at, struct rates *rates,
		      struct err *err)
{
	struct document_place here = document_member(at, "from");
	const json_t *value = json_object_get(entry, "from");
	struct span text = { json_string_value(value), json_string_length(value) };

	if (text.len != sizeof(rates->from) - 1 || timestamp_parse(text, &rates->from_ns) < 0)
		return document_refuse(&here, err, "a date such as \"2025-08-07\"");
	span_copy(text, rates->from, sizeof(rates->from));
	return 0;
}

/* "input_over": strictly more; "input_from": that many or more, as xAI bills. */
static int parse_step(const json_t *entry, const struct document_place *at, struct rates *rates,
		      struct err *err)
{
	const json_t *over = json_object_get(entry, "input_over");
	const json_t *from = json_object_get(entry, "input_from");
	struct document_place here = document_member(at, over ? "input_over" : "input_from");
	const json_t *step = over ? over : from;

	rates->input_over = -1;
	if (!step)
		return 0;
	if (over && from)
		return document_refuse(&here, err, "input_over or input_from, not both");
	if (json_integer_value(step) <= 0)
		return document_refuse(&here, err, "a whole number of tokens over 0");
	rates->input_over = json_integer_value(step) - (from ? 1 : 0);
	return 0;
}

static int parse_tier(const json_t *entry, const struct document_place *at, struct rates *rates,
		      struct err *err)
{
	struct span tier;
	int rc;

	if (!json_object_get(entry, "tier"))
		return 0;
	rc = document_text(entry, "tier", at, RATES_TIER_MAX - 1, &tier, err);
	if (!rc)
		span_copy(tier, rates->tier, sizeof(rates->tier));
	return rc;
}

/* "minimum": { "audio_seconds": 10 }: what a call is billed for at the least; "maximum" alike. */
static int parse_bound(const json_t *entry, const char *key, const struct document_place *parent,
		       int64_t *ret_count, uint8_t *ret_bucket, struct err *err)
{
	struct document_place bound_at = document_member(parent, key);
	json_t *bound = json_object_get(entry, key);
	void *only = json_object_iter(bound);
	enum usage_bucket bucket;
	struct document_place at;
	int rc;

	if (!bound)
		return 0;
	if (json_object_size(bound) != 1)
		return document_refuse(&bound_at, err, "an object of one bucket: count");
	at = document_member(&bound_at, json_object_iter_key(only));
	rc = find_bucket(span_of(at.key), &at, &bucket, err);
	if (rc)
		return rc;
	*ret_count = json_integer_value(json_object_iter_value(only));
	*ret_bucket = (uint8_t)bucket;
	return *ret_count > 0 ? 0 : document_refuse(&at, err, "a whole number over 0");
}

/* The rates of the draft, each that occurs once, behind its head. */
static const struct rates *keep(const struct draft *draft, struct pool *pool)
{
	union {
		struct rates rates;
		char room[sizeof(struct rates) + USAGE_BUCKET_MAX * (sizeof(money_wide) + 1)];
	} made = { .room = { 0 } };
	uint8_t places[USAGE_BUCKET_MAX];
	struct rates *rates = &made.rates;
	unsigned n = 0;

	memcpy(rates, &draft->head, offsetof(struct rates, yocto));
	for (unsigned i = 0; i < USAGE_BUCKET_MAX; i++) {
		uint8_t place = 0;

		if (!rates_has(rates, i))
			continue;
		while (place < rates->n && rates->yocto[place] != draft->yocto[i])
			place++;
		rates->yocto[place] = draft->yocto[i];
		rates->n += place == rates->n;
		places[n++] = place;
	}
	memcpy(&rates->yocto[rates->n], places, n);
	return pool_keep(pool, rates, offsetof(struct rates, yocto[rates->n]) + n);
}

int rates_parse(const json_t *entry, const struct rates_loans *loans,
		const struct document_place *at, struct pool *pool, const struct rates **ret_rates,
		struct err *err)
{
	struct draft draft = { 0 };
	const struct rates *rates;
	int rc;

	rc = document_object(entry, at, rates_keys, err);
	if (!rc)
		rc = parse_from(entry, at, &draft.head, err);
	if (!rc)
		rc = parse_tier(entry, at, &draft.head, err);
	if (!rc)
		rc = parse_step(entry, at, &draft.head, err);
	if (!rc)
		rc = hours_parse(entry, at, &draft.head, err);
	if (!rc)
		rc = parse_bound(entry, "minimum", at, &draft.head.least, &draft.head.least_bucket,
				 err);
	if (!rc)
		rc = parse_bound(entry, "maximum", at, &draft.head.most, &draft.head.most_bucket,
				 err);
	if (!rc)
		rc = parse_groups(entry, loans, at, &draft, err);
	if (rc)
		return rc;
	rates = keep(&draft, pool);
	if (!rates)
		return err_set(err, -ENOMEM, "%s: out of memory", at->file);
	*ret_rates = rates;
	return 0;
}

bool rates_ascend(const struct rates *former, const struct rates *next)
{
	if (strcmp(former->tier, next->tier) != 0)
		return true;
	if (former->from_ns != next->from_ns)
		return former->from_ns < next->from_ns;
	if (former->input_over != next->input_over)
		return former->input_over < next->input_over;
	return hours_limited(next);
}
