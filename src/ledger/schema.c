/* A file of any former version becomes one of this schema, in one transaction: tables make way,
 * columns are added, then the schema runs as it stands. */
#include "ledger/schema.h"

#include <errno.h>

#include "base/cleanup.h"
#include "ledger/database.h"

static const char schema[] =
#include "gen/schema.sql.inc"
    ;

CLEANUP_FOR(db, sqlite3 *, sqlite3_close_v2)
CLEANUP_FOR(stmt, sqlite3_stmt *, sqlite3_finalize)
CLEANUP_FOR(sqlite_text, char *, sqlite3_free)

static int add_column(sqlite3 *db, const char *table, const char *column, const char *type)
{
	CLEANUP(cleanup_sqlite_text) char *sql = NULL;
	CLEANUP(cleanup_sqlite_text) char *count_sql = NULL;
	int64_t missing = 0;
	int code;

	/* A table that is missing altogether is the schema's to make. */
	count_sql = sqlite3_mprintf("SELECT count(*) > 0 AND NOT sum(name = %Q)"
				    " FROM pragma_table_info(%Q)",
				    column, table);
	sql = sqlite3_mprintf("ALTER TABLE \"%w\" ADD COLUMN \"%w\" %s", table, column, type);
	if (!count_sql || !sql)
		return -ENOMEM;
	code = database_int(db, count_sql, &missing);
	if (code < 0 || !missing)
		return code;
	return database_run(db, sql);
}

/* What the schema has and the file lacks, by a copy of the schema in memory. Before the schema runs
 * on the file, since a new index may be on a new column. */
static int add_columns(sqlite3 *db)
{
	CLEANUP(cleanup_db) sqlite3 *fresh = NULL;
	CLEANUP(cleanup_stmt) sqlite3_stmt *stmt = NULL;
	int code = 0, step;

	if (sqlite3_open(":memory:", &fresh) != SQLITE_OK || database_run(fresh, schema) < 0 ||
	    sqlite3_prepare_v2(fresh,
			       "SELECT t.name, c.name, c.type FROM sqlite_schema t,"
			       " pragma_table_info(t.name) c WHERE t.type = 'table'",
			       -1, &stmt, NULL) != SQLITE_OK)
		return -ENOMEM;
	step = sqlite3_step(stmt);
	while (code == 0 && step == SQLITE_ROW) {
		code = add_column(db, (const char *)sqlite3_column_text(stmt, 0),
				  (const char *)sqlite3_column_text(stmt, 1),
				  (const char *)sqlite3_column_text(stmt, 2));
		step = sqlite3_step(stmt);
	}
	return code < 0 || step == SQLITE_DONE ? code : -ENOMEM;
}

/* A table of version 1 makes way; its rows are brought over by ledger/former.c. */
static int set_aside(sqlite3 *db, int64_t version)
{
	if (version != 1)
		return 0;
	return database_run(db, "DROP INDEX IF EXISTS event_time_end;"
				"DROP INDEX IF EXISTS event_uid;"
				"ALTER TABLE event RENAME TO " DATABASE_FORMER ";");
}

/* Former programs kept one window a budget, in a table of another name. */
static int bring_windows(sqlite3 *db)
{
	int64_t former = 0;
	int code = database_int(
	    db, "SELECT count(*) FROM sqlite_schema WHERE name = 'budget_total'", &former);

	if (code < 0 || !former)
		return code;
	return database_run(db, "INSERT OR IGNORE INTO budget_window"
				" (name, window_start, spent_usd) SELECT name, window_start, "
				"spent_usd FROM budget_total;"
				"DROP TABLE budget_total;");
}

int schema_apply(sqlite3 *db)
{
	int64_t version = 0;
	char set_version[64];
	int code;

	snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %d", DATABASE_VERSION);
	code = database_run(db, "BEGIN IMMEDIATE");
	if (code == 0)
		code = database_int(db, "PRAGMA user_version", &version);
	if (code == 0)
		code = set_aside(db, version);
	if (code == 0)
		code = add_columns(db);
	if (code == 0)
		code = database_run(db, schema);
	if (code == 0)
		code = bring_windows(db);
	/* Where all is as it should be nothing is written: the disk may be full. */
	if (code == 0 && version != DATABASE_VERSION)
		code = database_run(db, set_version);
	if (code == 0)
		code = database_run(db, "COMMIT");
	return code;
}
