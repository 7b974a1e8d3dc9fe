/* The SQL of the ledger in one table, besides the statements that list the columns of the event:
 * those follow the field table of budget/verdict.h and the tables of the file. */
#include "ledger/statement.h"

#include <errno.h>

#include "ledger/database.h"
#include "ledger/ledger.h"

#define MATCH   " FROM call WHERE seq > ?1 AND time_end >= ?2"
#define OF_USER " AND uid = ?4"
#define JOINED                                                                                     \
	" FROM call LEFT JOIN caller USING (caller) LEFT JOIN service USING (service)"             \
	" WHERE seq > ?1 AND time_end >= ?2"

static const char *const tables[TABLE_MAX] = { "call", "caller", "service" };

static const char *const fixed[EVENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[TOUCH] = "REPLACE INTO budget_window (name, window_start, spent_usd, unit, window_end,"
		  " fired, granted, estimated)"
		  " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	[OVERRIDE] = "INSERT INTO budget_override (time, budget, action, amount, unit, until, uid,"
		     " pid, user, why)"
		     " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[SET_CURSOR] = "REPLACE INTO sink_cursor (sink, seq) VALUES (?, ?)",
	[CURSOR] = "SELECT seq FROM sink_cursor WHERE sink = ?",
	[TOUCHES] = "SELECT name, window_start, spent_usd, unit, window_end, fired, granted,"
		    " estimated"
		    " FROM budget_window ORDER BY name, window_start",
	[OVERRIDES] = "SELECT time, budget, action, amount, unit, until, uid, pid, user, why"
		      " FROM budget_override ORDER BY seq",
	[META] = "SELECT value FROM meta WHERE key = ?",
	/* Two lookups at the ends of the tree; min() and max() in one query would walk all of it.
	 */
	[RANGE] = "SELECT (SELECT min(seq) FROM call), (SELECT max(seq) FROM call)",
	[LAST] = "SELECT max(ifnull((SELECT max(seq) FROM call), 0),"
		 " ifnull((SELECT max(seq) FROM sink_cursor), 0))",
	[BY_ID] = "SELECT seq FROM call WHERE event_id = ?1 AND (?2 IS NULL OR uid = ?2)",
	/* The plus: by the index of time, not along the table. */
	[SINCE] = "SELECT min(+seq) FROM call WHERE time_end >= ?",
	[NEWEST] = "SELECT min(seq) FROM (SELECT seq" MATCH " ORDER BY seq DESC LIMIT ?3)",
	[NEWEST_OF_USER] =
	    "SELECT min(seq) FROM (SELECT seq" MATCH OF_USER " ORDER BY seq DESC LIMIT ?3)",
	/* Of the oldest ?2 calls: the first that is to stay, and the last. */
	[STAYS] = "SELECT min(seq) FILTER (WHERE time_end >= ?1), max(seq)"
		  " FROM (SELECT seq, time_end FROM call ORDER BY seq LIMIT ?2)",
	[DROP_CALLS] = "DELETE FROM call WHERE seq <= ?",
	[DROP_CALLERS] = "DELETE FROM caller WHERE caller <= ?",
	[DROP_SERVICES] = "DELETE FROM service WHERE service <= ?",
	[ADD_ALERT] = "INSERT INTO alert (event_id, time, kind, level, subject, window_start, step,"
		      " text, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[ALERTS] = "SELECT seq, event_id, time, kind, level, subject, window_start, step, text,"
		   " details FROM alert WHERE seq > ?1 AND time >= ?2 ORDER BY seq LIMIT ?3",
	[NEWEST_ALERTS] = "SELECT min(seq) FROM (SELECT seq FROM alert WHERE seq > ?1"
			  " AND time >= ?2 ORDER BY seq DESC LIMIT ?3)",
	[NEWEST_ALERT] = "SELECT max(seq) FROM alert",
	[SET_ALERT_CURSOR] = "REPLACE INTO alert_cursor (sink, seq) VALUES (?, ?)",
	[ALERT_CURSOR] = "SELECT seq FROM alert_cursor WHERE sink = ?",
	/* The newest stays: its number is never given again. */
	[DROP_ALERTS] = "DELETE FROM alert WHERE seq <= ?2 AND time < ?1"
			" AND seq < (SELECT max(seq) FROM alert)",
	[SET_HABIT] = "REPLACE INTO habit (uid, exe, hour, calls, spent_pico)"
		      " VALUES (?, ?, ?, ?, ?)",
	[HABITS] = "SELECT uid, exe, hour, calls, spent_pico FROM habit WHERE hour > ?"
		   " ORDER BY hour",
	[DROP_HABITS] = "DELETE FROM habit WHERE hour <= ?",
	[SET_BREAKER] = "REPLACE INTO breaker (provider, state, by_errors, by_latency, since,"
			" opened, looked, learned_calls, learned_errors)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[BREAKERS] = "SELECT provider, state, by_errors, by_latency, since, opened, looked,"
		     " learned_calls, learned_errors FROM breaker",
	[SET_MEDIAN] = "REPLACE INTO latency (provider, model, operation, streaming, median_ns,"
		       " learned, calls) VALUES (?, ?, ?, ?, ?, ?, ?)",
	[MEDIANS] = "SELECT provider, model, operation, streaming, median_ns, learned, calls"
		    " FROM latency ORDER BY learned",
	[DROP_MEDIANS] = "DELETE FROM latency WHERE learned < ?",
	[ADD_DEAD] = "REPLACE INTO dead_letter (sink, seq, time, reason) VALUES (?, ?, ?, ?)",
	[DROP_DEAD] = "DELETE FROM dead_letter WHERE time < ?",
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

int statement_run_in_batch(struct ledger *ledger, enum statement which)
{
	int code = sqlite3_get_autocommit(ledger->db) ? -EINVAL : statement_run(ledger, which);

	if (code == -EINVAL)
		sqlite3_reset(ledger->stmts[which]);
	if (code < 0 && code != -EEXIST)
		ledger_rollback(ledger);
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

void statement_bind_query(sqlite3_stmt *stmt, const struct ledger_query *query, int64_t after_seq)
{
	sqlite3_bind_int64(stmt, 1, after_seq);
	sqlite3_bind_int64(stmt, 2, query->since_ns ? query->since_ns : INT64_MIN);
	sqlite3_bind_int64(stmt, 3, query->limit);
	if (sqlite3_bind_parameter_count(stmt) > 3)
		sqlite3_bind_int64(stmt, 4, query->uid);
}

int statement_set_cursor(struct ledger *ledger, enum statement which, const char *sink, int64_t seq)
{
	statement_bind_text(ledger->stmts[which], 1, sink);
	sqlite3_bind_int64(ledger->stmts[which], 2, seq);
	return statement_run_in_batch(ledger, which);
}

int statement_cursor(struct ledger *ledger, enum statement which, const char *sink,
		     int64_t *ret_seq)
{
	int64_t seq = 0;
	int code;

	statement_bind_text(ledger->stmts[which], 1, sink);
	code = statement_int(ledger, which, &seq);
	if (code >= 0)
		*ret_seq = seq;
	return code;
}

struct span statement_text(sqlite3_stmt *stmt, int column)
{
	return span_of((const char *)sqlite3_column_text(stmt, column));
}

static int prepare(struct ledger *ledger, enum statement which, const char *sql)
{
	if (sqlite3_prepare_v3(ledger->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
			       &ledger->stmts[which], NULL) != SQLITE_OK)
		return database_errno(ledger->db);
	return 0;
}

static int prepare_text(struct ledger *ledger, enum statement which)
{
	struct buf *sql = &ledger->scratch;

	buf_put(sql, (struct span){ "", 1 });
	return sql->failed ? -ENOMEM : prepare(ledger, which, sql->data);
}

/* seq, a number that is NULL when a row that the call names is missing, and all columns. */
static int prepare_events(struct ledger *ledger, enum statement which)
{
	struct buf *sql = &ledger->scratch;
	const char *after = which == EVENTS ? JOINED " ORDER BY seq LIMIT ?3"
					    : JOINED OF_USER " ORDER BY seq LIMIT ?3";

	buf_reset(sql);
	buf_put(sql, SPAN("SELECT seq,caller.caller+service.service"));
	for (unsigned t = 0; t < TABLE_MAX; t++)
		row_names(sql, &ledger->layout, t);
	buf_put(sql, span_of(after));
	return prepare_text(ledger, which);
}

static int prepare_add(struct ledger *ledger, enum table table)
{
	struct buf *sql = &ledger->scratch;
	bool is_call = table == CALL;

	buf_reset(sql);
	buf_printf(sql, "INSERT INTO %s (%s", tables[table],
		   is_call ? "seq,caller,service" : tables[table]);
	row_names(sql, &ledger->layout, table);
	buf_put(sql, is_call ? SPAN(") VALUES (?,?,?") : SPAN(") VALUES (?"));
	row_places(sql, &ledger->layout, table);
	buf_put(sql, SPAN(")"));
	return prepare_text(ledger, ADD + table);
}

static void forget(struct ledger *ledger, enum statement which)
{
	sqlite3_finalize(ledger->stmts[which]);
	ledger->stmts[which] = NULL;
}

int statement_ready(struct ledger *ledger, enum statement which)
{
	return ledger->stmts[which] ? 0 : prepare_events(ledger, which);
}

int statement_prepare(struct ledger *ledger)
{
	int code = row_layout(ledger->db, tables, TABLE_MAX, &ledger->layout);

	for (int i = 0; i < EVENTS && code == 0; i++)
		code = prepare(ledger, i, fixed[i]);
	for (int i = EVENTS; i <= EVENTS_OF_USER && code == 0; i++) {
		code = prepare_events(ledger, i);
		forget(ledger, i);
	}
	for (unsigned t = 0; t < TABLE_MAX && code == 0; t++)
		code = prepare_add(ledger, t);
	return code;
}
