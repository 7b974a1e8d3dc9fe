/* model: one entry of a catalog, its rates over time, and what a call of it costs. */
#pragma once

#include "base/document.h"
#include "price/charge.h"
#include "price/rates.h"
#include "price/uplift.h"

#define MODEL_NAME_BYTES   sizeof(((struct usage *)0)->model)
#define CATALOG_NAME_BYTES sizeof(((struct charge *)0)->catalog)

/* What the entries of one file share. */
struct book {
	char name[CATALOG_NAME_BYTES];
	char provider[sizeof(((struct usage *)0)->provider)];
	const char *source; /* where the rates are from, of entries that do not say so; "" */
	bool contracted;    /* the user's own prices: they win */
	struct rates_loans loans;
	struct rates_holidays holidays;
};

struct model {
	struct model *next; /* of the catalog */
	const struct book *book;
	const char *name;
	const char *source;            /* where its rates are from; "" */
	const struct uplifts *uplifts; /* NULL: none */
	uint64_t allowed; /* one bit a bucket: some units a window are free to an account */
	unsigned n_rates;
	const struct rates *rates[];
};

/* One entry of "models", without its aliases, kept where the pool keeps its rates. `book` must
 * outlive it. */
struct pool;
int model_parse(const json_t *entry, const struct book *book, struct pool *pool,
		const struct document_place *at, struct model **ret_model, struct err *err);

/* A call that was answered shows that its model was for sale: before the first date that a list
 * knows for the tier its first rates hold. What the user agreed upon holds from its date. The
 * start of the first date; INT64_MIN: none, or agreed upon. */
int64_t model_first_ns(const struct model *model, const char *tier);

/* Says in `charge->context` under which conditions rates hold; NULL rates: of that tier none do. */
void model_context(const struct rates *rates, const char *tier, struct charge *charge);

/* Prices `charge->usage`, whose counts are sound, and completes the charge: cost and source, or the
 * doubt; in both cases what matched. */
void model_price(const struct model *model, struct charge *charge);
