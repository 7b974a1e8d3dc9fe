/* genai-prices' data.json: a list of providers, each with models that are found by clauses and have
 * rates by date, by hour, by step (on the whole call, strictly over it) and by variant. USD a
 * million tokens, a thousand units or an hour. Of its clauses those are taken that name a model or
 * its beginning; the beginning is then a name like any other (see family.h for what may follow). */
#include "price/import.h"
#include "price/slots.h"

#include <stdio.h>
#include <string.h>

#define MILLION  1000000
#define THOUSAND 1000

struct rate_key {
	const char *name, *bucket;
	int units;
};

/* To add a rate: a row. */
static const struct rate_key rate_keys[] = {
	{ "input_mtok", "input", MILLION },
	{ "output_mtok", "output", MILLION },
	{ "cache_read_mtok", "input_cache_read", MILLION },
	{ "cache_write_mtok", "input_cache_write", MILLION },
	{ "cache_write_1h_mtok", "input_cache_write_1h", MILLION },
	{ "input_audio_mtok", "input_audio", MILLION },
	{ "cache_audio_read_mtok", "input_audio_cache_read", MILLION },
	{ "output_audio_mtok", "output_audio", MILLION },
	{ "input_image_mtok", "input_image", MILLION },
	{ "cache_image_read_mtok", "input_image_cache_read", MILLION },
	{ "output_image_mtok", "output_image", MILLION },
	{ "output_reasoning_mtok", "output_reasoning", MILLION },
	{ "requests_kcount", "requests", THOUSAND },
	{ "web_searches_kcount", "web_searches", THOUSAND },
	{ "storage_searches_kcount", "file_searches", THOUSAND },
	{ "input_document_kpages", "pages", THOUSAND },
	{ "input_mchars", "characters", MILLION },
	{ "audio_hours", "audio_seconds", SLOTS_HOUR },
	{ "input_audio_hours", "audio_seconds", SLOTS_HOUR },
};

static struct span text_of(const json_t *value)
{
	return (struct span){ json_string_value(value), json_string_length(value) };
}

static void put_price(struct slots *slots, const struct slot_key *at, const struct rate_key *rate,
		      const json_t *price)
{
	const json_t *tiers = json_object_get(price, "tiers");

	if (!json_is_object(price)) {
		slots_put(slots, at, rate->bucket, text_of(price), rate->units);
		return;
	}
	slots_put(slots, at, rate->bucket, text_of(json_object_get(price, "base")), rate->units);
	for (size_t i = 0; i < json_array_size(tiers); i++) {
		const json_t *tier = json_array_get(tiers, i);
		struct slot_key step = *at;

		if (sscanf(json_string_value(json_object_get(tier, "start")) ?: "", "%lld",
			   &step.over) == 1)
			slots_put(slots, &step, rate->bucket,
				  text_of(json_object_get(tier, "price")), rate->units);
	}
}

static void put_prices(struct slots *slots, const struct slot_key *at, const json_t *prices)
{
	for (size_t i = 0; i < sizeof(rate_keys) / sizeof(rate_keys[0]); i++) {
		const json_t *price = json_object_get(prices, rate_keys[i].name);

		if (price)
			put_price(slots, at, &rate_keys[i], price);
	}
}

/* The last date on which a price of the list begins: prices by the hour came with it. */
static const char *last_date(const json_t *list)
{
	const char *last = IMPORT_SINCE_EVER;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *when = json_object_get(json_array_get(list, i), "constraint");
		const char *date = json_string_value(json_object_get(when, "start_date"));

		if (date && strcmp(date, last) > 0)
			last = date;
	}
	return last;
}

/* One price under its constraint; `hours` is room for its text. */
static void put_when(struct slots *slots, const char *tier, const json_t *when, const char *last,
		     const json_t *prices)
{
	const char *date = json_string_value(json_object_get(when, "start_date"));
	const char *begin = json_string_value(json_object_get(when, "start_time"));
	const char *end = json_string_value(json_object_get(when, "end_time"));
	struct slot_key key = { tier, date ? date : IMPORT_SINCE_EVER, "", 0 };
	char hours[12];

	if (begin && end) {
		snprintf(hours, sizeof(hours), "%.5s-%.5s", begin, end);
		key.hours = hours;
		key.from = last;
	}
	put_prices(slots, &key, prices);
}

static void put_standard(struct slots *slots, const json_t *prices)
{
	const char *last = last_date(prices);

	if (json_is_object(prices))
		put_when(slots, "", NULL, last, prices);
	for (size_t i = 0; i < json_array_size(prices); i++) {
		const json_t *one = json_array_get(prices, i);

		put_when(slots, "", json_object_get(one, "constraint"), last,
			 json_object_get(one, "prices"));
	}
}

/* The tier that a variant is for, in our words; NULL: one that no call tells. */
static const char *tier_of(const json_t *when)
{
	const char *tier = json_string_value(json_object_get(when, "processing"));

	if (!tier)
		tier = json_string_value(json_object_get(when, "service_tier"));
	if (!tier)
		tier = json_string_value(json_object_get(when, "speed"));
	return tier && strcmp(tier, "default") != 0 ? tier : NULL;
}

static void put_variants(struct slots *slots, const json_t *variants)
{
	for (size_t i = 0; i < json_array_size(variants); i++) {
		const json_t *one = json_array_get(variants, i);
		const char *tier = tier_of(json_object_get(one, "when"));

		if (tier)
			put_when(slots, tier, json_object_get(one, "constraint"), IMPORT_SINCE_EVER,
				 json_object_get(one, "prices"));
	}
}

static void put_names(json_t *names, const json_t *clause)
{
	static const char *const keys[] = { "equals", "starts_with", "contains" };
	const json_t * or = json_object_get(clause, "or");

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(clause, keys[i]))
			json_array_append(names, json_object_get(clause, keys[i]));
	for (size_t i = 0; i < json_array_size(or); i++)
		put_names(names, json_array_get(or, i));
}

static int read_model(const json_t *entry, const char *provider, struct import_table *table)
{
	const char *model = json_string_value(json_object_get(entry, "id")) ?: "";
	struct slots slots = { .n = 0 };
	json_t *names = json_array();

	put_standard(&slots, json_object_get(entry, "prices"));
	put_variants(&slots, json_object_get(entry, "price_variants"));
	slots_inherit(&slots);
	put_names(names, json_object_get(entry, "match"));
	return import_add(table, provider, model, names, slots_finish(&slots), NULL);
}

int import_genai_read(const json_t *root, struct import_table *table)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < json_array_size(root); i++) {
		const json_t *provider = json_array_get(root, i);
		const char *theirs = json_string_value(json_object_get(provider, "id"));
		const json_t *models = json_object_get(provider, "models");
		const char *prefix;
		const char *ours;

		ours = theirs ? import_provider_of("genai-prices", theirs, &prefix) : NULL;
		for (size_t k = 0; ours && !rc && k < json_array_size(models); k++)
			rc = read_model(json_array_get(models, k), ours, table);
	}
	return rc;
}
