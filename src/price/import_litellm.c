/* LiteLLM's model_prices_and_context_window.json: one flat object, a model a key, a rate a member
 * whose name says what, over which step and in which tier. USD a single unit. It knows no dates,
 * and a price of 0 for everything means that nobody knows. */
#include "price/import.h"
#include "price/slots.h"

#include <stdlib.h>
#include <string.h>

struct rate_key {
	const char *name, *bucket;
};

/* To add a rate: a row. Steps and tiers follow by themselves. */
static const struct rate_key rate_keys[] = {
	{ "input_cost_per_token", "input" },
	{ "output_cost_per_token", "output" },
	{ "cache_read_input_token_cost", "input_cache_read" },
	{ "cache_creation_input_token_cost", "input_cache_write" },
	{ "cache_creation_input_token_cost_above_1hr", "input_cache_write_1h" },
	{ "cache_creation_input_token_cost_above_12hr", "input_cache_write_12h" },
	{ "input_cost_per_audio_token", "input_audio" },
	{ "cache_read_input_audio_token_cost", "input_audio_cache_read" },
	{ "output_cost_per_audio_token", "output_audio" },
	{ "input_cost_per_image_token", "input_image" },
	{ "cache_read_input_image_token_cost", "input_image_cache_read" },
	{ "output_cost_per_image_token", "output_image" },
	{ "output_cost_per_reasoning_token", "output_reasoning" },
	{ "input_cost_per_request", "requests" },
	{ "input_cost_per_query", "search_units" },
	{ "input_cost_per_second", "audio_seconds" },
	{ "input_cost_per_character", "characters" },
	{ "output_cost_per_image", "images" },
	{ "ocr_cost_per_page", "pages" },
	{ "code_interpreter_cost_per_session", "code_sessions" },
};

static const struct {
	const char *suffix, *tier;
} tiers[] = {
	{ "", "" },          { "_batches", "batch" },
	{ "_flex", "flex" }, { "_priority", "priority" },
	{ "_fast", "fast" }, { "_ultrafast", "ultrafast" },
};

/* Providers that bill the long price from the step on, not above it. */
static bool is_inclusive(const char *provider)
{
	return strcmp(provider, "xai") == 0;
}

/* "_above_200k_tokens_flex": what follows the name of a rate. False: it is another rate. */
static bool parse_suffix(const char *rest, struct slot_key *key)
{
	static const char above[] = "_above_", tokens[] = "k_tokens";

	if (strncmp(rest, above, sizeof(above) - 1) == 0) {
		char *end;
		long thousands = strtol(rest + sizeof(above) - 1, &end, 10);

		if (thousands <= 0 || thousands > 100000 ||
		    strncmp(end, tokens, sizeof(tokens) - 1) != 0)
			return false;
		key->over = thousands * 1000;
		rest = end + sizeof(tokens) - 1;
	}
	for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
		if (strcmp(rest, tiers[i].suffix) != 0)
			continue;
		key->tier = tiers[i].tier;
		return true;
	}
	return false;
}

/* `over`: the step that the rate is for by its place, 0 or as its name says. */
static void put_rate(struct slots *slots, const char *provider, const char *name, json_int_t over,
		     const json_t *value)
{
	struct span number = { json_string_value(value), json_string_length(value) };

	for (size_t i = 0; i < sizeof(rate_keys) / sizeof(rate_keys[0]); i++) {
		struct slot_key key = { "", IMPORT_SINCE_EVER, "", over };
		size_t len = strlen(rate_keys[i].name);

		if (strncmp(name, rate_keys[i].name, len) != 0 || !parse_suffix(name + len, &key))
			continue;
		if (key.over && is_inclusive(provider))
			key.over--;
		slots_put(slots, &key, rate_keys[i].bucket, number, 1);
		return;
	}
}

/* Steps in a list: {"range": [32000, 128000], "input_cost_per_token": ...}, ascending. */
static void put_steps(struct slots *slots, const char *provider, const json_t *steps)
{
	for (size_t i = 0; i < json_array_size(steps); i++) {
		json_t *step = json_array_get(steps, i), *value;
		const char *from =
		    json_string_value(json_array_get(json_object_get(step, "range"), 0));
		const char *name;

		json_object_foreach(step, name, value)
		{
			if (from && json_is_string(value))
				put_rate(slots, provider, name, atoll(from), value);
		}
	}
}

/* A search of medium size is what callers get who ask for none. */
static void put_searches(struct slots *slots, const json_t *entry)
{
	const json_t *sizes = json_object_get(entry, "search_context_cost_per_query");
	const json_t *value = json_object_get(sizes, "search_context_size_medium");
	struct slot_key key = { "", IMPORT_SINCE_EVER, "", 0 };

	if (value)
		slots_put(slots, &key, "web_searches",
			  (struct span){ json_string_value(value), json_string_length(value) }, 1);
}

/* Where calls are dearer: our condition, and where the factor stands. To add one: a row. */
static const struct {
	const char *provider, *object, *name, *condition;
} uplift_keys[] = {
	{ "anthropic", "provider_specific_entry", "us", "region=us" },
	{ "openai", NULL, "fedramp_uplift_multiplier", "server=gov.api.openai.com" },
	{ "openai", NULL, "regional_processing_uplift_multiplier_eu", "server!=api.openai.com" },
	{ "vertex", NULL, "regional_endpoint_uplift_multiplier", "region!=global" },
};

/* NULL: none. */
static json_t *uplifts_of(const json_t *entry, const char *provider)
{
	json_t *uplifts = json_object();

	for (size_t i = 0; i < sizeof(uplift_keys) / sizeof(uplift_keys[0]); i++) {
		const char *object = uplift_keys[i].object;
		const json_t *holder = object ? json_object_get(entry, object) : entry;
		json_t *factor = json_object_get(holder, uplift_keys[i].name);

		if (strcmp(uplift_keys[i].provider, provider) == 0 && json_is_string(factor))
			json_object_set(uplifts, uplift_keys[i].condition, factor);
	}
	if (json_object_size(uplifts))
		return uplifts;
	json_decref(uplifts);
	return NULL;
}

static int read_model(const char *model, json_t *entry, const char *provider,
		      struct import_table *table)
{
	struct slots slots = { .n = 0 };
	const char *name;
	json_t *value;

	json_object_foreach(entry, name, value) if (json_is_string(value))
	    put_rate(&slots, provider, name, 0, value);
	put_steps(&slots, provider, json_object_get(entry, "tiered_pricing"));
	put_searches(&slots, entry);
	slots_inherit(&slots);
	return import_add(table, provider, model, json_array(), slots_finish(&slots),
			  uplifts_of(entry, provider));
}

int import_litellm_read(const json_t *root, struct import_table *table)
{
	const char *key;
	json_t *entry;
	int rc = 0;

	json_object_foreach((json_t *)root, key, entry)
	{
		const char *theirs = json_string_value(json_object_get(entry, "litellm_provider"));
		const char *prefix, *ours, *model = key;

		ours = theirs ? import_provider_of("litellm", theirs, &prefix) : NULL;
		if (!ours)
			continue;
		if (strncmp(model, prefix, strlen(prefix)) == 0)
			model += strlen(prefix);
		/* what is left of a path are regions and sizes, which no call names; what stands
		 * there under its plain name too is no other model */
		if (strcmp(ours, "bedrock") == 0 &&
		    (strchr(model, '/') || (model != key && json_object_get(root, model))))
			continue;
		rc = read_model(model, entry, ours, table);
		if (rc)
			break;
	}
	return rc;
}
