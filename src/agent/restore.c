/* Persons' words come before totals: what may be used in a window depends on them. */
#include "agent/restore.h"

#include "base/clock.h"

static int64_t now_utc(void)
{
	return clock_system.now_ns(&clock_system);
}

static void restore_touch(void *ctx, const struct budget_touch *touch)
{
	budgets_restore(ctx, touch, now_utc());
}

static void restore_override(void *ctx, const struct budget_override *override)
{
	override_restore(ctx, override, now_utc());
}

int restore_budgets(struct ledger *ledger, struct budgets *budgets)
{
	int code = ledger_overrides(ledger, restore_override, budgets);

	return code < 0 ? code : ledger_touches(ledger, restore_touch, budgets);
}
