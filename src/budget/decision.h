/* What a caller asks, and what it is answered: the words of budgets_decide. */
#pragma once

#include "base/uuid.h"
#include "budget/verdict.h"

enum budget_period {
	BUDGET_MINUTE,
	BUDGET_HOUR,
	BUDGET_DAY,
	BUDGET_WEEK, /* from Monday */
	BUDGET_MONTH,
	BUDGET_QUARTER,
	BUDGET_YEAR,
	BUDGET_TOTAL, /* all of time */
};
enum budget_mode { BUDGET_OBSERVE, BUDGET_ADVISE, BUDGET_HOLD, BUDGET_CUT };
enum budget_unpriced { UNPRICED_DENY, UNPRICED_ALLOW, UNPRICED_CEILING };

/* What a call takes, as far as it can be said before it. */
struct budget_size {
	bool priced; /* `cost_pico` is known */
	int64_t cost_pico;
	int64_t input_tokens, output_tokens;
};

/* What a caller asks. Texts are borrowed. */
struct budget_ask {
	const struct process *process; /* the caller, by its socket */
	struct span provider, model, operation;
	const char *labels; /* "k=v,k=v" of the request; those of the process count too */
	struct budget_size size;
	bool essential; /* the caller says so: the grace of budgets that let it is its own */
	bool trusted;   /* and each does: root, or the group that sees all */
	bool dry_run;
	/* How long the caller has to wait, for its program departs from its habit; 0: not at all.
	 * Asked once at most, where a budget throttles such. NULL: nobody knows. */
	int64_t (*wait_ns)(void *ctx, const struct process *process, int64_t now_ns);
	void *wait_ctx;
};

struct budget_view {
	const char *name; /* of the rules: valid until the next reload, as is */
	unsigned index;   /* that of budgets_view() */
	enum budget_unit unit;
	const char *window; /* "month", "rolling day", "total" */
	money_wide limit;   /* as of now, with `carried` and `raised` */
	money_wide carried, raised;
	money_wide spent, reserved;
	money_wide estimated;               /* of what is spent, by estimates; -1: of a rate */
	money_wide rate;                    /* of a rate limit, a period; 0: it is none */
	money_wide asked;                   /* by the decision at hand */
	int64_t window_start_ns, resets_ns; /* INT64_MAX: never. Rolling: when some room returns; a
					    * rate: when what was asked fits, or all */
	money_wide former; /* used in the window before this one; -1: not known, or rolling */
	bool rolling;
	enum budget_mode mode; /* as of now: a person may have changed it */
	bool stopped;          /* by a person: a reason, whatever is spent */
	bool exceeded;         /* a reason for the denial (or would be, in observe mode) */
	bool unpriced;         /* the reason is that the price is unknown */
	bool unusual;          /* ... that its program departs from habit: may call at resets_ns */
};

enum decision { DECISION_ALLOW, DECISION_WARN, DECISION_DENY };
struct budget_answer {
	enum decision decision; /* WARN: an observe budget is over its limit */
	bool too_many;          /* denied for the number of open reservations, see above */
	struct uuid decision_id;
	struct uuid reservation_id; /* the decision's; zero for a denial and a dry run */
	int64_t reserved_pico;
	int64_t expires_ns;
	unsigned n_budgets; /* that match, with their state after the decision; reasons first */
	unsigned n_cut;     /* matched beyond VERDICT_BUDGETS_MAX: they still bind */
	struct budget_view budgets[VERDICT_BUDGETS_MAX];
};
