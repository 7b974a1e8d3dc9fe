/* Calendar windows in UTC: the instants at which a day or a month begins and ends; and the money
 * of the latest two of a budget. */
#pragma once

#include "budget/budget.h"

struct window {
	int64_t start_ns; /* inclusive */
	int64_t end_ns;   /* exclusive */
};

struct window window_at(enum budget_period period, int64_t now_ns);

static inline bool window_holds(const struct window *window, int64_t time_ns)
{
	return time_ns >= window->start_ns && time_ns < window->end_ns;
}

struct window_total {
	struct window window; /* empty: none yet */
	money_wide pico;
	bool owed; /* changed and not told: see budgets_owed */
};

/* The former one takes what is late by up to a window, and comes back when the clock does. */
struct window_totals {
	struct window_total current, former;
};

/* Makes `now` the current window. */
void window_turn(struct window_totals *totals, const struct window *now);
/* The total that an instant belongs to; NULL when its window is neither. */
struct window_total *window_find(struct window_totals *totals, int64_t time_ns);
