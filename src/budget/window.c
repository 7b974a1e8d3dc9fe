/* Where windows begin and end. Days and longer ones are counted on the calendar of the zone and
 * begin when its clock first shows midnight, or leaps over it; hours and minutes end early where
 * the clock is put on or back. So the windows of a kind part all of time. */
#include "budget/window.h"

#include <errno.h>
#include <stdlib.h>

#include "base/timestamp.h"

#define DAY_S           86400
#define CLOCK_CHANGE_NS (2 * 3600 * NS_PER_SEC) /* by so much two windows of a period may differ */
#define THURSDAY        3                       /* 1970-01-01 was one; Monday is 0 */

static int64_t floor_to(int64_t value, int64_t step)
{
	int64_t rest = value % step;

	return value - (rest < 0 ? rest + step : rest);
}

/* At the ends of int64 the last instant there is. */
static int64_t instant_ns(int64_t utc_s)
{
	int64_t ns;

	if (__builtin_mul_overflow(utc_s, NS_PER_SEC, &ns))
		return utc_s < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

/* The first day of the period that a day is in, plus some periods; days since 1970. */
static int64_t first_day(enum budget_period period, int64_t day, int add)
{
	static const int months[] = {
		[BUDGET_MONTH] = 1, [BUDGET_QUARTER] = 3, [BUDGET_YEAR] = 12
	};
	int64_t year, month_count;
	int month, day_of_month;

	if (period == BUDGET_DAY)
		return day + add;
	if (period == BUDGET_WEEK)
		return floor_to(day + THURSDAY, 7) - THURSDAY + 7 * add;
	civil_from_days(day, &year, &month, &day_of_month);
	month_count = floor_to(year * 12 + month - 1, months[period]) + add * months[period];
	year = floor_to(month_count, 12) / 12;
	return civil_to_days(year, (int)(month_count - year * 12) + 1, 1);
}

static struct window days_window(const struct window_kind *kind, int64_t utc_s)
{
	int64_t local_s = utc_s + zone_at(kind->zone, utc_s).ahead_s;
	int64_t day = floor_to(local_s, DAY_S) / DAY_S;
	int64_t next_s = zone_reach(kind->zone, first_day(kind->period, day, 1) * DAY_S);

	/* The clock was put back over midnight: the next day has begun, whatever it shows. */
	if (next_s <= utc_s)
		day = first_day(kind->period, day, 1);
	return (struct window){
		instant_ns(zone_reach(kind->zone, first_day(kind->period, day, 0) * DAY_S)),
		instant_ns(zone_reach(kind->zone, first_day(kind->period, day, 1) * DAY_S)),
	};
}

static struct window clock_window(const struct window_kind *kind, int64_t utc_s, int64_t length_s)
{
	struct zone_offset offset = zone_at(kind->zone, utc_s);
	int64_t start_s = floor_to(utc_s + offset.ahead_s, length_s) - offset.ahead_s;
	int64_t end_s = start_s + length_s;

	return (struct window){
		instant_ns(start_s > offset.from_s ? start_s : offset.from_s),
		instant_ns(end_s < offset.until_s ? end_s : offset.until_s),
	};
}

int64_t window_length_ns(enum budget_period period)
{
	static const int64_t seconds[] = {
		[BUDGET_MINUTE] = 60,        [BUDGET_HOUR] = 3600,
		[BUDGET_DAY] = DAY_S,        [BUDGET_WEEK] = 7 * DAY_S,
		[BUDGET_MONTH] = 30 * DAY_S, [BUDGET_QUARTER] = 90 * DAY_S,
		[BUDGET_YEAR] = 365 * DAY_S,
	};

	return period == BUDGET_TOTAL ? INT64_MAX : seconds[period] * NS_PER_SEC;
}

static struct window piece_at(const struct window_kind *kind, int64_t utc_s)
{
	int64_t piece_s = window_length_ns(kind->period) / WINDOW_PIECES / NS_PER_SEC;
	int64_t start_s = floor_to(utc_s, piece_s);

	return (struct window){ instant_ns(start_s), instant_ns(start_s + piece_s) };
}

struct window window_at(const struct window_kind *kind, int64_t now_ns)
{
	int64_t utc_s = now_ns / NS_PER_SEC - (now_ns % NS_PER_SEC < 0);

	if (kind->period == BUDGET_TOTAL)
		return (struct window){ 0, INT64_MAX };
	if (kind->rolling)
		return piece_at(kind, utc_s);
	if (kind->period <= BUDGET_HOUR)
		return clock_window(kind, utc_s, kind->period == BUDGET_HOUR ? 3600 : 60);
	return days_window(kind, utc_s);
}

/* --- totals */

int window_init(struct window_totals *totals, const struct window_kind *kind)
{
	*totals = (struct window_totals){ .n_formers = kind->rolling ? WINDOW_PIECES : 1 };
	totals->formers = calloc(totals->n_formers, sizeof(totals->formers[0]));
	return totals->formers ? 0 : -ENOMEM;
}

void window_done(struct window_totals *totals)
{
	free(totals->formers);
}

static bool is_empty(const struct window_total *total)
{
	return total->window.end_ns == total->window.start_ns;
}

/* Where the current one goes: in place of the one that began first. */
static struct window_total *oldest(struct window_totals *totals)
{
	struct window_total *oldest = &totals->formers[0];

	for (unsigned i = 1; i < totals->n_formers && !is_empty(oldest); i++)
		if (is_empty(&totals->formers[i]) ||
		    totals->formers[i].window.start_ns < oldest->window.start_ns)
			oldest = &totals->formers[i];
	return oldest;
}

bool window_counts(const struct window_totals *totals, const struct window_kind *kind,
		   const struct window *piece)
{
	return kind->rolling &&
	       piece->start_ns >= totals->current.window.start_ns - window_length_ns(kind->period);
}

/* What the former pieces come to; those of a time that has not come are of now. */
static bool add_up(struct window_totals *totals, const struct window_kind *kind)
{
	bool moved = false;

	totals->older = 0;
	totals->older_fired = 0;
	for (unsigned i = 0; kind->rolling && i < totals->n_formers; i++) {
		struct window_total *former = &totals->formers[i];

		if (former->window.start_ns > totals->current.window.start_ns && former->used) {
			totals->current.used += former->used;
			totals->current.estimated += former->estimated;
			totals->current.owed = former->owed = moved = true;
			former->used = former->estimated = 0;
		}
		if (!window_counts(totals, kind, &former->window))
			continue;
		totals->older += former->used;
		if (former->fired_percent > totals->older_fired)
			totals->older_fired = former->fired_percent;
	}
	return moved;
}

bool window_turn(struct window_totals *totals, const struct window_kind *kind, int64_t now_ns)
{
	struct window_total next = { .used = 0 };

	if (window_holds(&totals->current.window, now_ns))
		return false;
	next.window = window_at(kind, now_ns);
	for (unsigned i = 0; i < totals->n_formers; i++) {
		if (!window_same(&totals->formers[i].window, &next.window))
			continue;
		next = totals->formers[i];
		totals->formers[i] = (struct window_total){ .used = 0 };
	}
	if (!is_empty(&totals->current) && !window_same(&totals->current.window, &next.window))
		*oldest(totals) = totals->current;
	totals->current = next;
	return add_up(totals, kind);
}

static struct window_total *find(const struct window_totals *totals, int64_t time_ns)
{
	for (unsigned i = 0; i < totals->n_formers; i++)
		if (window_holds(&totals->formers[i].window, time_ns))
			return &totals->formers[i];
	return NULL;
}

bool window_knows(const struct window_totals *totals, int64_t time_ns)
{
	return window_holds(&totals->current.window, time_ns) || find(totals, time_ns);
}

struct window_total *window_find(struct window_totals *totals, int64_t time_ns)
{
	struct window_total *former = NULL;

	if (!window_holds(&totals->current.window, time_ns))
		former = find(totals, time_ns);
	return former ? former : &totals->current;
}

money_wide window_former(const struct window_totals *totals, const struct window_kind *kind)
{
	const struct window *former = &totals->formers[0].window;

	if (kind->rolling || !former->end_ns || former->end_ns != totals->current.window.start_ns)
		return -1;
	return totals->formers[0].used;
}

money_wide window_estimated(const struct window_totals *totals, const struct window_kind *kind)
{
	money_wide sum = totals->current.estimated;

	for (unsigned i = 0; kind->rolling && i < totals->n_formers; i++)
		if (window_counts(totals, kind, &totals->formers[i].window))
			sum += totals->formers[i].estimated;
	return sum;
}

void window_add(struct window_totals *totals, const struct window_kind *kind,
		struct window_total *total, money_wide amount)
{
	total->used += amount;
	if (total != &totals->current && window_counts(totals, kind, &total->window))
		totals->older += amount;
}

static bool place(struct window_totals *totals, const struct window_kind *kind,
		  const struct window_total *total)
{
	struct window_total *former = oldest(totals);

	if (!totals->exact)
		totals->current.used = totals->current.estimated = 0; /* what others said */
	totals->exact = true;
	if (window_same(&total->window, &totals->current.window)) {
		money_wide moved = totals->current.used; /* from pieces yet to come */
		money_wide estimated = totals->current.estimated;

		totals->current = *total;
		totals->current.used += moved;
		totals->current.estimated += estimated;
		totals->current.owed |= moved != 0;
		return true;
	}
	if (!is_empty(former) && former->window.start_ns > total->window.start_ns)
		return false;
	*former = *total;
	(void)add_up(totals, kind);
	return true;
}

/* The same period by another clock, and running. */
static bool is_alike(const struct window *theirs, const struct window *current, int64_t now_ns)
{
	money_wide longer = ((money_wide)theirs->end_ns - theirs->start_ns) -
			    ((money_wide)current->end_ns - current->start_ns);

	return window_holds(theirs, now_ns) && longer <= CLOCK_CHANGE_NS &&
	       longer >= -CLOCK_CHANGE_NS;
}

bool window_restore(struct window_totals *totals, const struct window_kind *kind,
		    const struct window_total *total, int64_t now_ns)
{
	const struct window *theirs = &total->window;
	struct window own = window_at(kind, theirs->start_ns), current = totals->current.window;

	if (window_same(theirs, &own))
		return place(totals, kind, total);
	if (kind->rolling)
		current.start_ns -= window_length_ns(kind->period);
	if (totals->exact || theirs->start_ns >= current.end_ns ||
	    (theirs->start_ns < current.start_ns && !is_alike(theirs, &current, now_ns)))
		return false;
	totals->current.used += total->used;
	totals->current.estimated += total->estimated;
	totals->current.owed = true;
	return true;
}
