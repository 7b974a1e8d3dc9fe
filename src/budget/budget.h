/* Budgets: what is spent, what is reserved, who may go on. Pure state, no I/O, no clock of its own:
 * every call takes `now_ns` (UTC). Owned by one thread. Invariants, asserted after each step in
 * debug builds: the sum of open reservations of a budget is its reserved counter; a decision never
 * takes spent + reserved over limit, nor over limit x (1 + grace) for an essential call.
 *
 * A reservation lives: open -> settled by the captured call, by POST /v1/settle, or lapsed. It is
 * matched with a captured call by the token that the call carries, if it does; else by process (pid
 * and start time) and provider: of those made before the call began the oldest, an open one before
 * a lapsed one, one with the same model before one with another. When such hold in different
 * budgets, it cannot be told whose the call is: none is settled, only budgets that match by
 * themselves are charged, and the verdict says so. What ended stays
 * known for RESERVATION_KEEP_NS: the captured call then replaces the caller's own figure, so that
 * nothing counts twice; a lapsed one holds nothing, and can still be settled.
 *
 * Reservations belong to the budget, spend to a window: the one in which the call ended when that
 * is the current one or the one before, else (the clock jumped) the current one. */
#pragma once

#include "base/counter.h"
#include "base/err.h"
#include "base/uuid.h"
#include "budget/decision.h"
#include "budget/verdict.h"

#define BUDGETS_MAX               10000
#define RESERVATIONS_MAX          65536          /* open at once; more is refused by `deny` */
#define RESERVATIONS_PER_USER_MAX 16384          /* of them, of one uid */
#define RESERVATION_TTL_NS        600000000000LL /* a call may take so long after it */
#define RESERVATION_KEEP_NS       600000000000LL
#define RESERVATION_SLACK_NS      1000000000LL /* clocks of capture and decision may differ so */

/* As in config/budgets.yaml; a missing file is no budget. -EINVAL: "FILE:LINE: KEY: ...". */
struct budget_rules;
int budget_rules_load(const char *path, struct budget_rules **ret_rules, struct err *err);
void budget_rules_free(struct budget_rules *rules);
unsigned budget_rules_count(const struct budget_rules *rules);

struct budget_counters {
	struct counter allowed, denied;
	struct counter charged, estimated, unpriced;
	struct counter priced_pico, estimated_pico; /* what was charged, apart */
	struct counter settled_by_capture, settled_by_caller, expired, released;
	struct counter late; /* captured calls that replaced a figure of the caller */
	struct counter ambiguous, bad_tokens;
};

struct budgets;
int budgets_new(struct budget_rules *rules, struct budgets **ret_budgets); /* takes the rules */
void budgets_free(struct budgets *budgets);

/* New rules, same totals: a budget keeps by name what it has used while its unit stays the same and
 * its window, if it is another one, does not begin later than the old one did (window_restore).
 * Reservations stay with budgets that still exist. Takes the rules, also when it fails: -ENOMEM. */
int budgets_reload(struct budgets *budgets, struct budget_rules *rules, int64_t now_ns);

/* From the ledger, before the first charge, in order of their windows: what a budget has used in
 * one. Unknown names, other units and windows of no use are ignored. */
void budgets_restore(struct budgets *budgets, const struct budget_touch *touch, int64_t now_ns);

/* Reserves in every matching budget or in none. */
void budgets_decide(struct budgets *budgets, const struct budget_ask *ask, int64_t now_ns,
		    struct budget_answer *ret_answer);

/* The caller says what its call cost (NULL: what was reserved). -ENOENT: no such reservation, or
 * not of this process; -EALREADY: settled before, -EINVAL: a negative cost (then nothing changes).
 * The ledger must store what is touched: `touches` holds VERDICT_BUDGETS_MAX. */
int budgets_settle(struct budgets *budgets, const struct uuid *reservation,
		   const struct process *process, const int64_t *cost_pico, int64_t now_ns,
		   struct budget_touch *touches, unsigned *ret_n_touches);

/* An open reservation holds for RESERVATION_TTL_NS from now on, however long its call takes; or
 * lets go at once, for its call is not made (if one is captured after all, it is charged). -ENOENT
 * as above, -EALREADY: it is not open any more. */
int budgets_renew(struct budgets *budgets, const struct uuid *reservation,
		  const struct process *process, int64_t now_ns, int64_t *ret_expires_ns);
int budgets_release(struct budgets *budgets, const struct uuid *reservation,
		    const struct process *process, int64_t now_ns);

/* What a reservation holds, or was settled with. -ENOENT. */
int budgets_amount(struct budgets *budgets, const struct uuid *reservation, int64_t *ret_pico);

/* A captured call: charges it to every budget that matches or that its reservation held, and
 * settles that. An UNPRICED one is charged what was reserved for it. */
void budgets_charge(struct budgets *budgets, const struct charge *charge, int64_t now_ns,
		    struct verdict *ret_verdict);

/* Totals for the ledger that were in no verdict and no settlement, at most VERDICT_BUDGETS_MAX at a
 * time; 0 = all told. */
unsigned budgets_owed(struct budgets *budgets, struct budget_touch *touches);

/* Thresholds reached since the last time, each told once a window, also over restarts; of current
 * windows: ask after charges and settlements. At most BUDGET_ALERTS_MAX; fewer = all told. */
#define BUDGET_ALERTS_MAX 16
struct budget_alert {
	unsigned index; /* of the budget */
	unsigned percent;
	struct budget_view view;
};
unsigned budgets_alerts(struct budgets *budgets, struct budget_alert *alerts);

/* Expires old reservations, as every other call does; for when there are none. */
void budgets_tick(struct budgets *budgets, int64_t now_ns);
const struct budget_counters *budgets_counters(const struct budgets *budgets);
unsigned budgets_count(const struct budgets *budgets);
int budgets_find(const struct budgets *budgets, const char *name); /* its index, or -1 */
/* `exceeded` here: spent + reserved is over the limit. */
void budgets_view(struct budgets *budgets, unsigned index, int64_t now_ns,
		  struct budget_view *ret_view);
/* Counts the sets of rules: an index means the same budget as long as it stays. */
unsigned budgets_generation(const struct budgets *budgets);
/* What of a call of this process, with its labels, a budget asks for; until the next reload. False:
 * no such call can be refused by it. */
struct budget_pattern {
	const char *name, *provider, *model, *operation;
};
bool budgets_pattern(const struct budgets *budgets, unsigned index, const struct process *process,
		     struct budget_pattern *ret_pattern);

/* Whether it can apply to calls of this process: what one without rights may see. */
bool budgets_concern(const struct budgets *budgets, unsigned index, const struct process *process);
