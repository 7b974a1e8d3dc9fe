/* A verdict as a row of the event table, by the field table of budget/verdict.h: one column a
 * field, of the field's name. */
#pragma once

#include <sqlite3.h>

#include "budget/verdict.h"

/* "event_id,time_start,..." */
void row_columns(struct buf *out);
/* "?,?,..." */
void row_places(struct buf *out);

/* Binds the fields to the parameters from `first` on. `scratch` is memory to reuse; what is bound
 * may lie in the verdict, so both must stay until the statement is reset. 0 or -ENOMEM. */
int row_bind(sqlite3_stmt *stmt, int first, const struct verdict *verdict, struct buf *scratch);

/* Reads the fields from the columns from `first` on. -EBADMSG: a value is not what the field
 * takes, as in a damaged file or one of a newer program. */
int row_read(sqlite3_stmt *stmt, int first, struct buf *scratch, struct verdict *ret_verdict);
