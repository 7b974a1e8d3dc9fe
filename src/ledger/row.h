/* A verdict as rows: which column stands in which table, and how it is bound and read. A field of
 * budget/verdict.h is stored where a table of the schema has its column; one without a column
 * follows from others. `usage` and `budgets` are stored in parts. */
#pragma once

#include <sqlite3.h>

#include "budget/verdict.h"

#define ROW_COLUMNS_MAX 128
#define ROW_TABLES_MAX  3

struct row_column {
	const char *name;
	const struct verdict_field *field; /* NULL: the count of `bucket` */
	enum usage_bucket bucket;
};

/* The columns of a verdict in order of their tables. */
struct row_layout {
	unsigned n_tables;
	const char *tables[ROW_TABLES_MAX];
	unsigned end[ROW_TABLES_MAX]; /* one past the last column of the table */
	struct row_column columns[ROW_COLUMNS_MAX];
};

/* -ENOSPC: ROW_COLUMNS_MAX. */
int row_layout(sqlite3 *db, const char *const *tables, unsigned n_tables,
	       struct row_layout *ret_layout);

unsigned row_first(const struct row_layout *layout, unsigned table);

/* ",event_id,time_start,...", of one table; as many ",?". */
void row_names(struct buf *out, const struct row_layout *layout, unsigned table);
void row_places(struct buf *out, const struct row_layout *layout, unsigned table);

/* Binds the columns of `table` to the parameters from `first` on. `scratch` is memory to reuse;
 * what is bound may lie in the verdict, so both must stay until the statement is reset. 0 or
 * -ENOMEM. */
int row_bind(sqlite3_stmt *stmt, int first, const struct row_layout *layout, unsigned table,
	     const struct verdict *verdict, struct buf *scratch);

/* Appends what the columns of `table` say: equal bytes, equal rows. */
void row_key(struct buf *out, const struct row_layout *layout, unsigned table,
	     const struct verdict *verdict);

/* Reads the columns of all tables from the column `first` on. -EBADMSG: a value is not what the
 * field takes, as in a damaged file or one of a newer program. */
int row_read(sqlite3_stmt *stmt, int first, const struct row_layout *layout, struct buf *scratch,
	     struct verdict *ret_verdict);
