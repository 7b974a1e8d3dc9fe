/* Calendar windows in UTC: the instants at which a day or a month begins and ends. */
#pragma once

#include "budget/budget.h"

struct window {
	int64_t start_ns; /* inclusive */
	int64_t end_ns;   /* exclusive */
};

struct window window_at(enum budget_period period, int64_t now_ns);
