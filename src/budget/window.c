/* Days and months of the proleptic Gregorian calendar as instants. UTC has no gaps and, on this
 * clock, no leap seconds: a day is 86400 seconds. */
#include "budget/window.h"

#include "base/timestamp.h"

/* Midnight of a day; at the ends of int64 the last instant there is. */
static int64_t day_start(int64_t days)
{
	int64_t ns;

	if (__builtin_mul_overflow(days, NS_PER_DAY, &ns))
		return days < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

struct window window_at(enum budget_period period, int64_t now_ns)
{
	int64_t first = now_ns / NS_PER_DAY - (now_ns % NS_PER_DAY < 0), next = first + 1, year;
	int month, day;

	if (period == BUDGET_MONTH) {
		civil_from_days(first, &year, &month, &day);
		first = civil_to_days(year, month, 1);
		next =
		    month == 12 ? civil_to_days(year + 1, 1, 1) : civil_to_days(year, month + 1, 1);
	}
	return (struct window){ day_start(first), day_start(next) };
}

void window_turn(struct window_totals *totals, const struct window *now)
{
	struct window_total back = totals->former;

	if (totals->current.window.start_ns == now->start_ns &&
	    totals->current.window.end_ns == now->end_ns)
		return;
	if (totals->current.window.end_ns != totals->current.window.start_ns)
		totals->former = totals->current;
	if (back.window.start_ns == now->start_ns && back.window.end_ns == now->end_ns)
		totals->current = back;
	else
		totals->current = (struct window_total){ .window = *now };
}

struct window_total *window_find(struct window_totals *totals, int64_t time_ns)
{
	if (window_holds(&totals->current.window, time_ns))
		return &totals->current;
	if (window_holds(&totals->former.window, time_ns))
		return &totals->former;
	return NULL;
}
