/* verdict: a charge and every budget it touched; the published usage event. Made by src/budget,
 * taken by policy (watchers), ledger and sinks. The field table below is the one place that knows
 * how a member is named and written: JSON, the columns of the ledger and the schema follow it. */
#pragma once

#include "base/buf.h"
#include "budget/unit.h"
#include "price/charge.h"

#define VERDICT_BUDGETS_MAX 16
#define BUDGET_NAME_MAX     48

struct budget_touch {
	char name[BUDGET_NAME_MAX];
	enum budget_unit unit;
	int64_t window_start_ns; /* UTC: which window, or piece of a rolling one, this belongs to */
	int64_t window_end_ns;   /* 0: not known; no member of the event */
	money_wide spent;        /* in it, after this charge */
	money_wide estimated;    /* of that, by estimates; no member of the event */
	uint16_t fired_percent;  /* the highest threshold that was told in it */
	money_wide granted;      /* what may be used in it, or counted of a rate then; no member of
	                       * the event */
};

/* How the reservation of a call was found, or why not. */
enum correlation {
	CORRELATION_NONE,      /* there is none, or it was not recorded then */
	CORRELATION_ORDER,     /* by process, provider, model and order */
	CORRELATION_TOKEN,     /* the call names it */
	CORRELATION_AMBIGUOUS, /* of several, in different budgets: none was settled */
	CORRELATION_BAD_TOKEN, /* it names one that there is not, or of another user or provider */
};

struct verdict {
	struct charge charge;
	struct uuid decision_id; /* of the decision it settled; zero = it was not asked for */
	enum correlation correlation;
	/* What its budgets were charged: the cost; for an UNPRICED call what had been reserved for
	 * it, 0 without a reservation. */
	int64_t budget_cost_pico;
	unsigned n_budgets;
	struct budget_touch budgets[VERDICT_BUDGETS_MAX];
};

/* One field of the event: how it reads from a verdict and, for the ledger, back into one. To add
 * a field: a member, a row in verdict.c, an entry in include/outlay/event.schema.json and a column
 * in ledger/schema.sql: in `call` when it is each call's own, else in `caller` or `service`. A test
 * compares the four. */
enum field_kind {
	FIELD_TEXT,   /* char array; empty -> null */
	FIELD_UINT16, /* uint16_t; 0 -> null */
	FIELD_UINT32, /* uint32_t; UINT32_MAX -> null */
	FIELD_UINT64, /* uint64_t */
	FIELD_COUNT,  /* uint64_t; 0 -> null */
	FIELD_BOOL,   /* bool */
	FIELD_TIME,   /* int64_t UTC ns -> RFC 3339 */
	FIELD_UUID,   /* struct uuid; zero -> null */
	FIELD_ENUM,   /* an enum, named by `names`; an empty name -> null */
	FIELD_CUSTOM, /* written and read by functions of its own: usage, rates, budgets, cost */
};

struct verdict_field {
	const char *name; /* in JSON and as column */
	struct span key;  /* ",\"name\":" */
	enum field_kind kind;
	size_t offset;
	size_t size;
	const char *const *names; /* FIELD_ENUM */
	unsigned n_names;
	/* FIELD_CUSTOM: the value as JSON, and back from that JSON (0 or -EBADMSG; then the members
	 * are unchanged). No `read`: the value follows from other fields. */
	void (*write)(struct buf *out, const struct verdict *v);
	int (*read)(struct span json, struct verdict *v);
};

extern const struct verdict_field verdict_fields[];
extern const unsigned verdict_n_fields;

/* Of `budgets`, for the ledger: what repeats from call to call and what does not, each by itself.
 * `spent_usd` is read before `windows`. */
extern const struct verdict_field verdict_parts[];
extern const unsigned verdict_n_parts;

/* One flat JSON object, one line, without the newline. */
void verdict_json(struct buf *out, const struct verdict *v, const char *host_id,
		  const char *host_name);
