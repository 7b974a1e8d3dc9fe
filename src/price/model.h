/* model: one entry of a catalog, its rates over time, and what a call of it costs. */
#pragma once

#include "base/document.h"
#include "price/charge.h"
#include "price/rates.h"

#define MODEL_NAME_BYTES   sizeof(((struct usage *)0)->model)
#define CATALOG_NAME_BYTES sizeof(((struct charge *)0)->catalog)

struct model {
	struct model *next; /* of the catalog, to free them */
	char catalog[CATALOG_NAME_BYTES];
	char name[MODEL_NAME_BYTES];
	unsigned n_rates;
	struct rates rates[];
};

/* One entry of "models", without its aliases. Freed by free(). */
int model_parse(const json_t *entry, struct span catalog, const struct document_place *at,
		struct model **ret_model, struct err *err);

/* Prices `charge->usage`, whose counts are sound, and completes the charge: cost and source, or the
 * doubt; in both cases what matched. */
void model_price(const struct model *model, struct charge *charge);
