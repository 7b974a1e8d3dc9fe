/* The prepared statements of the ledger and how they are run; inside of src/ledger. */
#pragma once

#include <sqlite3.h>

#include "base/buf.h"

enum statement {
	BEGIN,
	COMMIT,
	TOUCH,
	SET_CURSOR,
	CURSOR,
	TOUCHES,
	META,
	RANGE,
	LAST,
	SINCE,
	NEWEST,
	NEWEST_OF_USER,
	/* These hold the columns of the event: their text is made around them. */
	EVENTS,
	EVENTS_OF_USER,
	ADD,
	STATEMENT_MAX
};

struct ledger {
	sqlite3 *db;
	sqlite3_stmt *stmts[STATEMENT_MAX];
	int64_t last_seq;      /* given, also in the open batch */
	int64_t committed_seq; /* in the file */
	struct buf scratch;
};

/* Prepares all of them. -errno. */
int statement_prepare(struct ledger *ledger);

void statement_bind_text(sqlite3_stmt *stmt, int at, const char *text);

/* 1: a row is there, 0: no (more) rows, or -errno. The caller resets. */
int statement_step(struct ledger *ledger, enum statement which);

/* One step of a statement that gives no rows, and reset. */
int statement_run(struct ledger *ledger, enum statement which);

/* The integer of the one row, and reset: 1, or 0 when there is none or it is NULL. */
int statement_int(struct ledger *ledger, enum statement which, int64_t *ret_value);
