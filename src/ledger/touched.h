/* What a batch says of windows of budgets: many calls of a batch touch the same one, and only what
 * was said last of it is written. */
#pragma once

#include <stdbool.h>

#include "budget/verdict.h"

struct touched;

/* `all` begins as NULL. False: no memory. */
bool touched_put(struct touched **all, const struct budget_touch *touch);
/* Takes one of them, in order of the first touches; false: there are no more. */
bool touched_take(struct touched **all, struct budget_touch *ret_touch);
void touched_clear(struct touched **all);
