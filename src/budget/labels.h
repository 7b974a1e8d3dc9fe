/* `match.label` of budgets.yaml: a mapping with keys of the user's own, which a libcyaml schema
 * cannot say. */
#pragma once

#include "budget/rules.h"

/* Fills the labels of rules made from the same file, which yaml_load has accepted. Both sides are
 * texts without ',' and the key without '=', for they travel as "k=v,k=v". -EINVAL with
 * "FILE:LINE: KEY: what was expected", -ENOMEM, or the errno of the file. */
int labels_load(const char *path, struct budget_rules *rules, struct err *err);
