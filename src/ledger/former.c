/* Version 1 had one table of all columns. The layout of rows follows the columns that a table has,
 * so an event of then is read by what reads one of now. Runs before anything is added. */
#include "ledger/former.h"

#include <errno.h>

#include "ledger/database.h"
#include "ledger/ledger.h"

#define SLICE_ROWS 4096

static const char *const former_table[] = { DATABASE_FORMER };

struct former {
	struct ledger *ledger;
	struct row_layout layout;
	sqlite3_stmt *select, *drop;
	int64_t seq;     /* of the last row that was looked at */
	int64_t stepped; /* rows of this slice */
};

static int prepare(struct former *f)
{
	struct buf *sql = &f->ledger->scratch;

	buf_reset(sql);
	buf_put(sql, SPAN("SELECT seq"));
	row_names(sql, &f->layout, 0);
	buf_printf(sql, " FROM " DATABASE_FORMER " WHERE seq > ? ORDER BY seq LIMIT %d",
		   SLICE_ROWS);
	buf_put(sql, (struct span){ "", 1 });
	if (sql->failed)
		return -ENOMEM;
	if (sqlite3_prepare_v2(f->ledger->db, sql->data, -1, &f->select, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(f->ledger->db, "DELETE FROM " DATABASE_FORMER " WHERE seq = ?", -1,
			       &f->drop, NULL) != SQLITE_OK)
		return database_errno(f->ledger->db);
	return 0;
}

/* The row at hand: brought over and dropped, or left and counted. */
static int bring_row(struct former *f)
{
	struct verdict verdict;
	int64_t seq;
	int code = row_read(f->select, 1, &f->layout, &f->ledger->scratch, &verdict);

	f->seq = sqlite3_column_int64(f->select, 0);
	f->ledger->last_seq = f->seq - 1;
	if (code == 0)
		code = ledger_add(f->ledger, &verdict, &seq);
	f->ledger->last_seq = f->seq;
	if (code == -EBADMSG || code == -EEXIST) {
		f->ledger->former++;
		return 0;
	}
	if (code < 0)
		return code;
	sqlite3_bind_int64(f->drop, 1, f->seq);
	code = sqlite3_step(f->drop) == SQLITE_DONE ? 0 : database_errno(f->ledger->db);
	sqlite3_reset(f->drop);
	return code;
}

static int bring_slice(struct former *f)
{
	int code = ledger_begin(f->ledger), step;

	f->stepped = 0;
	sqlite3_bind_int64(f->select, 1, f->seq);
	step = code == 0 ? sqlite3_step(f->select) : SQLITE_DONE;
	while (code == 0 && step == SQLITE_ROW) {
		f->stepped++;
		code = bring_row(f);
		step = code == 0 ? sqlite3_step(f->select) : SQLITE_DONE;
	}
	if (code == 0 && step != SQLITE_DONE)
		code = database_errno(f->ledger->db);
	sqlite3_reset(f->select);
	if (code == 0)
		code = ledger_commit(f->ledger);
	return code;
}

static int bring_all(struct former *f)
{
	int64_t newest = f->ledger->last_seq;
	int code = prepare(f);

	do
		code = code == 0 ? bring_slice(f) : code;
	while (code == 0 && f->stepped == SLICE_ROWS);
	if (f->ledger->last_seq < newest)
		f->ledger->last_seq = f->ledger->committed_seq = newest;
	return code;
}

int former_bring_over(struct ledger *ledger)
{
	struct former f = { .ledger = ledger };
	int code = row_layout(ledger->db, former_table, 1, &f.layout);

	if (code < 0 || !f.layout.end[0])
		return code;
	code = bring_all(&f);
	sqlite3_finalize(f.select);
	sqlite3_finalize(f.drop);
	if (code < 0)
		ledger_rollback(ledger);
	else if (!ledger->former)
		code = database_run(ledger->db, "DROP TABLE " DATABASE_FORMER);
	return code;
}
