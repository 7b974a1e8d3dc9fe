/* The SQLite file under the ledger: opened with care, checked, brought up to the schema of this
 * program. Nothing is written to a file before it has passed the checks. */
#pragma once

#include <sqlite3.h>
#include <stdint.h>

#include "base/err.h"

#define DATABASE_VERSION 2         /* of schema.sql, in PRAGMA user_version */
#define DATABASE_FORMER  "event_1" /* the events of a file of version 1 */

/* DIR is made (0700) when it is missing; a symbolic link or a directory that everybody may write
 * to is refused. DIR/ledger.db is made with mode 0600 and locked against other processes.
 * After a crash its pages are read, for two seconds at most.
 * -EINVAL: not a ledger, a newer one or a damaged one; -EBUSY: another process has it; else errno.
 */
int database_open(const char *dir, sqlite3 **ret_db, struct err *err);
void database_close(sqlite3 *db);

/* Result of the last call on `db` as -errno: -ENOSPC, -EIO (also over a quota or a limit), -EEXIST
 * (a UNIQUE value is there already), -EBUSY, -ENOMEM, -EBADMSG (the file is damaged), else -EINVAL.
 */
int database_errno(sqlite3 *db);

/* Fills `err` with what a person should know about an error at opening; returns the code to give.
 */
int database_explain(sqlite3 *db, int code, struct err *err);

int database_run(sqlite3 *db, const char *sql);

/* Windows of budgets that nobody asks for: see retain_windows. */
extern const char database_drop_windows[];
/* The one integer that a query gives. */
int database_int(sqlite3 *db, const char *sql, int64_t *ret_value);
