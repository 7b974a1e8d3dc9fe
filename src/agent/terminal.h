/* The agent's terminal: one aligned line a call, as it happens. Main loop only. */
#pragma once

#include "budget/verdict.h"

void terminal_head(void);
void terminal_show(const struct verdict *verdict);
