/* What budget.c, decide.c and settle.c share: the state behind budget.h. */
#pragma once

#include "budget/amount.h"
#include "budget/flight.h"
#include "budget/reserve.h"
#include "budget/stop.h"

struct budget {
	const struct budget_rule *rule;
	struct window_totals totals;
	money_wide reserved;
	struct rate
	    *rate; /* of a rate limit; the totals then say what was used, and limit nothing */
	struct exposure exposure;
	int64_t charged_end_ns; /* of the call that was charged last */
	enum stop stop;         /* in force */
	bool is_ordered;        /* under these rules */
	/* A person's word (budget/override.h), each until its end; 0: none. */
	money_wide raised;
	int64_t raised_until_ns;
	enum budget_mode forced_mode; /* ADVISE: neither held nor cut */
	int64_t forced_until_ns;
	char forced_by[33];
	/* What follows from it and from the rule, now: budget/room.h. */
	money_wide limit;
	enum budget_mode mode;
	bool is_stopped;   /* by a person, whatever is spent */
	UT_hash_handle hh; /* by name */
};

struct budgets {
	struct budget_rules *rules;
	struct budget *all; /* rules->count, in their order */
	struct budget *by_name;
	struct match_index *index;
	struct reserve *reserve;
	struct flights *flights;
	int64_t stop_delay_ns; /* the longest from the end of a call to the order to stop */
	struct uuid_maker ids;
	int64_t now_ns;
	unsigned generation; /* of the rules */
	bool owes;           /* some total is owed to the ledger */
	bool rising;         /* some threshold may have been reached and not told */
	struct budget_counters counters;
	struct match_set matched, exceeded; /* of the call at hand */
	struct match_set charged;           /* since stop_looked */
	int64_t wait_ns;                    /* as of budget_ask, of it */
	const struct budget_ask *asking;    /* at hand: rates go by the limits of its model */
};

/* The lowest threshold that was reached and not told; 0 = none. */
uint16_t alert_due(const struct budget *budget);

/* Under another limit: what is not reached any more may be told again. */
void alert_rearm(struct budget *budget);

/* All or nothing: rules, index, budgets and their names. -ENOMEM: all is as it was. */
int budgets_set_rules(struct budgets *budgets, struct budget_rules *rules);
void budgets_free_rules(struct budgets *budgets);

/* First thing of every call: the time, lapsed reservations. */
void budgets_advance(struct budgets *budgets, int64_t now_ns);

/* Works out what a budget may use now. */
void budgets_look(struct budgets *budgets, struct budget *budget);

/* The budget, turned to the current window. */
struct budget *budgets_at(struct budgets *budgets, unsigned index);

/* As of the last look at it. */
void budgets_show(const struct budgets *budgets, const struct budget *budget,
		  struct budget_view *ret_view);

/* What it holds is let go; of a rate it is put right by what is taken next. */
void budgets_let_go(struct budgets *budgets, const struct reservation *reservation);
/* Its call is not made: nothing is taken next. */
void budgets_give_back(struct budgets *budgets, const struct reservation *reservation);

/* What no touch has told is told by budgets_owed. */
void budgets_owe(struct budgets *budgets, struct window_total *total);
/* A total as the ledger stores it. */
void budgets_tell(const struct budget *budget, struct window_total *total,
		  struct budget_touch *ret_touch);

/* Last thing of every call that changes something: the invariants, in debug builds. */
void budgets_check(const struct budgets *budgets);
