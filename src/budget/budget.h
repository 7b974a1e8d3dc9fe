/* Budgets: what is spent, what is reserved, who may go on. Pure state, no I/O, no clock of its own:
 * every call takes `now_ns` (UTC). Owned by one thread.
 *
 * Invariants, asserted after each step in debug builds: the sum of open reservations of a budget is
 * its reserved counter; a decision never takes spent + reserved over limit.
 *
 * A reservation lives: open -> settled by the captured call, by POST /v1/settle, or expired. It is
 * matched with a captured call by process (pid and start time) and provider, oldest first, one with
 * the same model before one with another. A reservation that the caller settled by itself stays
 * known for RESERVATION_KEEP_NS: the captured call that belongs to it then replaces the caller's
 * figure, so that nothing is charged twice. */
#pragma once

#include "base/counter.h"
#include "base/err.h"
#include "base/uuid.h"
#include "budget/verdict.h"

#define BUDGETS_MAX         4096
#define RESERVATIONS_MAX    65536                /* open at once; more is refused by `deny` */
#define RESERVATION_TTL_NS  (600 * 1000000000LL) /* a call may take so long after its decision */
#define RESERVATION_KEEP_NS (600 * 1000000000LL)

enum budget_period { BUDGET_DAY, BUDGET_MONTH };
enum budget_mode { BUDGET_OBSERVE, BUDGET_ADVISE };
enum budget_unpriced { UNPRICED_DENY, UNPRICED_ALLOW };

/* One entry of budgets.yaml. Empty match texts match all; provider, model and exe may hold `*`. */
struct budget_label {
	char *key;
	char *value;
};

struct budget_rule {
	char *name;
	char *provider, *model, *user, *exe;
	struct budget_label *labels;
	unsigned n_labels;
	money_wide limit_pico;
	enum budget_period period; /* calendar day or month in UTC */
	enum budget_mode mode;
	enum budget_unpriced unpriced;
};

/* budgets.yaml: `budgets: [{name, match: {provider, model, user, exe, label: {...}},
 * limit: "500 USD per month", mode: observe|advise, unpriced: deny|allow}]`. A missing file is no
 * budget. -EINVAL with "FILE:LINE: KEY: what was expected". */
struct budget_rules;
int budget_rules_load(const char *path, struct budget_rules **ret_rules, struct err *err);
void budget_rules_free(struct budget_rules *rules);
unsigned budget_rules_count(const struct budget_rules *rules);

struct budgets;

struct budget_counters {
	struct counter allowed, denied;
	struct counter charged, unpriced;
	struct counter settled_by_capture, settled_by_caller, expired;
	struct counter late; /* captured calls that replaced a figure of the caller */
};

int budgets_new(struct budget_rules *rules, struct budgets **ret_budgets); /* takes the rules */
void budgets_free(struct budgets *budgets);

/* New rules, same totals: a budget keeps its spend by name while its period stays the same.
 * Reservations stay with budgets that still exist. Takes the rules. */
void budgets_reload(struct budgets *budgets, struct budget_rules *rules, int64_t now_ns);

/* From the ledger at start: what a budget has spent in a window. Unknown names and past windows are
 * ignored. */
void budgets_restore(struct budgets *budgets, const struct budget_touch *touch, int64_t now_ns);

/* What a caller asks. Texts are borrowed. */
struct budget_ask {
	const struct process *process; /* the caller, by its socket */
	struct span provider, model, operation;
	const char *labels; /* "k=v,k=v" of the request; those of the process count too */
	bool priced;        /* `cost_pico` is known */
	int64_t cost_pico;  /* estimate */
	bool dry_run;
};

struct budget_view {
	const char *name; /* of the rules: valid until the next reload */
	money_wide limit_pico, spent_pico, reserved_pico;
	int64_t window_start_ns, resets_ns;
	enum budget_mode mode;
	bool exceeded; /* this one is a reason for the denial (or would be, in observe mode) */
	bool unpriced; /* the reason is that the price is unknown */
};

enum decision { DECISION_ALLOW, DECISION_WARN, DECISION_DENY };

struct budget_answer {
	enum decision decision; /* WARN: an observe budget is over its limit */
	struct uuid decision_id;
	struct uuid reservation_id; /* zero for a denial and a dry run */
	int64_t reserved_pico;
	int64_t expires_ns;
	unsigned n_budgets; /* that match, with their state after the decision */
	unsigned n_cut;     /* matched beyond VERDICT_BUDGETS_MAX: they still bind */
	struct budget_view budgets[VERDICT_BUDGETS_MAX];
};

/* Reserves in every matching budget or in none. */
void budgets_decide(struct budgets *budgets, const struct budget_ask *ask, int64_t now_ns,
		    struct budget_answer *ret_answer);

/* The caller says what its call cost (NULL: what was reserved). -ENOENT: no such reservation, or
 * not of this process; -EALREADY: settled before (then nothing changes). Zero or more budgets are
 * touched; the ledger must store them: `touches` holds VERDICT_BUDGETS_MAX. */
int budgets_settle(struct budgets *budgets, const struct uuid *reservation,
		   const struct process *process, const int64_t *cost_pico, int64_t now_ns,
		   struct budget_touch *touches, unsigned *ret_n_touches);

/* A captured call: charges it to every budget that matches, settles its reservation. */
void budgets_charge(struct budgets *budgets, const struct charge *charge, int64_t now_ns,
		    struct verdict *ret_verdict);

/* Expires old reservations; call it every second or so. */
void budgets_tick(struct budgets *budgets, int64_t now_ns);

unsigned budgets_count(const struct budgets *budgets);
void budgets_view(struct budgets *budgets, unsigned index, int64_t now_ns,
		  struct budget_view *ret_view);
/* Whether a budget applies to calls of this process at all (user and exe match), whatever the
 * provider: what a caller without rights may see. */
bool budgets_concern(const struct budgets *budgets, unsigned index, const struct process *process);

const struct budget_counters *budgets_counters(const struct budgets *budgets);
