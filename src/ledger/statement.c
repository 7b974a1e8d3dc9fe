/* The SQL of the ledger in one table, besides the three statements that list the columns of the
 * event: those follow the field table of budget/verdict.h. */
#include "ledger/statement.h"

#include <errno.h>

#include "ledger/database.h"
#include "ledger/row.h"

#define MATCH   " FROM event WHERE seq > ?1 AND time_end >= ?2"
#define OF_USER " AND uid = ?4"

static const char *const fixed[EVENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[TOUCH] = "REPLACE INTO budget_total (name, window_start, spent_usd) VALUES (?, ?, ?)",
	[SET_CURSOR] = "REPLACE INTO sink_cursor (sink, seq) VALUES (?, ?)",
	[CURSOR] = "SELECT seq FROM sink_cursor WHERE sink = ?",
	[TOUCHES] = "SELECT name, window_start, spent_usd FROM budget_total ORDER BY name",
	[META] = "SELECT value FROM meta WHERE key = ?",
	/* Two lookups at the ends of the tree; min() and max() in one query would walk all of it.
	 */
	[RANGE] = "SELECT (SELECT min(seq) FROM event), (SELECT max(seq) FROM event)",
	[LAST] = "SELECT max(ifnull((SELECT max(seq) FROM event), 0),"
		 " ifnull((SELECT max(seq) FROM sink_cursor), 0))",
	/* The plus: by the index of time, not along the table. */
	[SINCE] = "SELECT min(+seq) FROM event WHERE time_end >= ?",
	[NEWEST] = "SELECT min(seq) FROM (SELECT seq" MATCH " ORDER BY seq DESC LIMIT ?3)",
	[NEWEST_OF_USER] =
	    "SELECT min(seq) FROM (SELECT seq" MATCH OF_USER " ORDER BY seq DESC LIMIT ?3)",
};

int statement_step(struct ledger *ledger, enum statement which)
{
	switch (sqlite3_step(ledger->stmts[which])) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return database_errno(ledger->db);
	}
}

int statement_run(struct ledger *ledger, enum statement which)
{
	int code = statement_step(ledger, which);

	sqlite3_reset(ledger->stmts[which]);
	return code;
}

int statement_int(struct ledger *ledger, enum statement which, int64_t *ret_value)
{
	sqlite3_stmt *stmt = ledger->stmts[which];
	int code = statement_step(ledger, which);

	if (code > 0 && sqlite3_column_type(stmt, 0) == SQLITE_NULL)
		code = 0;
	if (code > 0)
		*ret_value = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return code;
}

void statement_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text, -1, SQLITE_TRANSIENT);
}

static int prepare(struct ledger *ledger, enum statement which, const char *sql)
{
	if (sqlite3_prepare_v3(ledger->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
			       &ledger->stmts[which], NULL) != SQLITE_OK)
		return database_errno(ledger->db);
	return 0;
}

/* A statement around the list of columns and, for an INSERT, one parameter for each. */
static int prepare_rows(struct ledger *ledger, enum statement which, const char *before,
			const char *after, bool places)
{
	struct buf *sql = &ledger->scratch;

	buf_reset(sql);
	buf_put(sql, span_of(before));
	row_columns(sql);
	buf_put(sql, span_of(after));
	if (places) {
		row_places(sql);
		buf_put(sql, SPAN(")"));
	}
	buf_put(sql, (struct span){ "", 1 });
	return sql->failed ? -ENOMEM : prepare(ledger, which, sql->data);
}

int statement_prepare(struct ledger *ledger)
{
	int code = 0;

	for (int i = 0; i < EVENTS && code == 0; i++)
		code = prepare(ledger, i, fixed[i]);
	if (code == 0)
		code = prepare_rows(ledger, EVENTS, "SELECT seq,", MATCH " ORDER BY seq LIMIT ?3",
				    false);
	if (code == 0)
		code = prepare_rows(ledger, EVENTS_OF_USER, "SELECT seq,",
				    MATCH OF_USER " ORDER BY seq LIMIT ?3", false);
	if (code == 0)
		code = prepare_rows(ledger, ADD, "INSERT INTO event (seq,", ") VALUES (?,", true);
	return code;
}
