/* What a budget may use now: its limit, the unused part of the windows before up to the rule's cap,
 * and what a person has added; and its mode, which a person may have changed too. */
#pragma once

#include "budget/state.h"

/* `limit`, `mode` and `is_stopped` of the budget as of now: after each turn of its window, and when
 * the rule, the figures of a former window or a person's word are new ones. True: the window leaves
 * something else to the next one than it did, which the ledger must know. */
bool room_look(struct budget *budget, int64_t now_ns);
