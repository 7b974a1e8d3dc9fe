/* outlook: where a window goes at the pace that it had until now. */
#pragma once

#include "budget/decision.h"

#define OUTLOOK_LEAST 100 /* one part in so many of a window tells no pace yet */

struct budget_outlook {
	money_wide projected; /* at the end of the window; -1: not known, for it is rolling, has no
				 end or has just begun */
	int64_t exhausted_ns; /* when the limit is reached, now if it has been; 0: not in it */
};

struct budget_outlook outlook_of(const struct budget_view *view, int64_t now_ns);
