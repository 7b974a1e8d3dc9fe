/* Loads DIR/providers, DIR/prices, DIR/budgets.yaml and the labels of DIR/outlayd.yaml: the same
 * way at start, for --check and on SIGHUP. */
#include "agent/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "budget/labels.h"

void config_done(struct config *config)
{
	providers_unref(config->providers);
	catalog_unref(config->catalog);
	budget_rules_free(config->rules);
	*config = (struct config){ 0 };
}

int config_load(const char *dir, const char *catalog, struct config *ret_config, struct err *err)
{
	FREE_PTR char *providers = NULL, *budgets = NULL, *settings = NULL;
	CLEANUP(config_done) struct config config = { 0 };
	int code;

	if (asprintf(&providers, "%s/providers", dir) < 0 ||
	    asprintf(&budgets, "%s/budgets.yaml", dir) < 0 ||
	    asprintf(&settings, "%s/outlayd.yaml", dir) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	code = providers_load(providers, &config.providers, err);
	if (code == 0)
		code = catalog_load_named(dir, catalog, &config.catalog, err);
	if (code == 0)
		code = budget_rules_load(budgets, &config.rules, err);
	if (code == 0)
		code = labels_load_rules(settings, config.rules, err);
	if (code == 0) {
		*ret_config = config;
		config = (struct config){ 0 };
	}
	return code;
}
