/* A straight line from the start of the window through now, in whole seconds. */
#include "budget/outlook.h"

#include "base/clock.h"

struct budget_outlook outlook_of(const struct budget_view *view, int64_t now_ns)
{
	int64_t elapsed = (now_ns - view->window_start_ns) / NS_PER_SEC;
	int64_t length = view->resets_ns / NS_PER_SEC - view->window_start_ns / NS_PER_SEC;
	struct budget_outlook outlook = { .projected = -1 };
	money_wide left = view->limit - view->spent;

	if (view->rolling || view->resets_ns == INT64_MAX || elapsed <= length / OUTLOOK_LEAST)
		return outlook;
	outlook.projected = view->spent * length / elapsed;
	if (outlook.projected > view->limit)
		outlook.exhausted_ns =
		    now_ns + (left > 0 ? (int64_t)(left * elapsed / view->spent) * NS_PER_SEC : 0);
	return outlook;
}
