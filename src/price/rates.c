/* JSON -> struct rates. Every rate is decimal text and stays an exact integer: a number of JSON
 * would pass through binary floating point, so it is refused. What a bucket borrows by "=other" is
 * resolved here, once, so that pricing is a plain sum. */
#include "price/rates.h"

#include <errno.h>

#include "base/timestamp.h"

static const char *const rates_keys[] = { "from",        "tier",     "input_over",
					  "per_million", "per_unit", NULL };

static int parse_rate(const json_t *value, int digits, const struct document_place *at,
		      money_wide *ret_yocto, struct err *err)
{
	struct span text = { json_string_value(value), json_string_length(value) };
	money_wide limit = RATE_USD_MAX, yocto;
	int rc;

	if (!json_is_string(value))
		return document_refuse(at, err,
				       "decimal text such as \"0.15\" (in quotes, so that it is "
				       "exact)");
	rc = money_parse(text, digits, &yocto);
	if (rc == -EINVAL)
		return document_refuse(at, err, "decimal text such as \"0.15\"");
	for (int i = 0; i < digits; i++)
		limit *= 10;
	if (rc || yocto < 0 || yocto > limit)
		return document_refuse(at, err,
				       "a rate from 0 to 1000000 USD, of at most 18 decimals a "
				       "million or 24 a unit");
	*ret_yocto = yocto;
	return 0;
}

static int find_bucket(struct span name, const struct document_place *at,
		       enum usage_bucket *ret_bucket, struct err *err)
{
	if (usage_bucket_find(name, ret_bucket) < 0)
		return document_refuse(at, err, "the name of a bucket, such as input_cache_read");
	return 0;
}

/* One of the two objects of rates; `=` entries wait in `borrowed`, as a bucket + 1. */
static int parse_group(const json_t *entry, const char *key, int digits,
		       const struct document_place *parent, struct rates *rates,
		       uint8_t borrowed[static USAGE_BUCKET_MAX], struct err *err)
{
	struct document_place group_at = document_member(parent, key);
	json_t *group = json_object_get(entry, key);
	int rc = 0;

	if (group && !json_is_object(group))
		return document_refuse(&group_at, err, "an object of bucket: rate");
	for (void *i = json_object_iter(group); i && !rc; i = json_object_iter_next(group, i)) {
		struct document_place at = document_member(&group_at, json_object_iter_key(i));
		struct span text = span_of(json_string_value(json_object_iter_value(i)));
		enum usage_bucket bucket, base;

		rc = find_bucket(span_of(at.key), &at, &bucket, err);
		if (rc)
			break;
		if (rates->rated & 1u << bucket || borrowed[bucket])
			return document_refuse(&at, err, "each bucket once");
		if (text.len && text.ptr[0] == '=') {
			rc = find_bucket(span_skip(text, 1), &at, &base, err);
			borrowed[bucket] = (uint8_t)(rc ? 0 : base + 1);
			continue;
		}
		rc = parse_rate(json_object_iter_value(i), digits, &at, &rates->yocto[bucket], err);
		rates->rated |= 1u << bucket;
	}
	return rc;
}

static int parse_groups(const json_t *entry, const struct document_place *at, struct rates *rates,
			struct err *err)
{
	uint8_t borrowed[USAGE_BUCKET_MAX] = { 0 };
	uint32_t own;
	int rc;

	/* A rate a million in 10^-18 USD is the same integer as one a unit in 10^-24 USD. */
	rc = parse_group(entry, "per_million", MONEY_YOCTO_DIGITS - 6, at, rates, borrowed, err);
	if (!rc)
		rc = parse_group(entry, "per_unit", MONEY_YOCTO_DIGITS, at, rates, borrowed, err);
	if (rc)
		return rc;
	own = rates->rated;
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		if (!borrowed[i])
			continue;
		if (!(own & 1u << (borrowed[i] - 1)))
			return document_refuse(
			    at, err,
			    "after = a bucket with a rate of its own in the same "
			    "entry");
		rates->yocto[i] = rates->yocto[borrowed[i] - 1];
		rates->rated |= 1u << i;
	}
	if (!rates->rated)
		return document_refuse(at, err, "a rate in per_million or per_unit");
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

static int parse_conditions(const json_t *entry, const struct document_place *at,
			    struct rates *rates, struct err *err)
{
	struct document_place here = document_member(at, "input_over");
	const json_t *over = json_object_get(entry, "input_over");
	struct span tier;
	int rc;

	if (json_object_get(entry, "tier")) {
		rc = document_text(entry, "tier", at, RATES_TIER_MAX - 1, &tier, err);
		if (rc)
			return rc;
		span_copy(tier, rates->tier, sizeof(rates->tier));
	}
	if (over && json_integer_value(over) <= 0)
		return document_refuse(&here, err, "a whole number of tokens over 0");
	rates->input_over = over ? json_integer_value(over) : -1;
	return 0;
}

int rates_parse(const json_t *entry, const struct document_place *at, struct rates *ret_rates,
		struct err *err)
{
	struct rates rates = { .input_over = -1 };
	int rc;

	rc = document_object(entry, at, rates_keys, err);
	if (!rc)
		rc = parse_from(entry, at, &rates, err);
	if (!rc)
		rc = parse_conditions(entry, at, &rates, err);
	if (!rc)
		rc = parse_groups(entry, at, &rates, err);
	if (!rc)
		*ret_rates = rates;
	return rc;
}

bool rates_ascend(const struct rates *former, const struct rates *next)
{
	if (strcmp(former->tier, next->tier) != 0)
		return true;
	return former->from_ns < next->from_ns ||
	       (former->from_ns == next->from_ns && former->input_over < next->input_over);
}
