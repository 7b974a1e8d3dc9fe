/* The budgets of the usage event as JSON, whole and in two parts: what many calls share and what is
 * each one's own. As in budget/event.h a reader takes what its writer wrote: 0, or -EBADMSG and the
 * verdict unchanged. */
#pragma once

#include "budget/verdict.h"

/* [{name, window_start, spent_usd}]; of a budget in another unit: {..., unit, spent} */
void touches_write(struct buf *out, const struct verdict *v);
int touches_read(struct span json, struct verdict *v);

/* ["12.5", "1200 tokens"], and [{name, window_start}] of as many: read in this order. */
void touches_write_spent(struct buf *out, const struct verdict *v);
int touches_read_spent(struct span json, struct verdict *v);
void touches_write_windows(struct buf *out, const struct verdict *v);
int touches_read_windows(struct span json, struct verdict *v);
