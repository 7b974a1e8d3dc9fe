/* The rows of budgets: what each has used in its windows, and what persons have said of it. Both
 * are read once, at the start. */
#include <errno.h>

#include "ledger/ledger.h"
#include "ledger/statement.h"

/* --- windows */

static int write_touch(struct ledger *ledger, const struct budget_touch *touch)
{
	sqlite3_stmt *stmt = ledger->stmts[TOUCH];
	char spent[MONEY_TEXT_MAX], granted[MONEY_TEXT_MAX], estimated[MONEY_TEXT_MAX];

	statement_bind_text(stmt, 1, touch->name);
	sqlite3_bind_int64(stmt, 2, touch->window_start_ns);
	statement_bind_text(stmt, 3, unit_format(touch->unit, touch->spent, spent));
	statement_bind_text(stmt, 4, touch->unit == UNIT_USD ? NULL : unit_name(touch->unit));
	sqlite3_bind_int64(stmt, 5, touch->window_end_ns);
	sqlite3_bind_int64(stmt, 6, touch->fired_percent);
	statement_bind_text(stmt, 7, unit_format(touch->unit, touch->granted, granted));
	statement_bind_text(stmt, 8, unit_format(touch->unit, touch->estimated, estimated));
	return statement_run_in_batch(ledger, TOUCH);
}

int ledger_touch(struct ledger *ledger, const struct budget_touch *touch)
{
	if (sqlite3_get_autocommit(ledger->db))
		return -EINVAL;
	return touched_put(&ledger->touched, touch) ? 0 : write_touch(ledger, touch);
}

int budgets_write_touched(struct ledger *ledger)
{
	struct budget_touch touch;
	int code = 0;

	while (code == 0 && touched_take(&ledger->touched, &touch))
		code = write_touch(ledger, &touch);
	return code;
}

static int read_touch(sqlite3_stmt *stmt, struct budget_touch *touch)
{
	const char *name = (const char *)sqlite3_column_text(stmt, 0);
	const char *spent = (const char *)sqlite3_column_text(stmt, 2);
	const char *unit = (const char *)sqlite3_column_text(stmt, 3);
	const char *granted = (const char *)sqlite3_column_text(stmt, 6);
	const char *estimated = (const char *)sqlite3_column_text(stmt, 7);

	if (!name || !span_copy(span_of(name), touch->name, sizeof(touch->name)) ||
	    unit_find(span_of(unit ? unit : "USD"), &touch->unit) < 0 ||
	    unit_parse(touch->unit, span_of(spent), &touch->spent) < 0 ||
	    unit_parse(touch->unit, span_of(granted ? granted : spent), &touch->granted) < 0 ||
	    unit_parse(touch->unit, span_of(estimated ? estimated : "0"), &touch->estimated) < 0)
		return -EBADMSG;
	touch->window_start_ns = sqlite3_column_int64(stmt, 1);
	touch->window_end_ns = sqlite3_column_int64(stmt, 4);
	touch->fired_percent = (uint16_t)sqlite3_column_int(stmt, 5);
	return 0;
}

int ledger_touches(struct ledger *ledger, ledger_touch_fn *fn, void *ctx)
{
	sqlite3_stmt *stmt = ledger->stmts[TOUCHES];
	struct budget_touch touch;
	int code = statement_step(ledger, TOUCHES);

	while (code > 0) {
		code = read_touch(stmt, &touch);
		if (code == 0) {
			fn(ctx, &touch);
			code = statement_step(ledger, TOUCHES);
		}
	}
	sqlite3_reset(stmt);
	return code;
}

/* --- overrides */

int ledger_override(struct ledger *ledger, const struct budget_override *override)
{
	sqlite3_stmt *stmt = ledger->stmts[OVERRIDE];
	char amount[MONEY_TEXT_MAX];

	sqlite3_bind_int64(stmt, 1, override->time_ns);
	statement_bind_text(stmt, 2, override->budget);
	statement_bind_text(stmt, 3, override_name(override->action));
	statement_bind_text(stmt, 4, unit_format(override->unit, override->amount, amount));
	statement_bind_text(stmt, 5, unit_name(override->unit));
	sqlite3_bind_int64(stmt, 6, override->until_ns);
	sqlite3_bind_int64(stmt, 7, override->uid);
	sqlite3_bind_int64(stmt, 8, override->pid);
	statement_bind_text(stmt, 9, override->user);
	statement_bind_text(stmt, 10, override->why);
	return statement_run_in_batch(ledger, OVERRIDE);
}

static int read_override(sqlite3_stmt *stmt, struct budget_override *override)
{
	*override = (struct budget_override){
		.time_ns = sqlite3_column_int64(stmt, 0),
		.until_ns = sqlite3_column_int64(stmt, 5),
		.uid = (uint32_t)sqlite3_column_int64(stmt, 6),
		.pid = (uint32_t)sqlite3_column_int64(stmt, 7),
	};
	if (!span_copy(statement_text(stmt, 1), override->budget, sizeof(override->budget)) ||
	    override_find(statement_text(stmt, 2), &override->action) < 0 ||
	    unit_find(statement_text(stmt, 4), &override->unit) < 0 ||
	    unit_parse(override->unit, statement_text(stmt, 3), &override->amount) < 0)
		return -EBADMSG;
	span_copy(statement_text(stmt, 8), override->user, sizeof(override->user));
	span_copy(statement_text(stmt, 9), override->why, sizeof(override->why));
	return 0;
}

int ledger_overrides(struct ledger *ledger, ledger_override_fn *fn, void *ctx)
{
	sqlite3_stmt *stmt = ledger->stmts[OVERRIDES];
	struct budget_override override;
	int code = statement_step(ledger, OVERRIDES);

	while (code > 0) {
		code = read_override(stmt, &override);
		if (code == 0) {
			fn(ctx, &override);
			code = statement_step(ledger, OVERRIDES);
		}
	}
	sqlite3_reset(stmt);
	return code;
}
