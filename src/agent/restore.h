/* What the ledger knows of budgets, told to them at the start. */
#pragma once

#include "budget/budget.h"
#include "ledger/ledger.h"

/* -errno of the ledger. */
int restore_budgets(struct ledger *ledger, struct budgets *budgets);
