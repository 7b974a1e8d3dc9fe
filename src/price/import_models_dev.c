/* models.dev's api.json: providers by name, their models by name, and under "cost" USD a million
 * tokens, with one step or a list of them. It knows no dates and no tiers of service. */
#include "price/import.h"
#include "price/slots.h"

#include <stdio.h>

#define MILLION        1000000
#define STEP_OVER_200K 200000

static const struct {
	const char *name, *bucket;
} rate_keys[] = {
	{ "input", "input" },
	{ "output", "output" },
	{ "reasoning", "output_reasoning" },
	{ "cache_read", "input_cache_read" },
	{ "cache_write", "input_cache_write" },
	{ "input_audio", "input_audio" },
	{ "output_audio", "output_audio" },
};

static void put_cost(struct slots *slots, json_int_t over, const json_t *cost)
{
	struct slot_key key = { "", IMPORT_SINCE_EVER, "", over };

	for (size_t i = 0; i < sizeof(rate_keys) / sizeof(rate_keys[0]); i++) {
		const json_t *rate = json_object_get(cost, rate_keys[i].name);

		if (json_is_string(rate))
			slots_put(
			    slots, &key, rate_keys[i].bucket,
			    (struct span){ json_string_value(rate), json_string_length(rate) },
			    MILLION);
	}
}

static void put_steps(struct slots *slots, const json_t *cost)
{
	const json_t *tiers = json_object_get(cost, "tiers");

	put_cost(slots, STEP_OVER_200K, json_object_get(cost, "context_over_200k"));
	for (size_t i = 0; i < json_array_size(tiers); i++) {
		const json_t *tier = json_array_get(tiers, i);
		const json_t *step = json_object_get(json_object_get(tier, "tier"), "size");
		json_int_t over;

		if (sscanf(json_string_value(step) ?: "", "%lld", &over) == 1 && over > 0)
			put_cost(slots, over, tier);
	}
}

static int read_model(const char *model, const json_t *entry, const char *provider,
		      struct import_table *table)
{
	const json_t *cost = json_object_get(entry, "cost");
	struct slots slots = { .n = 0 };

	put_cost(&slots, 0, cost);
	put_steps(&slots, cost);
	slots_inherit(&slots);
	return import_add(table, provider, model, json_array(), slots_finish(&slots), NULL);
}

int import_models_dev_read(const json_t *root, struct import_table *table)
{
	const char *theirs, *model, *prefix;
	json_t *provider, *entry;
	int rc = 0;

	json_object_foreach((json_t *)root, theirs, provider)
	{
		const char *ours = import_provider_of("models.dev", theirs, &prefix);

		if (!ours)
			continue;
		json_object_foreach(json_object_get(provider, "models"), model, entry)
		{
			rc = read_model(model, entry, ours, table);
			if (rc)
				return rc;
		}
	}
	return 0;
}
