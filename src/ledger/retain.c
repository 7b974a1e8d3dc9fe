/* Calls leave in slices, so that storing waits for milliseconds only, and from the front, so that
 * seq has no holes. */
#include "ledger/retain.h"

#include "ledger/database.h"
#include "ledger/statement.h"

/* The last seq of the oldest calls that may leave; 0 for none. */
static int find_end(struct ledger *ledger, int64_t before_ns, int64_t acked_seq, int64_t *ret_end)
{
	sqlite3_stmt *stmt = ledger->stmts[STAYS];
	int64_t end = 0, newest = ledger->committed_seq;
	int code;

	sqlite3_bind_int64(stmt, 1, before_ns);
	sqlite3_bind_int64(stmt, 2, RETAIN_SLICE);
	code = statement_step(ledger, STAYS);
	if (code > 0)
		end = sqlite3_column_type(stmt, 0) == SQLITE_NULL
			  ? sqlite3_column_int64(stmt, 1)
			  : sqlite3_column_int64(stmt, 0) - 1;
	sqlite3_reset(stmt);
	if (end >= newest)
		end = newest - 1;
	*ret_end = end < acked_seq ? end : acked_seq;
	return code < 0 ? code : 0;
}

static int drop(struct ledger *ledger, enum statement which, int64_t end)
{
	sqlite3_bind_int64(ledger->stmts[which], 1, end);
	return statement_run(ledger, which);
}

int retain_drop(struct ledger *ledger, int64_t before_ns, int64_t acked_seq, int64_t *ret_dropped)
{
	int64_t end = 0, dropped = 0;
	int code = find_end(ledger, before_ns, acked_seq, &end);

	if (code < 0 || end <= 0) {
		*ret_dropped = 0;
		return code;
	}
	code = ledger_begin(ledger);
	if (code == 0)
		code = drop(ledger, DROP_CALLS, end);
	dropped = sqlite3_changes64(ledger->db);
	/* A row is named by the SHARED_CALLS calls from its key on, and by none beyond. */
	if (code == 0)
		code = drop(ledger, DROP_CALLERS, end + 1 - SHARED_CALLS);
	if (code == 0)
		code = drop(ledger, DROP_SERVICES, end + 1 - SHARED_CALLS);
	if (code == 0)
		code = ledger_commit(ledger);
	if (code < 0) {
		ledger_rollback(ledger);
		return code;
	}
	*ret_dropped = dropped;
	return 0;
}

int retain_windows(struct ledger *ledger)
{
	return database_run(ledger->db, database_drop_windows);
}
