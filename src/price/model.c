/* Which rates hold for a call, and the sum. The whole call is priced by one entry: a later date or
 * a longer input replaces all of its rates, never some. */
#include "price/model.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "price/catalog.h"
#include "price/hours.h"
#include "price/pool.h"

#define SOURCE_BYTES_MAX 200

static const char *const model_keys[] = { "model",      "aliases", "source", "uplifts",
					  "allowances", "rates",   NULL };

/* --- loading */

static int parse_rates(const json_t *list, struct model *model, struct pool *pool,
		       const struct document_place *entry_at, struct err *err)
{
	struct document_place at = document_member(entry_at, "rates");

	for (unsigned i = 0; i < json_array_size(list); i++) {
		struct document_place here = document_element(&at, i);
		int rc;

		rc = rates_parse(json_array_get(list, i), &model->book->loans, &here, pool,
				 &model->rates[i], err);
		if (rc)
			return rc;
		model->n_rates++;
		for (unsigned k = 0; k < i; k++)
			if (!rates_ascend(model->rates[k], model->rates[i]))
				return document_refuse(&here, err,
						       "a later date, or a higher input_over, than "
						       "the entry of this tier above");
	}
	return 0;
}

/* "5000 per month" */
static bool is_allowance(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && text[0] != '0' &&
	       (strcmp(text + digits, " per day") == 0 || strcmp(text + digits, " per month") == 0);
}

static int parse_allowances(const json_t *entry, const struct document_place *parent,
			    struct model *model, struct err *err)
{
	struct document_place list_at = document_member(parent, "allowances");
	json_t *list = json_object_get(entry, "allowances");

	if (list && !json_is_object(list))
		return document_refuse(&list_at, err, "an object of bucket: \"N per month\"");
	for (void *i = json_object_iter(list); i; i = json_object_iter_next(list, i)) {
		struct document_place at = document_member(&list_at, json_object_iter_key(i));
		enum usage_bucket bucket;

		if (usage_bucket_find(span_of(at.key), &bucket) < 0 ||
		    !is_allowance(json_string_value(json_object_iter_value(i)) ?: ""))
			return document_refuse(&at, err,
					       "a bucket and \"N per day\" or \"N per month\"");
		model->allowed |= UINT64_C(1) << bucket;
	}
	return 0;
}

static const char *keep_text(struct arena *arena, struct span text)
{
	char *copy = arena_alloc(arena, text.len + 1, 1);

	if (copy)
		span_copy(text, copy, text.len + 1);
	return copy;
}

static struct model *new_model(struct span name, const struct book *book, size_t n_rates,
			       struct arena *arena)
{
	struct model *model = arena_alloc(arena, sizeof(*model) + n_rates * sizeof(model->rates[0]),
					  _Alignof(struct model));

	if (!model)
		return NULL;
	model->book = book;
	model->name = keep_text(arena, name);
	model->source = book->source;
	return model->name ? model : NULL;
}

static int parse_source(const json_t *entry, const struct document_place *at, struct model *model,
			struct arena *arena, struct err *err)
{
	struct span source;
	int rc;

	if (!json_object_get(entry, "source"))
		return 0;
	rc = document_text(entry, "source", at, SOURCE_BYTES_MAX, &source, err);
	if (rc)
		return rc;
	model->source = keep_text(arena, source);
	return model->source ? 0 : err_set(err, -ENOMEM, "%s: out of memory", at->file);
}

int model_parse(const json_t *entry, const struct book *book, struct pool *pool,
		const struct document_place *at, struct model **ret_model, struct err *err)
{
	const json_t *rates = NULL;
	struct model *model;
	struct span name;
	int rc;

	rc = document_object(entry, at, model_keys, err);
	if (!rc)
		rc = document_text(entry, "model", at, MODEL_NAME_BYTES - 1, &name, err);
	if (!rc)
		rc = document_array(entry, "rates", at, 1, CATALOG_RATES_MAX, &rates, err);
	if (rc)
		return rc;
	model = new_model(name, book, json_array_size(rates), pool->arena);
	if (!model)
		return err_set(err, -ENOMEM, "%s: out of memory", at->file);
	rc = parse_source(entry, at, model, pool->arena, err);
	if (!rc)
		rc = parse_allowances(entry, at, model, err);
	if (!rc)
		rc = uplift_parse(entry, at, pool->arena, &model->uplifts, err);
	if (!rc)
		rc = parse_rates(rates, model, pool, at, err);
	if (!rc)
		*ret_model = model;
	return rc;
}

/* --- pricing */

/* What OpenAI and others echo for the price list's first column. */
static const char *tier_of(const struct usage *usage)
{
	static const char *const standard[] = { "default", "auto", "standard", "on_demand",
						"ON_DEMAND" };

	for (size_t i = 0; usage->service_tier[0] && i < sizeof(standard) / sizeof(standard[0]);
	     i++)
		if (strcmp(usage->service_tier, standard[i]) == 0)
			return "";
	return usage->service_tier;
}

/* The tokens that carry an input price decide between short and long input: all of `input*`, which
 * the table of buckets lists first. */
static int64_t input_tokens(const struct usage *usage)
{
	int64_t sum = 0;

	for (uint64_t left = usage->present & (USAGE_BIT(USAGE_OUTPUT) - 1); left; left &= left - 1)
		if (__builtin_add_overflow(sum, usage->counts[__builtin_ctzll(left)], &sum))
			return INT64_MAX;
	return sum;
}

/* Whether hours or a step of `rates` take the call in. */
static bool fits(const struct model *model, const struct rates *rates, int64_t input,
		 int64_t time_ns)
{
	if (rates->input_over >= 0 && input <= rates->input_over)
		return false;
	return hours_hold(rates, &model->book->holidays, time_ns);
}

int64_t model_first_ns(const struct model *model, const char *tier)
{
	int64_t first = INT64_MIN;

	for (unsigned i = model->n_rates; i-- > 0 && !model->book->contracted;)
		if (strcmp(model->rates[i]->tier, tier) == 0)
			first = model->rates[i]->from_ns;
	return first;
}

/* The last date of the tier that is not after the start of the call, and of that date the highest
 * step that the input is over. The list ascends, so the last one that fits is the one; steps of a
 * former date are left behind by a later date, whose own first entry may have none. */
static const struct rates *in_force(const struct model *model, const struct usage *usage,
				    const char *tier, enum price_doubt *ret_doubt_if_none)
{
	int64_t input = input_tokens(usage), first = model_first_ns(model, tier);
	int64_t at_ns = usage->time_start_ns > first ? usage->time_start_ns : first;
	const struct rates *found = NULL;

	*ret_doubt_if_none = PRICE_DOUBT_NO_RATE;
	for (unsigned i = 0; i < model->n_rates; i++) {
		const struct rates *rates = model->rates[i];

		if (strcmp(rates->tier, tier) != 0)
			continue;
		if (rates->from_ns > at_ns)
			*ret_doubt_if_none = PRICE_DOUBT_DATE;
		else if (fits(model, rates, input, usage->time_start_ns))
			found = rates;
	}
	return found;
}

static int64_t billed(const struct rates *rates, unsigned bucket, int64_t count)
{
	if (bucket == rates->least_bucket && count < rates->least)
		return rates->least;
	return rates->most && bucket == rates->most_bucket && count > rates->most ? rates->most
										  : count;
}

/* Tokens alone are dearer in a region. */
static money_wide rate_for(const struct rates *rates, const struct uplift *uplift, unsigned bucket)
{
	money_wide rate = rates_of(rates, bucket);

	return uplift && bucket < USAGE_REQUESTS ? uplift_rate(uplift, rate) : rate;
}

static enum price_doubt add_up(const struct rates *rates, const struct uplift *uplift,
			       struct charge *charge)
{
	const struct usage *usage = &charge->usage;
	money_wide sum_yocto = 0;

	for (uint64_t left = usage->present & ~USAGE_BIT(USAGE_UNBILLED_CACHE_READ); left;
	     left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);

		if (usage->counts[i] == 0)
			continue;
		if (usage->counts[i] < 0)
			return PRICE_DOUBT_OVERFLOW;
		if (!rates_has(rates, i))
			return PRICE_DOUBT_NO_RATE;
		charge->rates_yocto[i] = rate_for(rates, uplift, i);
		charge->rated |= UINT64_C(1) << i;
		if (money_accumulate(&sum_yocto, billed(rates, i, usage->counts[i]),
				     charge->rates_yocto[i]) < 0)
			return PRICE_DOUBT_OVERFLOW;
	}
	if (money_round_pico(sum_yocto, &charge->cost_pico) < 0)
		return PRICE_DOUBT_OVERFLOW;
	return PRICE_DOUBT_NONE;
}

void model_context(const struct rates *rates, const char *tier, struct charge *charge)
{
	const int64_t *counts = charge->usage.counts;

	if (tier[0])
		charge_put_context(charge, "tier=%s", tier);
	if (rates && rates->input_over >= 0)
		charge_put_context(charge, "input>%lld", (long long)rates->input_over);
	if (rates && rates->begin_minute != rates->end_minute)
		charge_put_context(charge, "hours=%02u:%02u-%02u:%02u", rates->begin_minute / 60,
				   rates->begin_minute % 60, rates->end_minute / 60,
				   rates->end_minute % 60);
	if (rates && rates->weekdays)
		charge_put_context(charge, "weekdays");
	if (rates && counts[rates->least_bucket] > 0 && counts[rates->least_bucket] < rates->least)
		charge_put_context(charge, "minimum=%s:%lld",
				   usage_bucket_name(rates->least_bucket), (long long)rates->least);
	if (rates && rates->most && counts[rates->most_bucket] > rates->most)
		charge_put_context(charge, "maximum=%s:%lld", usage_bucket_name(rates->most_bucket),
				   (long long)rates->most);
}

/* The name of a gateway's server says nothing of where its calls are served. */
static const struct uplift *uplift_for(const struct model *model, const struct usage *usage)
{
	const struct uplift *uplift = uplift_of(model->uplifts, usage);
	bool relayed = strcmp(usage->provider, model->book->provider) != 0;

	return uplift && uplift->server && relayed ? NULL : uplift;
}

void model_price(const struct model *model, struct charge *charge)
{
	const struct uplift *uplift = uplift_for(model, &charge->usage);
	const char *tier = tier_of(&charge->usage);
	const struct rates *rates;

	span_copy(span_of(model->book->name), charge->catalog, sizeof(charge->catalog));
	span_copy(span_of(model->name), charge->matched, sizeof(charge->matched));
	rates = in_force(model, &charge->usage, tier, &charge->doubt);
	model_context(rates, tier, charge);
	if (!rates)
		return;
	memcpy(charge->effective_from, rates->from, sizeof(charge->effective_from));
	if (uplift)
		charge_put_context(charge, "%s%s%.20s x%s", uplift->server ? "server" : "region",
				   uplift->other ? "!=" : "=", uplift->value, uplift->text);
	charge->doubt = add_up(rates, uplift, charge);
	if (charge->rated & model->allowed)
		charge_put_context(charge, "allowance");
	if (!charge->doubt)
		charge->source = charge->rated & (model->allowed | charge->usage.estimated)
				     ? COST_ESTIMATED
				     : COST_CATALOG;
}
