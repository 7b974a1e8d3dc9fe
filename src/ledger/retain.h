/* How long calls are kept: the oldest leave at the front of the table, and with them the rows of
 * `caller` and `service` that no call names any more. Totals of budgets are not made from them. */
#pragma once

#include "ledger/ledger.h"

#define RETAIN_SLICE 4096 /* calls that leave at once: some milliseconds */

/* In a transaction of its own: drops calls that ended before `before_ns`, up to `acked_seq`, from
 * the front up to the first that stays. The newest call always stays, so that no number comes
 * twice. 0 or -errno; the file keeps its size and fills its holes. */
int retain_drop(struct ledger *ledger, int64_t before_ns, int64_t acked_seq, int64_t *ret_dropped);

/* Drops windows of budgets that nobody asks for: over 64 ago, or of a budget that is no more. */
int retain_windows(struct ledger *ledger);
