/* Files of a former schema: their events are brought into the tables of this one. */
#pragma once

#include "ledger/statement.h"

/* In transactions of some thousand rows, each whole: a crash in between costs nothing, the next
 * start goes on. Numbers stay. What this program cannot say stays where it was and is counted. */
int former_bring_over(struct ledger *ledger);
