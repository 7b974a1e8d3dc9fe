/* A price list in single quotes, and what one call costs by it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/timestamp.h"
#include "price/catalog.h"

#define CASE_COUNTS 8

struct case_row {
	const char *name; /* number in reference/pricing.md, and what it is about */
	const char *provider, *model, *tier, *time;
	struct {
		enum usage_bucket bucket;
		int64_t count;
	} counts[CASE_COUNTS];
	const char *usd; /* NULL: unpriced */
};

static inline int case_add(struct catalog *catalog, const char *text, struct err *err)
{
	char *json = strdup(text);
	int rc;

	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	rc = catalog_add(catalog, "test.json", span_of(json), err);
	free(json);
	return rc;
}

static inline void case_price(const struct catalog *catalog, const struct case_row *row,
			      struct charge *ret_charge)
{
	struct usage usage = { .status = 200 };

	span_copy(span_of(row->provider), usage.provider, sizeof(usage.provider));
	span_copy(span_of(row->model), usage.model, sizeof(usage.model));
	span_copy(span_of(row->tier), usage.service_tier, sizeof(usage.service_tier));
	assert_int_equal(timestamp_parse(span_of(row->time), &usage.time_start_ns), 0);
	for (unsigned i = 0; i < CASE_COUNTS && row->counts[i].count; i++) {
		usage.counts[row->counts[i].bucket] = row->counts[i].count;
		usage.present |= UINT64_C(1) << row->counts[i].bucket;
	}
	catalog_price(catalog, &usage, ret_charge);
}

static inline void case_check(const struct catalog *catalog, const struct case_row *row)
{
	char text[MONEY_TEXT_MAX];
	struct charge charge;

	print_message("case %s\n", row->name);
	case_price(catalog, row, &charge);
	if (!row->usd) {
		assert_int_equal(charge.source, COST_UNPRICED);
		return;
	}
	assert_int_equal(charge.source, COST_CATALOG);
	assert_string_equal(money_format(charge.cost_pico, MONEY_PICO_DIGITS, text), row->usd);
}
