/* Opening: where the ledger may stand, what it may be, and that a refused file stays as it was. */
#include "ledger/database.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "fixture.h"

static void assert_refused(const struct fixture *f, int code, const char *word)
{
	struct err err = { "" };
	sqlite3 *db = NULL;
	int got = database_open(f->dir, &db, &err);

	if (got != code || !strstr(err.text, word) || strchr(err.text, '\n'))
		fail_msg("%d: %s", got, err.text);
	assert_null(db);
}

static void exec_sql(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

static void test_files_are_private(void **state)
{
	struct fixture *f = *state;
	struct err err = { "" };
	char shm[110];
	struct stat st;
	sqlite3 *db;

	umask(0);
	assert_int_equal(database_open(f->dir, &db, &err), 0);
	assert_int_equal(stat(f->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(f->db, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(f->wal, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* The index of the WAL is in memory: nobody can map it, nothing is left behind. */
	snprintf(shm, sizeof(shm), "%s-shm", f->db);
	assert_int_equal(access(shm, F_OK), -1);
	database_close(db);
	assert_int_equal(access(f->wal, F_OK), -1);
	assert_int_equal(chmod(f->db, 0644), 0);
	assert_int_equal(database_open(f->dir, &db, &err), 0);
	assert_int_equal(stat(f->db, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	database_close(db);
}

static void test_places_that_are_refused(void **state)
{
	struct fixture *f = *state, other = *f;
	char target[96];

	snprintf(target, sizeof(target), "%s/target", f->base);
	assert_int_equal(mkdir(target, 0700), 0);
	assert_int_equal(symlink(target, f->dir), 0);
	assert_refused(f, -ENOTDIR, "no symbolic link");
	snprintf(other.dir, sizeof(other.dir), "%s/state/", f->base);
	assert_refused(&other, -ENOTDIR, "no symbolic link");
	assert_int_equal(unlink(f->dir), 0);

	assert_int_equal(mkdir(f->dir, 0700), 0);
	assert_int_equal(chmod(f->dir, 01777), 0);
	assert_refused(f, -EPERM, "chmod o-w");
	assert_int_equal(chmod(f->dir, 0700), 0);

	assert_int_equal(symlink(target, f->db), 0);
	assert_refused(f, -ELOOP, f->db);
	assert_int_equal(unlink(f->db), 0);
	assert_int_equal(mkfifo(f->db, 0600), 0);
	assert_refused(f, -EINVAL, "not a regular file");
	assert_int_equal(unlink(f->db), 0);
	assert_int_equal(mkdir(f->db, 0700), 0);
	assert_refused(f, -EISDIR, f->db);

	snprintf(other.dir, sizeof(other.dir), "%s/no/state", f->base);
	assert_refused(&other, -ENOENT, "make its parent first");
	snprintf(other.dir, sizeof(other.dir), "%s", target);
	assert_int_equal(rmdir(target), 0);
	assert_int_equal(mkfifo(target, 0600), 0);
	assert_refused(&other, -ENOTDIR, "must be a directory");
}

static void test_one_process_at_a_time(void **state)
{
	struct fixture *f = *state;
	struct err err = { "" };
	sqlite3 *db;
	int status;
	pid_t pid;

	assert_int_equal(database_open(f->dir, &db, &err), 0);
	pid = fork();
	if (pid == 0) {
		sqlite3 *second;
		int code = database_open(f->dir, &second, &err);

		_exit(code == -EBUSY && strstr(err.text, "in use") ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	database_close(db);
}

/* The bytes of the database and of its WAL before and after. */
static void assert_untouched(const struct fixture *f, const char *word)
{
	static struct fixture_bytes db, wal, now;

	fixture_load(f->db, &db);
	fixture_load(f->wal, &wal);
	assert_refused(f, -EINVAL, word);
	fixture_load(f->db, &now);
	assert_int_equal(now.len, db.len);
	assert_memory_equal(now.data, db.data, db.len);
	fixture_load(f->wal, &now);
	assert_int_equal(now.len, wal.len);
	assert_memory_equal(now.data, wal.data, wal.len);
}

/* Ends without closing: what was committed last is in the WAL only. */
static void leave_wal(const struct fixture *f, const char *sql)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct err err = { "" };
		sqlite3 *db;

		_exit(database_open(f->dir, &db, &err) < 0 || database_run(db, sql) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(f->wal, F_OK), 0);
}

static void test_a_newer_ledger_is_left_alone(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fixture_fill(f, 10), 0);
	exec_sql(f->db, "PRAGMA user_version = 3");
	assert_untouched(f, "newer outlay");
	exec_sql(f->db, "PRAGMA user_version = 2");
	leave_wal(f, "PRAGMA user_version = 4");
	assert_untouched(f, "schema 4, this one knows 2");
}

static void test_files_that_are_no_ledger(void **state)
{
	static struct fixture_bytes text = { .len = 4096 };
	struct fixture *f = *state;

	memset(text.data, 'x', text.len);
	assert_int_equal(mkdir(f->dir, 0700), 0);
	fixture_store(f->db, &text);
	assert_untouched(f, "damaged");
	unlink(f->db);
	exec_sql(f->db, "CREATE TABLE song (title TEXT)");
	assert_untouched(f, "not a ledger");
	exec_sql(f->db, "PRAGMA user_version = -1");
	assert_untouched(f, "not a ledger");
	unlink(f->db);
	text.len = 0;
	fixture_store(f->db, &text);
	assert_int_equal(fixture_fill(f, 1), 0);
}

static void test_missing_columns_are_added(void **state)
{
	struct fixture *f = *state;
	struct err err = { "" };
	struct ledger *ledger;
	struct ledger_totals totals;

	assert_int_equal(fixture_fill(f, 3), 0);
	exec_sql(f->db, "ALTER TABLE call DROP COLUMN decision_id;"
			"ALTER TABLE service DROP COLUMN windows;"
			"ALTER TABLE caller ADD COLUMN of_a_later_release TEXT;"
			"DROP INDEX call_uid; DROP INDEX call_time_end;"
			"ALTER TABLE call DROP COLUMN uid;"
			"DROP TABLE budget_window");
	assert_int_equal(ledger_open(f->dir, &ledger, &err), 0);
	assert_int_equal(ledger_totals(ledger, &totals), 0);
	assert_int_equal(totals.events, 3);
	ledger_close(ledger);
	exec_sql(f->db, "SELECT uid FROM call INDEXED BY call_uid WHERE uid = 1;"
			"SELECT uid, windows, decision_id, of_a_later_release FROM event;"
			"SELECT name FROM budget_window");
}

/* Windows that nobody asks about go; the table of a former program is taken over once. */
static void test_windows(void **state)
{
	struct fixture *f = *state;
	struct ledger *ledger;
	struct err err;

	assert_int_equal(fixture_fill(f, 1), 0);
	exec_sql(
	    f->db,
	    "DELETE FROM budget_window;"
	    "INSERT INTO budget_window (name, window_start, spent_usd, unit, window_end, fired)"
	    " VALUES ('a', 0, '1', NULL, 86400000000000, 0),"
	    " ('a', 5529600000000001, '2', 'tokens', NULL, 80),"
	    " ('b', 86400000000000, '3', NULL, NULL, NULL),"
	    " ('d', 0, '5', NULL, 9223372036854775807, 0),"
	    " ('e', -63590400000000001, '6', NULL, -63590400000000000, 0);"
	    "CREATE TABLE budget_total (name TEXT, window_start INTEGER, spent_usd TEXT);"
	    "INSERT INTO budget_total VALUES ('a', 5529600000000001, '9'),"
	    " ('c', 5443200000000001, '4');"
	    /* 801 days before the newest: gone, but for the last of its kind. */
	    "INSERT INTO budget_override VALUES"
	    " (1, 0, 'a', 'raise', '1', 'USD', 9, 0, 1, 'root', 'x'),"
	    " (2, 0, 'a', 'hold', '0', 'USD', 9, 0, 1, 'root', 'x'),"
	    " (3, 9, 'a', 'raise', '2', 'USD', 9, 0, 1, 'root', 'x'),"
	    " (4, 69206400000000009, 'a', 'cut', '0', 'USD', 9, 0, 1, 'root', 'x')");
	assert_int_equal(ledger_open(f->dir, &ledger, &err), 0);
	ledger_close(ledger);
	/* The day of 1970 is 64 of its lengths and 1 ns older than the newest one of its budget;
	 * nobody has had anything of e for 800 days. */
	exec_sql(f->db, "CREATE TEMP TABLE ok (n INTEGER CHECK (n = 1));"
			"INSERT INTO ok SELECT group_concat(name || spent_usd, ' ') = 'a2 b3 c4 d5'"
			" FROM (SELECT * FROM budget_window ORDER BY name);"
			"INSERT INTO ok SELECT group_concat(seq) = '2,3,4'"
			" FROM (SELECT * FROM budget_override ORDER BY seq);"
			"INSERT INTO ok SELECT count(*) = 0 FROM sqlite_schema"
			" WHERE name = 'budget_total'");
}

static bool skip_event(void *ctx, int64_t seq, const struct verdict *v)
{
	(void)ctx;
	(void)seq;
	(void)v;
	return true;
}

/* Opens whatever is there and uses it. A refusal says why in one line. */
static bool use(const struct fixture *f)
{
	struct ledger_query query = { .uid = UINT32_MAX, .limit = 1000, .newest = true };
	struct verdict v = fixture_event(1 << 30);
	struct err err = { "" };
	struct ledger *ledger;
	int64_t seq;
	int code = ledger_open(f->dir, &ledger, &err);

	if (code < 0) {
		if (!err.text[0] || strchr(err.text, '\n'))
			fail_msg("no line for a person: %d", code);
		return false;
	}
	(void)ledger_events(ledger, &query, skip_event, NULL);
	if (ledger_begin(ledger) == 0 && ledger_add(ledger, &v, &seq) == 0)
		(void)ledger_commit(ledger);
	ledger_close(ledger);
	return true;
}

static unsigned seed_of_run(void)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();

	print_message("SEED=%u\n", seed);
	return seed;
}

static void test_any_flipped_byte(void **state)
{
	static struct fixture_bytes good, bad;
	struct fixture *f = *state;
	unsigned opened = 0, refused = 0;

	srand(seed_of_run());
	assert_int_equal(fixture_fill(f, 60), 0);
	fixture_load(f->db, &good);
	for (size_t i = 0; i < 600; i++) {
		size_t at = i < 100 ? i : (size_t)rand() % good.len;

		bad = good;
		bad.data[at] ^= (unsigned char)(1 + rand() % 255);
		unlink(f->wal);
		fixture_store(f->db, &bad);
		if (use(f))
			opened++;
		else
			refused++;
	}
	print_message("%u opened, %u refused\n", opened, refused);
	assert_true(opened > 0 && refused > 0);
}

/* Damages a page that nothing has to read: a leaf of a table (fileformat2.html, 1.6: it begins with
 * 0x0d) behind what the schema takes, so one of calls, and not the last one. */
static void damage(struct fixture_bytes *file)
{
	size_t at = file->len / 4 * 3 / 4096 * 4096;

	while (file->data[at] != 0x0d)
		at += 4096;
	assert_true(at < file->len);
	memset(file->data + at, 0xee, 4096);
}

/* The pages are read after a crash, not after a good end. */
static void test_damage_is_found_after_a_crash(void **state)
{
	static struct fixture_bytes good, bad;
	struct fixture *f = *state;

	assert_int_equal(fixture_fill(f, 200), 0);
	fixture_load(f->db, &good);
	bad = good;
	damage(&bad);
	fixture_store(f->db, &bad);
	assert_true(use(f));
	unlink(f->wal);
	fixture_store(f->db, &good);
	leave_wal(f, "DELETE FROM sink_cursor");
	fixture_load(f->db, &good);
	damage(&good);
	fixture_store(f->db, &good);
	assert_refused(f, -EINVAL, "damaged");
}

static void test_any_cut(void **state)
{
	static struct fixture_bytes good, cut;
	struct fixture *f = *state;

	assert_int_equal(fixture_fill(f, 60), 0);
	fixture_load(f->db, &good);
	/* A file of one byte is an empty one to SQLite. */
	for (size_t len = 2; len < good.len; len += 509) {
		cut = good;
		cut.len = len;
		unlink(f->wal);
		fixture_store(f->db, &cut);
		/* The end of a page is the end of a row: text has no sum to be found out by. */
		if (use(f))
			assert_true(good.len - len < 32);
	}
}

/* A WAL that ends anywhere or is garbage is what a crash leaves: the database is as of the last
 * whole transaction. */
static void test_any_wal(void **state)
{
	static struct fixture_bytes db, wal, cut;
	struct fixture *f = *state;

	srand(seed_of_run());
	assert_int_equal(fixture_fill(f, 60), 0);
	leave_wal(f, "DELETE FROM call WHERE seq < 50");
	fixture_load(f->db, &db);
	fixture_load(f->wal, &wal);
	for (size_t len = 0; len < wal.len; len += 1021) {
		cut = wal;
		cut.len = len;
		fixture_store(f->db, &db);
		fixture_store(f->wal, &cut);
		assert_true(use(f));
		cut = wal;
		cut.data[(size_t)rand() % wal.len] ^= 0x55;
		fixture_store(f->db, &db);
		fixture_store(f->wal, &cut);
		assert_true(use(f));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_windows),
		TEST(test_files_are_private),
		TEST(test_places_that_are_refused),
		TEST(test_one_process_at_a_time),
		TEST(test_a_newer_ledger_is_left_alone),
		TEST(test_files_that_are_no_ledger),
		TEST(test_missing_columns_are_added),
		TEST(test_any_flipped_byte),
		TEST(test_damage_is_found_after_a_crash),
		TEST(test_any_cut),
		TEST(test_any_wal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
