/* What can be reloaded, loaded whole: providers, prices, budgets with the rules of labels. Good or
 * not at all. */
#pragma once

#include "base/err.h"
#include "budget/budget.h"
#include "meter/provider.h"
#include "price/catalog.h"

struct config {
	struct providers *providers;
	struct catalog *catalog;
	struct budget_rules *rules;
};

/* `catalog`: the prices of DIR/prices/CATALOG alone; NULL: those of DIR/prices. */
int config_load(const char *dir, const char *catalog, struct config *ret_config, struct err *err);
void config_done(struct config *config); /* what was taken out is NULL */
