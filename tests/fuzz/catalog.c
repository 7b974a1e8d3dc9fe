/* Any price file: no crash, no leak, a refusal that names it; and whatever is taken prices a call
 * without a cost that is negative or made of nothing. */
#include <assert.h>
#include <string.h>

#include "base/timestamp.h"
#include "price/catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void price(const struct catalog *catalog, const char *model, int64_t count)
{
	struct usage usage = { .provider = "openai", .status = 200 };
	struct charge charge;

	usage.time_start_ns = 1764061200 * NS_PER_SEC; /* 2025-11-25 */
	usage.present = USAGE_BIT(USAGE_BUCKET_MAX) - 1;
	for (int i = 0; i < USAGE_BUCKET_MAX; i++)
		usage.counts[i] = count;
	span_copy(span_of(model), usage.model, sizeof(usage.model));
	catalog_price(catalog, &usage, &charge);
	if (charge.source == COST_UNPRICED) {
		assert(charge_doubt_name(&charge));
		return;
	}
	assert(charge.cost_pico >= 0);
	assert(charge.cost_pico == 0 || charge.rated);
	assert(charge.catalog[0] && charge.matched[0] && charge.effective_from[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct catalog *catalog;
	struct err err = { "" };

	if (catalog_new(&catalog) < 0)
		return 0;
	if (catalog_add(catalog, "fuzz.json", (struct span){ (const char *)data, size }, &err) <
	    0) {
		assert(strncmp(err.text, "fuzz.json:", 10) == 0);
		assert(!memchr(err.text, '\n', strlen(err.text)));
	} else {
		price(catalog, "m", 1);
		price(catalog, "m-2025-08-07", INT64_MAX);
		price(catalog, "gpt-4o", 300000);
	}
	catalog_unref(catalog);
	return 0;
}
