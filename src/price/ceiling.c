/* A call is priced once for each kind of input that it may turn out to be; the dearest counts. */
#include "price/ceiling.h"

static const enum usage_bucket inputs[] = {
	USAGE_INPUT,
	USAGE_INPUT_CACHE_WRITE,
	USAGE_INPUT_CACHE_WRITE_5M,
	USAGE_INPUT_CACHE_WRITE_30M,
	USAGE_INPUT_CACHE_WRITE_1H,
	USAGE_INPUT_CACHE_WRITE_12H,
};
static const enum usage_bucket outputs[] = { USAGE_OUTPUT, USAGE_OUTPUT_REASONING };

static bool price(const struct catalog *catalog, struct usage *usage, enum usage_bucket input,
		  enum usage_bucket output, int64_t most_output, int64_t *ret_pico)
{
	struct charge charge;

	usage->present = USAGE_BIT(input) | USAGE_BIT(output);
	usage->counts[input] = (int64_t)usage->request_bytes;
	usage->counts[output] = most_output;
	catalog_price(catalog, usage, &charge);
	*ret_pico = charge.cost_pico;
	return charge.source != COST_UNPRICED;
}

bool ceiling_find(const struct catalog *catalog, const struct usage *asked, int64_t most_output,
		  int64_t *ret_pico)
{
	struct usage usage = *asked;
	int64_t most = 0, cost;

	usage.status = 200;
	if (usage.free) {
		*ret_pico = 0;
		return true;
	}
	if (most_output < 0 ||
	    !price(catalog, &usage, USAGE_INPUT, USAGE_OUTPUT, most_output, &most))
		return false;
	for (unsigned i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		for (unsigned o = 0; o < sizeof(outputs) / sizeof(outputs[0]); o++)
			if (price(catalog, &usage, inputs[i], outputs[o], most_output, &cost) &&
			    cost > most)
				most = cost;
	*ret_pico = most;
	return true;
}
