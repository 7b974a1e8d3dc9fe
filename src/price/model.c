/* Which rates hold for a call, and the sum. The whole call is priced by one entry: a later date or
 * a longer input replaces all of its rates, never some. */
#include "price/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "price/catalog.h"

static const char *const model_keys[] = { "model", "aliases", "rates", NULL };

/* --- loading */

static int parse_rates(const json_t *list, struct model *model,
		       const struct document_place *entry_at, struct err *err)
{
	struct document_place at = document_member(entry_at, "rates");

	for (unsigned i = 0; i < json_array_size(list); i++) {
		struct document_place here = document_element(&at, i);
		struct rates *rates = &model->rates[i];
		int rc;

		rc = rates_parse(json_array_get(list, i), &here, rates, err);
		if (rc)
			return rc;
		for (unsigned k = 0; k < i; k++)
			if (!rates_ascend(&model->rates[k], rates))
				return document_refuse(&here, err,
						       "a later date, or a higher input_over, than "
						       "the entry of this tier above");
		model->n_rates++;
	}
	return 0;
}

int model_parse(const json_t *entry, struct span catalog, const struct document_place *at,
		struct model **ret_model, struct err *err)
{
	FREE_PTR struct model *model = NULL;
	const json_t *rates = NULL;
	struct span name;
	int rc;

	rc = document_object(entry, at, model_keys, err);
	if (!rc)
		rc = document_text(entry, "model", at, MODEL_NAME_BYTES - 1, &name, err);
	if (!rc)
		rc = document_array(entry, "rates", at, 1, CATALOG_RATES_MAX, &rates, err);
	if (rc)
		return rc;
	model = calloc(1, sizeof(*model) + json_array_size(rates) * sizeof(model->rates[0]));
	if (!model)
		return err_set(err, -ENOMEM, "%s: out of memory", at->file);
	span_copy(catalog, model->catalog, sizeof(model->catalog));
	span_copy(name, model->name, sizeof(model->name));
	rc = parse_rates(rates, model, at, err);
	if (!rc)
		*ret_model = TAKE_PTR(model);
	return rc;
}

/* --- pricing */

/* What OpenAI and others echo for the price list's first column. */
static const char *tier_of(const struct usage *usage)
{
	static const char *const standard[] = { "default", "auto", "standard" };

	for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++)
		if (strcmp(usage->service_tier, standard[i]) == 0)
			return "";
	return usage->service_tier;
}

/* The tokens that carry an input price decide between short and long input: all of `input*`, which
 * the table of buckets lists first. */
static int64_t input_tokens(const struct usage *usage)
{
	int64_t sum = 0;

	for (int i = 0; i < USAGE_OUTPUT; i++)
		if (usage->present & 1u << i && __builtin_add_overflow(sum, usage->counts[i], &sum))
			return INT64_MAX;
	return sum;
}

/* The last date of the tier that is not after the start of the call, and of that date the highest
 * step that the input is over. The list ascends, so the last one that fits is the one; steps of a
 * former date are left behind by a later date, whose own first entry may have none. */
static const struct rates *in_force(const struct model *model, const struct usage *usage,
				    const char *tier, enum price_doubt *ret_doubt_if_none)
{
	int64_t input = input_tokens(usage);
	const struct rates *found = NULL;

	*ret_doubt_if_none = PRICE_DOUBT_NO_RATE;
	for (unsigned i = 0; i < model->n_rates; i++) {
		const struct rates *rates = &model->rates[i];

		if (strcmp(rates->tier, tier) != 0)
			continue;
		if (rates->from_ns > usage->time_start_ns)
			*ret_doubt_if_none = PRICE_DOUBT_DATE;
		else if (rates->input_over < 0 || input > rates->input_over)
			found = rates;
	}
	return found;
}

static enum price_doubt add_up(const struct rates *rates, struct charge *charge)
{
	const struct usage *usage = &charge->usage;
	money_wide sum_yocto = 0;

	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		if (!(usage->present & 1u << i) || usage->counts[i] == 0)
			continue;
		if (usage->counts[i] < 0)
			return PRICE_DOUBT_OVERFLOW;
		if (!(rates->rated & 1u << i))
			return PRICE_DOUBT_NO_RATE;
		if (money_accumulate(&sum_yocto, usage->counts[i], rates->yocto[i]) < 0)
			return PRICE_DOUBT_OVERFLOW;
		charge->rates_yocto[i] = rates->yocto[i];
		charge->rated |= 1u << i;
	}
	if (money_round_pico(sum_yocto, &charge->cost_pico) < 0)
		return PRICE_DOUBT_OVERFLOW;
	return PRICE_DOUBT_NONE;
}

static void say_context(const struct rates *rates, const char *tier, struct charge *charge)
{
	size_t size = sizeof(charge->context), n = 0;

	if (tier[0])
		n = (size_t)snprintf(charge->context, size, "tier=%s", tier);
	if (rates && rates->input_over >= 0)
		snprintf(charge->context + n, size - n, "%sinput>%lld", n ? " " : "",
			 (long long)rates->input_over);
}

void model_price(const struct model *model, struct charge *charge)
{
	const char *tier = tier_of(&charge->usage);
	const struct rates *rates;

	memcpy(charge->catalog, model->catalog, sizeof(charge->catalog));
	memcpy(charge->matched, model->name, sizeof(charge->matched));
	rates = in_force(model, &charge->usage, tier, &charge->doubt);
	say_context(rates, tier, charge);
	if (!rates)
		return;
	memcpy(charge->effective_from, rates->from, sizeof(charge->effective_from));
	charge->doubt = add_up(rates, charge);
	if (!charge->doubt)
		charge->source = COST_CATALOG;
}
