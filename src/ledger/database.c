/* Opening and checking the one SQLite file. It is in WAL mode with an exclusive lock, so
 * that its index of the WAL is in our memory (no -shm file, no mapping that could fault) and a
 * second process is refused instead of risking the WAL-reset race of SQLite before 3.51.3.
 * Until the version and the pages are checked, even closing must not checkpoint into the file. */
#include "ledger/database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/span.h"
#include "ledger/schema.h"

#define FILE_NAME       "ledger.db"
#define BUSY_TIMEOUT_MS 2000             /* a predecessor that is about to end */
#define CHECK_NS        (2 * NS_PER_SEC) /* about 2 GB of pages */
#define CHECK_STEPS     10000            /* of SQLite's machine between looks at the clock */

/* mmap stays off: a file cut short under a mapping is a SIGBUS. */
static const char settings[] = "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = FULL;"
			       "PRAGMA mmap_size = 0;"
			       "PRAGMA cache_size = -1024;"
			       "PRAGMA temp_store = MEMORY;"
			       "PRAGMA journal_size_limit = 8388608;";

CLEANUP_FOR(db, sqlite3 *, sqlite3_close_v2)
CLEANUP_FOR(stmt, sqlite3_stmt *, sqlite3_finalize)

/* Opened and not closed: what the predecessor wrote last may not have reached the disk. */
static const char set_mark[] = "INSERT OR IGNORE INTO meta (key, value) VALUES ('open', 1)";
const char database_drop_windows[] =
    "DELETE FROM budget_window WHERE window_start <"
    " (SELECT max(window_start) FROM budget_window n WHERE n.name = budget_window.name)"
    " - 64 * (coalesce(nullif(window_end, 0), window_start + 31 * 86400 * 1000000000) - "
    "window_start)"
    " OR coalesce(nullif(window_end, 0), window_start) <"
    " (SELECT max(window_start) FROM budget_window) - 800 * 86400 * 1000000000;"
    /* The last one of its kind may hold for ever. */
    "DELETE FROM budget_override WHERE time <"
    " (SELECT max(time) FROM budget_override) - 800 * 86400 * 1000000000"
    " AND seq NOT IN (SELECT max(seq) FROM budget_override GROUP BY budget, action)";
static const char clear_mark[] = "DELETE FROM meta WHERE key = 'open'";
static const char count_mark[] = "SELECT count(*) FROM meta WHERE key = 'open'";

int database_errno(sqlite3 *db)
{
	int system = sqlite3_system_errno(db);

	switch (sqlite3_extended_errcode(db) & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_IOERR:
		return -EIO;
	case SQLITE_CONSTRAINT:
		return sqlite3_extended_errcode(db) == SQLITE_CONSTRAINT_UNIQUE ? -EEXIST : -EINVAL;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_CANTOPEN:
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return system ? -system : -EACCES;
	default:
		return -EINVAL;
	}
}

int database_run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : database_errno(db);
}

/* --- the directory and the file */

static int open_dir(const char *dir, int *ret_fd, struct err *err)
{
	CLOSE_FD int fd = -1;
	char path[PATH_MAX];
	size_t len = strlen(dir);
	struct stat st;

	/* A slash at the end would follow a symbolic link. */
	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (!len || len >= sizeof(path))
		return err_set(err, -ENAMETOOLONG,
			       "state directory: the path is empty or too long");
	memcpy(path, dir, len);
	path[len] = '\0';
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "%s: cannot be made: %s; make its parent first", path,
			       strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, -errno,
			       "%s: %s; the state directory must be a directory, no "
			       "symbolic link",
			       path, strerror(errno));
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (st.st_mode & S_IWOTH)
		return err_set(err, -EPERM, "%s: everybody may write to it; chmod o-w it", path);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* SQLite would make the file with 0644; the WAL takes its mode from it. */
static int make_file(int dir_fd, const char *path, struct err *err)
{
	CLOSE_FD int fd =
	    openat(dir_fd, FILE_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: not a regular file; move it away", path);
	if ((st.st_mode & 0177) && fchmod(fd, 0600) < 0)
		return err_set(err, -errno, "%s: cannot be made private: %s", path,
			       strerror(errno));
	/* The name of a new file must be as durable as what is in it. */
	if (st.st_size == 0 && fsync(dir_fd) < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	return 0;
}

/* --- what a person reads when it does not open */

/* `why` comes from SQLite and may hold what stands in the file. */
static int damaged(sqlite3 *db, const char *why, struct err *err)
{
	char line[160];

	span_copy(span_of(why), line, sizeof(line));
	return err_set(err, -EINVAL,
		       "%s: damaged (%s); move it and its -wal file away, a new ledger is then "
		       "made",
		       sqlite3_db_filename(db, NULL), line);
}

int database_explain(sqlite3 *db, int code, struct err *err)
{
	const char *path = sqlite3_db_filename(db, NULL);

	switch (code) {
	case -EBUSY:
		return err_set(err, code,
			       "%s: in use by another process; is outlayd running already?", path);
	case -EBADMSG:
	case -EEXIST:
	case -EINVAL:
		return damaged(db, sqlite3_errmsg(db), err);
	default:
		return err_set(err, code, "%s: %s (%s)", path, sqlite3_errmsg(db), strerror(-code));
	}
}

/* The one integer of the first row; `ret_value` is unchanged when there is none. */
int database_int(sqlite3 *db, const char *sql, int64_t *ret_value)
{
	CLEANUP(cleanup_stmt) sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		return database_errno(db);
	switch (sqlite3_step(stmt)) {
	case SQLITE_ROW:
		*ret_value = sqlite3_column_int64(stmt, 0);
		return 0;
	case SQLITE_DONE:
		return 0;
	default:
		return database_errno(db);
	}
}

/* --- checks */

static int check_version(sqlite3 *db, struct err *err)
{
	const char *path = sqlite3_db_filename(db, NULL);
	int64_t version = 0, objects = 0;
	int code;

	code = database_int(db, "PRAGMA user_version", &version);
	if (code == 0)
		code = database_int(db, "SELECT count(*) FROM sqlite_schema", &objects);
	if (code < 0)
		return database_explain(db, code, err);
	if (version > DATABASE_VERSION)
		return err_set(err, -EINVAL,
			       "%s: made by a newer outlay (schema %lld, this one "
			       "knows %d); install that one, or use another state directory",
			       path, (long long)version, DATABASE_VERSION);
	if (version < 0 || (version == 0 && objects > 0))
		return err_set(err, -EINVAL, "%s: not a ledger of outlay; move it away", path);
	return 0;
}

static int is_late(void *ctx)
{
	return clock_system.monotonic_ns(&clock_system) > *(const int64_t *)ctx;
}

/* Reads the pages after a crash, in bounded time: what was not looked at is found when it is read.
 */
static int check_pages(sqlite3 *db, struct err *err)
{
	int64_t until = clock_system.monotonic_ns(&clock_system) + CHECK_NS;
	CLEANUP(cleanup_stmt) sqlite3_stmt *stmt = NULL;
	const char *result, *line;

	int step = SQLITE_ERROR;

	sqlite3_progress_handler(db, CHECK_STEPS, is_late, &until);
	if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL) == SQLITE_OK)
		step = sqlite3_step(stmt);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	if (step == SQLITE_INTERRUPT)
		return 0;
	if (step != SQLITE_ROW)
		return database_explain(db, database_errno(db), err);
	result = (const char *)sqlite3_column_text(stmt, 0);
	if (result && !strcmp(result, "ok"))
		return 0;
	/* "*** in database main ***", then what is wrong. */
	line = result ? strrchr(result, '\n') : NULL;
	return damaged(db, line ? line + 1 : result, err);
}

/* SQLite looks only for pages that are missing altogether. */
static bool is_cut(sqlite3 *db)
{
	int64_t page_bytes = 0;
	struct stat st;

	return stat(sqlite3_db_filename(db, NULL), &st) == 0 &&
	       database_int(db, "PRAGMA page_size", &page_bytes) == 0 && page_bytes &&
	       st.st_size % page_bytes;
}

/* After a crash, and when a former program left the file, which made no mark. */
static int needs_check(sqlite3 *db, int64_t *ret_dirty)
{
	int64_t version = 0;
	int code = database_int(db, "PRAGMA user_version", &version);

	*ret_dirty = version == 1 || is_cut(db);
	return code < 0 || version < 2 || *ret_dirty ? code
						     : database_int(db, count_mark, ret_dirty);
}

static int check_and_apply(sqlite3 *db, struct err *err)
{
	int64_t dirty = 0;
	int code;

	code = database_run(db, "PRAGMA locking_mode = EXCLUSIVE");
	if (code < 0)
		return database_explain(db, code, err);
	code = check_version(db, err);
	if (code == 0)
		code =
		    needs_check(db, &dirty) < 0 ? database_explain(db, database_errno(db), err) : 0;
	if (code == 0 && dirty)
		code = check_pages(db, err);
	if (code < 0)
		return code;
	code = database_run(db, settings);
	if (code == 0)
		code = schema_apply(db);
	if (code < 0)
		return database_explain(db, code, err);
	/* A full disk is no reason not to start. */
	(void)database_run(db, set_mark);
	(void)database_run(db, database_drop_windows);
	return 0;
}

int database_open(const char *dir, sqlite3 **ret_db, struct err *err)
{
	CLEANUP(cleanup_db) sqlite3 *db = NULL;
	CLOSE_FD int dir_fd = -1;
	char path[PATH_MAX];
	int code;

	if (snprintf(path, sizeof(path), "%s/%s", dir, FILE_NAME) >= (int)sizeof(path))
		return err_set(err, -ENAMETOOLONG, "state directory: the path is too long");
	code = open_dir(dir, &dir_fd, err);
	if (code == 0)
		code = make_file(dir_fd, path, err);
	if (code < 0)
		return code;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		return db ? database_explain(db, database_errno(db), err) : -ENOMEM;
	sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	code = check_and_apply(db, err);
	if (code < 0)
		return code;
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	*ret_db = TAKE_PTR(db);
	return 0;
}

void database_close(sqlite3 *db)
{
	if (db)
		(void)database_run(db, clear_mark);
	sqlite3_close_v2(db);
}
