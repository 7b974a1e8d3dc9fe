/* The prepared statements of the ledger and how they are run; inside of src/ledger. */
#pragma once

#include <sqlite3.h>

#include "base/buf.h"
#include "ledger/ledger.h"
#include "ledger/row.h"
#include "ledger/shared.h"
#include "ledger/touched.h"

/* The tables of an event, as schema.sql has them. */
enum table { CALL, CALLER, SERVICE, TABLE_MAX };

enum statement {
	BEGIN,
	COMMIT,
	TOUCH,
	OVERRIDE,
	SET_CURSOR,
	CURSOR,
	TOUCHES,
	OVERRIDES,
	META,
	RANGE,
	LAST,
	BY_ID,
	SINCE,
	NEWEST,
	NEWEST_OF_USER,
	STAYS,
	DROP_CALLS,
	DROP_CALLERS,
	DROP_SERVICES,
	ADD_ALERT,
	ALERTS,
	NEWEST_ALERTS,
	NEWEST_ALERT,
	SET_ALERT_CURSOR,
	ALERT_CURSOR,
	DROP_ALERTS,
	SET_HABIT,
	HABITS,
	DROP_HABITS,
	SET_BREAKER,
	BREAKERS,
	SET_MEDIAN,
	MEDIANS,
	DROP_MEDIANS,
	ADD_DEAD,
	DROP_DEAD,
	/* These hold the columns of the event: their text is made around them. */
	EVENTS,
	EVENTS_OF_USER,
	ADD, /* + table */
	STATEMENT_MAX = ADD + TABLE_MAX
};

struct ledger {
	sqlite3 *db;
	sqlite3_stmt *stmts[STATEMENT_MAX];
	int64_t last_seq;      /* given, also in the open batch */
	int64_t committed_seq; /* in the file */
	int64_t former;        /* rows of a former schema that this program cannot say */
	struct row_layout layout;
	struct shared shared[TABLE_MAX]; /* of the tables after CALL */
	struct touched *touched;         /* of the open batch */
	struct buf keys[TABLE_MAX];
	struct buf scratch;
};

/* Cursors of calls or of alerts: the statement says which. */
int statement_set_cursor(struct ledger *ledger, enum statement which, const char *sink,
			 int64_t seq);
int statement_cursor(struct ledger *ledger, enum statement which, const char *sink,
		     int64_t *ret_seq); /* 1, or 0 and a zero: none yet */

/* Prepares all of them. -errno. Those that read events take more memory than all others, and many
 * agents are never asked: they are only tried, and prepared again by statement_ready, before their
 * use. */
int statement_prepare(struct ledger *ledger);
int statement_ready(struct ledger *ledger, enum statement which);

/* What is not in it, as the uid of all, has no place in the statement. */
void statement_bind_query(sqlite3_stmt *stmt, const struct ledger_query *query, int64_t after_seq);

void statement_bind_text(sqlite3_stmt *stmt, int at, const char *text);

/* Of the row at hand; NULL is empty. Until the next step. */
struct span statement_text(sqlite3_stmt *stmt, int column);

/* 1: a row is there, 0: no (more) rows, or -errno. The caller resets. */
int statement_step(struct ledger *ledger, enum statement which);

/* One step of a statement that gives no rows, and reset. */
int statement_run(struct ledger *ledger, enum statement which);

/* The same for a write of a batch, which a failure rolls back, save -EEXIST. -EINVAL: there is no
 * batch, and it would be a transaction of its own. */
int statement_run_in_batch(struct ledger *ledger, enum statement which);

/* What the batch has touched, before it is committed: budgets.c. */
int budgets_write_touched(struct ledger *ledger);

/* The integer of the one row, and reset: 1, or 0 when there is none or it is NULL. */
int statement_int(struct ledger *ledger, enum statement which, int64_t *ret_value);
