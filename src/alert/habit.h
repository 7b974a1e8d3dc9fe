/* Habits: does a program call more, or spend more, than it does at this time of day? A program is
 * an executable and a user, so that it is the same after a restart. Each hour of the last 14 days
 * in which it called is remembered. An hour departs from habit when its calls or its spend are over
 *
 *   median + the largest of { 6 robust standard deviations (1.4826 MAD), the median, the floor }
 *
 * of the hours that it was active in at this time of day (UTC) and the hours beside it, of at least
 * 7; else of all its active hours, of at least 24; else nothing is known and nothing departs. Hours
 * without calls are no samples: the agent may not have been there. Pure state, owned by one thread;
 * the ledger keeps the hours. */
#pragma once

#include "price/charge.h"

#define HABIT_PROGRAMS_MAX 256 /* the one that has not called for longest goes; 4 KiB each */
#define HABIT_HOURS        (14 * 24)
#define HABIT_CALLS_FLOOR  20
#define HABIT_SPEND_FLOOR  1000000000000LL /* picodollars */

struct habit_program {
	uint32_t uid;
	char exe[256];
};

/* What a program did in one hour. */
struct habit_hour {
	struct habit_program program;
	int64_t hour; /* since 1970 */
	uint32_t calls;
	int64_t spent_pico; /* of the priced ones */
};

struct habit_view {
	bool is_known;           /* enough hours to compare with */
	bool by_calls, by_spend; /* what departs, in this hour */
	uint32_t calls, usual_calls;
	int64_t spent_pico, usual_spent_pico;
};

struct habits;
struct habits *habits_new(void); /* NULL: no memory */
void habits_free(struct habits *habits);

/* From the ledger, before the first call. */
void habits_restore(struct habits *habits, const struct habit_hour *hour);

/* A call that has ended. True: with it the hour began to depart from habit, by calls or by spend,
 * and `ret_view` says how: once an hour for each, at most. */
bool habits_take(struct habits *habits, const struct charge *charge, int64_t now_ns,
		 struct habit_view *ret_view);

/* False: nothing is known of this program. */
bool habits_view(struct habits *habits, const struct process *process, int64_t now_ns,
		 struct habit_view *ret_view);

/* How long a call of a program that departs from habit has to wait, so that from now on there is
 * one each (hour / usual calls); 0 = none, and then it counts as made. */
int64_t habits_wait_ns(struct habits *habits, const struct process *process, int64_t now_ns);

/* What the ledger has not been told; at most `max`, 0 = all told. */
unsigned habits_owed(struct habits *habits, struct habit_hour *hours, unsigned max);
