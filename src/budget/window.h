/* Windows of time, and what a budget has used in each. A calendar window is a minute, an hour, ...
 * a year by the clock of a zone, all of time for `total`. A rolling one is the latest stretch of
 * that length, kept in WINDOW_PIECES pieces: a piece counts until all of it is too old, so that
 * what was used counts for the length and up to 1/WINDOW_PIECES of it more, never for less. */
#pragma once

#include "base/zone.h"
#include "budget/budget.h"

#define WINDOW_PIECES 60

struct window {
	int64_t start_ns; /* inclusive */
	int64_t end_ns;   /* exclusive */
};

struct window_kind {
	enum budget_period period;
	bool rolling;
	const struct zone *zone; /* NULL = UTC; of the rules */
};

/* The window that an instant is in; of a rolling kind the piece. */
struct window window_at(const struct window_kind *kind, int64_t now_ns);

/* How long a rolling window is: 30, 90 and 365 days for month, quarter and year. */
int64_t window_length_ns(enum budget_period period);

static inline bool window_holds(const struct window *window, int64_t time_ns)
{
	return time_ns >= window->start_ns && time_ns < window->end_ns;
}

static inline bool window_same(const struct window *a, const struct window *b)
{
	return a->start_ns == b->start_ns && a->end_ns == b->end_ns;
}

struct window_total {
	struct window window; /* empty: none yet */
	money_wide used;
	money_wide estimated;   /* of that, by figures that rest on an estimate */
	money_wide carried;     /* left by former windows: budget/room.h */
	money_wide granted;     /* what may be used in it until its end, with that;
	                         * of a rate: what counted of it after the last charge */
	uint16_t fired_percent; /* the highest threshold told in it */
	bool owed;              /* changed and not told: see budgets_owed */
};

/* The current window or piece, and former ones: one of the calendar, which takes what is late by up
 * to a window and comes back when the clock does; those of a rolling window that still count. */
struct window_totals {
	struct window_total current;
	money_wide older; /* sum of the former ones that count */
	uint16_t older_fired;
	bool exact; /* has figures of its own kind of window: see window_restore */
	unsigned n_formers;
	struct window_total *formers;
};

int window_init(struct window_totals *totals, const struct window_kind *kind); /* -ENOMEM */
void window_done(struct window_totals *totals);

/* Makes the window of `now_ns` the current one. What a rolling window has of a time that has not
 * come (the clock was set back) is of now. True when figures moved and are owed to the ledger. */
bool window_turn(struct window_totals *totals, const struct window_kind *kind, int64_t now_ns);

/* The total that an instant belongs to; the current one when its window is not known. */
struct window_total *window_find(struct window_totals *totals, int64_t time_ns);
bool window_knows(const struct window_totals *totals, int64_t time_ns);
void window_add(struct window_totals *totals, const struct window_kind *kind,
		struct window_total *total, money_wide amount);

/* Whether a former total counts: a piece that did not end a length ago. */
bool window_counts(const struct window_totals *totals, const struct window_kind *kind,
		   const struct window *piece);

static inline money_wide window_used(const struct window_totals *totals)
{
	return totals->current.used + totals->older;
}

/* Of what was used, by estimates: in the current window, or all pieces that count. */
money_wide window_estimated(const struct window_totals *totals, const struct window_kind *kind);

/* What the calendar window right before this one has used; -1: not known, or rolling. */
money_wide window_former(const struct window_totals *totals, const struct window_kind *kind);

/* Takes a total of before a restart or a change of the rules; all are turned to `now_ns` before.
 * One of the same kind of window finds its place. One of another kind counts in the current window
 * when it began in that, or is running and as long (the same period by another clock); but only
 * until a figure of the own kind says what it was. False: it is of no use. */
bool window_restore(struct window_totals *totals, const struct window_kind *kind,
		    const struct window_total *total, int64_t now_ns);
