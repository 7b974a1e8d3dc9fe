/* The ledger: prepared statements over the one database, and batches as transactions. A statement
 * that fails rolls the whole batch back, so what is committed is always whole; the numbers of the
 * rows are given here, never below a cursor, so that none is ever used twice. */
#include "ledger/ledger.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "ledger/database.h"
#include "ledger/former.h"
#include "ledger/statement.h"

#define SCRATCH_MAX  (1 << 20)
#define SECRET_BYTES 32

CLEANUP_FOR(ledger, struct ledger *, ledger_close)

/* --- open, close */

/* What makes this host this host; a ledger that has it keeps it. */
static int make_identity(struct ledger *ledger)
{
	struct uuid_maker maker = { 0 };
	struct uuid id = uuid_make(&maker, clock_system.now_ns(&clock_system));
	uint8_t secret[SECRET_BYTES];
	char text[UUID_TEXT];
	sqlite3_stmt *stmt = NULL;
	int code = 0;

	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return -EIO;
	if (sqlite3_prepare_v2(ledger->db,
			       "INSERT OR IGNORE INTO meta (key, value)"
			       " VALUES ('host_id', ?), ('secret', ?)",
			       -1, &stmt, NULL) != SQLITE_OK)
		return database_errno(ledger->db);
	statement_bind_text(stmt, 1, uuid_format(&id, text));
	sqlite3_bind_blob(stmt, 2, secret, sizeof(secret), SQLITE_TRANSIENT);
	if (sqlite3_step(stmt) != SQLITE_DONE)
		code = database_errno(ledger->db);
	sqlite3_finalize(stmt);
	explicit_bzero(secret, sizeof(secret));
	return code;
}

int ledger_open(const char *dir, struct ledger **ret_ledger, struct err *err)
{
	CLEANUP(cleanup_ledger) struct ledger *ledger = calloc(1, sizeof(*ledger));
	int code;

	if (!ledger)
		return -ENOMEM;
	ledger->scratch = buf_with_max(SCRATCH_MAX);
	for (int t = 0; t < TABLE_MAX; t++)
		ledger->keys[t] = buf_with_max(SCRATCH_MAX);
	code = database_open(dir, &ledger->db, err);
	if (code < 0)
		return code;
	code = make_identity(ledger);
	if (code == 0)
		code = statement_prepare(ledger);
	if (code == 0)
		code = statement_int(ledger, LAST, &ledger->committed_seq);
	ledger->last_seq = ledger->committed_seq;
	if (code >= 0)
		code = former_bring_over(ledger);
	if (code < 0)
		return database_explain(ledger->db, code, err);
	*ret_ledger = TAKE_PTR(ledger);
	return 0;
}

void ledger_close(struct ledger *ledger)
{
	if (!ledger)
		return;
	for (int i = 0; i < STATEMENT_MAX; i++)
		sqlite3_finalize(ledger->stmts[i]);
	database_close(ledger->db);
	touched_clear(&ledger->touched);
	for (int t = 0; t < TABLE_MAX; t++) {
		shared_clear(&ledger->shared[t]);
		buf_done(&ledger->keys[t]);
	}
	buf_done(&ledger->scratch);
	free(ledger);
}

void ledger_rest(struct ledger *ledger)
{
	(void)sqlite3_db_release_memory(ledger->db);
}

/* --- batches */

int ledger_begin(struct ledger *ledger)
{
	return statement_run(ledger, BEGIN);
}

/* The rows that the call names are those that were there, or are written after it. */
static int bind_shared(struct ledger *ledger, const struct verdict *verdict, int64_t seq)
{
	for (int t = CALLER; t < TABLE_MAX; t++) {
		struct buf *key = &ledger->keys[t];
		int64_t found;

		buf_reset(key);
		row_key(key, &ledger->layout, (unsigned)t, verdict);
		if (key->failed)
			return -ENOMEM;
		found = shared_find(&ledger->shared[t], buf_span(key), seq);
		sqlite3_bind_int64(ledger->stmts[ADD], 1 + t, found ? found : seq);
		if (found)
			buf_reset(key);
	}
	return 0;
}

static int add_shared(struct ledger *ledger, enum table table, const struct verdict *verdict,
		      int64_t seq)
{
	sqlite3_stmt *stmt = ledger->stmts[ADD + table];
	int code = 0;

	if (!ledger->keys[table].len)
		return 0;
	sqlite3_bind_int64(stmt, 1, seq);
	code = row_bind(stmt, 2, &ledger->layout, table, verdict, &ledger->scratch);
	if (code == 0)
		code = statement_run_in_batch(ledger, ADD + table);
	if (code == 0)
		shared_add(&ledger->shared[table], buf_span(&ledger->keys[table]), seq);
	return code;
}

int ledger_add(struct ledger *ledger, const struct verdict *verdict, int64_t *ret_seq)
{
	sqlite3_stmt *stmt = ledger->stmts[ADD];
	int64_t seq = ledger->last_seq + 1;
	int code;

	sqlite3_bind_int64(stmt, 1, seq);
	code = bind_shared(ledger, verdict, seq);
	if (code == 0)
		code =
		    row_bind(stmt, 2 + SERVICE, &ledger->layout, CALL, verdict, &ledger->scratch);
	if (code == 0) {
		code = statement_run_in_batch(ledger, ADD);
		if (code == -EEXIST)
			return code;
	}
	for (int t = CALLER; code == 0 && t < TABLE_MAX; t++)
		code = add_shared(ledger, t, verdict, seq);
	if (code < 0) {
		ledger_rollback(ledger);
		return code;
	}
	ledger->last_seq = seq;
	*ret_seq = seq;
	return 0;
}

int ledger_set_cursor(struct ledger *ledger, const char *sink, int64_t seq)
{
	return statement_set_cursor(ledger, SET_CURSOR, sink, seq);
}

int ledger_commit(struct ledger *ledger)
{
	int code = budgets_write_touched(ledger);

	if (code == 0)
		code = statement_run_in_batch(ledger, COMMIT);
	if (code == 0)
		ledger->committed_seq = ledger->last_seq;
	return code;
}

void ledger_rollback(struct ledger *ledger)
{
	/* Some errors have rolled back already. */
	if (!sqlite3_get_autocommit(ledger->db))
		(void)database_run(ledger->db, "ROLLBACK");
	touched_clear(&ledger->touched);
	for (int t = 0; t < TABLE_MAX; t++)
		shared_clear(&ledger->shared[t]);
	ledger->last_seq = ledger->committed_seq;
}

/* --- reading */

int ledger_cursor(struct ledger *ledger, const char *sink, int64_t *ret_seq)
{
	int code = statement_cursor(ledger, CURSOR, sink, ret_seq);

	return code < 0 ? code : 0;
}

static int find_event(struct ledger *ledger, const struct ledger_query *query, int64_t *ret_after)
{
	sqlite3_stmt *stmt = ledger->stmts[BY_ID];
	int64_t seq = 0;
	int code;

	sqlite3_bind_blob(stmt, 1, query->event_id.bytes, UUID_BYTES, SQLITE_TRANSIENT);
	sqlite3_bind_null(stmt, 2);
	if (query->uid != UINT32_MAX)
		sqlite3_bind_int64(stmt, 2, query->uid);
	code = statement_int(ledger, BY_ID, &seq);
	if (seq <= query->after_seq)
		return code < 0 ? code : 0;
	*ret_after = seq - 1;
	return code;
}

/* Narrows the walk along seq to where events of the query begin: 1, or 0 when there are none. */
static int find_start(struct ledger *ledger, const struct ledger_query *query, int64_t *ret_after)
{
	enum statement newest = query->uid == UINT32_MAX ? NEWEST : NEWEST_OF_USER;
	int64_t first = query->after_seq + 1;
	int code = 1;

	if (!uuid_is_zero(&query->event_id))
		return find_event(ledger, query, ret_after);
	/* Who pages on from a seq is past it: looking again would cost each page as much. */
	if (query->since_ns && !query->after_seq) {
		sqlite3_bind_int64(ledger->stmts[SINCE], 1, query->since_ns);
		code = statement_int(ledger, SINCE, &first);
	}
	if (code > 0 && query->newest) {
		statement_bind_query(ledger->stmts[newest], query, first - 1);
		code = statement_int(ledger, newest, &first);
	}
	*ret_after = first - 1;
	return code;
}

int ledger_events(struct ledger *ledger, const struct ledger_query *query, ledger_event_fn *fn,
		  void *ctx)
{
	enum statement which = query->uid == UINT32_MAX ? EVENTS : EVENTS_OF_USER;
	struct verdict verdict;
	sqlite3_stmt *stmt;
	int64_t after;
	int code;

	if (query->limit <= 0)
		return 0;
	code = statement_ready(ledger, which);
	if (code == 0)
		code = find_start(ledger, query, &after);
	if (code <= 0)
		return code;
	stmt = ledger->stmts[which];
	statement_bind_query(stmt, query, after);
	code = statement_step(ledger, which);
	while (code > 0) {
		bool said = sqlite3_column_type(stmt, 1) != SQLITE_NULL &&
			    row_read(stmt, 2, &ledger->layout, &ledger->scratch, &verdict) == 0;
		bool more = fn(ctx, sqlite3_column_int64(stmt, 0), said ? &verdict : NULL);

		code = more ? statement_step(ledger, which) : 0;
	}
	sqlite3_reset(stmt);
	return code;
}

int ledger_totals(struct ledger *ledger, struct ledger_totals *ret_totals)
{
	sqlite3_stmt *stmt = ledger->stmts[RANGE];
	const char *path = sqlite3_db_filename(ledger->db, NULL);
	struct ledger_totals totals = { .last_seq = ledger->committed_seq,
					.former = ledger->former };
	struct stat file = { 0 }, wal = { 0 };
	int code = statement_step(ledger, RANGE);

	if (code > 0 && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
		totals.events = sqlite3_column_int64(stmt, 1) - sqlite3_column_int64(stmt, 0) + 1;
	sqlite3_reset(stmt);
	if (code < 0)
		return code;
	(void)stat(path, &file);
	(void)stat(sqlite3_filename_wal(path), &wal);
	totals.file_bytes = file.st_size + wal.st_size;
	*ret_totals = totals;
	return 0;
}

/* --- identity */

static int get_meta(struct ledger *ledger, const char *key, int type, void *out, int size)
{
	sqlite3_stmt *stmt = ledger->stmts[META];
	int code;

	statement_bind_text(stmt, 1, key);
	code = statement_step(ledger, META);
	if (code == 0)
		code = -EBADMSG;
	if (code > 0) {
		const void *value = sqlite3_column_blob(stmt, 0);
		bool good =
		    sqlite3_column_type(stmt, 0) == type && sqlite3_column_bytes(stmt, 0) == size;

		if (good)
			memcpy(out, value, (size_t)size);
		code = good ? 0 : -EBADMSG;
	}
	sqlite3_reset(stmt);
	return code;
}

int ledger_host_id(struct ledger *ledger, char out[static UUID_TEXT])
{
	char text[UUID_TEXT] = "";
	struct uuid id;
	int code = get_meta(ledger, "host_id", SQLITE_TEXT, text, UUID_TEXT - 1);

	if (code == 0 && uuid_parse(span_of(text), &id) < 0)
		code = -EBADMSG;
	if (code == 0)
		memcpy(out, text, sizeof(text));
	return code;
}

int ledger_secret(struct ledger *ledger, uint8_t out[static 32])
{
	return get_meta(ledger, "secret", SQLITE_BLOB, out, SECRET_BYTES);
}
