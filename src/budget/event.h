/* The values of the usage event that are no plain member: how they are written as JSON and, for
 * rows of the ledger, read back. Rows of the table in verdict.c name them; nobody else calls them.
 *
 * A reader takes what its writer wrote: 0, or -EBADMSG and the verdict unchanged. */
#pragma once

#include "budget/verdict.h"

/* Decimal digits of an unsigned integer; a text of ours that needs no escapes, in quotes. */
void event_put_u64(struct buf *out, uint64_t value);
void event_put_quoted(struct buf *out, const char *text);

/* {bucket: count} of what the provider said; {bucket: "decimal USD a unit"} of what was rated. */
void event_write_usage(struct buf *out, const struct verdict *v);
int event_read_usage(struct span json, struct verdict *v);
void event_write_rates(struct buf *out, const struct verdict *v);
int event_read_rates(struct span json, struct verdict *v);

/* What is wrong with the counts of a call all the same; null: nothing that is known. */
void event_write_usage_doubt(struct buf *out, const struct verdict *v);

/* Text, so that no reader rounds it; null when unpriced. */
void event_write_cost_usd(struct buf *out, const struct verdict *v);
int event_read_cost_usd(struct span json, struct verdict *v);
void event_write_cost_pico(struct buf *out, const struct verdict *v);
int event_read_cost_pico(struct span json, struct verdict *v);
void event_write_unpriced_reason(struct buf *out, const struct verdict *v);
int event_read_unpriced_reason(struct span json, struct verdict *v);

/* Milliseconds with three decimals; null when there is none or the clock went back in between. */
void event_write_duration(struct buf *out, const struct verdict *v);
void event_write_ttfb(struct buf *out, const struct verdict *v);
int event_read_ttfb(struct span json, struct verdict *v);

/* {name: {"limit", "remaining", "resets"}}, of each what was said. */
void event_write_limits(struct buf *out, const struct verdict *v);
int event_read_limits(struct span json, struct verdict *v);

/* What the budgets were charged: null without budgets. The budgets: budget/touches.h. */
void event_write_budget_cost(struct buf *out, const struct verdict *v);
int event_read_budget_cost(struct span json, struct verdict *v);
