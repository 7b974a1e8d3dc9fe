/* The durable ledger: SQLite (WAL, synchronous=FULL), exactly one connection, owned by the ledger
 * loop. One transaction holds the events of a batch, the budget totals after them and the cursors
 * of the sinks. The table `call` is the outbox: a sink's cursor is the last `seq` it acknowledged.
 */
#pragma once

#include "base/err.h"
#include "budget/override.h"
#include "budget/verdict.h"

struct ledger;

/* Opens or creates DIR/ledger.db (mode 0600), checks it, brings the schema up to date. -EINVAL: a
 * newer schema than this program knows or a damaged file, with what to do in `err`; else errno. */
int ledger_open(const char *dir, struct ledger **ret_ledger, struct err *err);
void ledger_close(struct ledger *ledger);

/* A batch: begin, any of the writes, commit. All or nothing: a write that fails rolls the batch
 * back, and on -EIO or -ENOSPC it may be tried again as it was. Only -EEXIST (ledger_add: an event
 * of this id is there already) leaves it open to go on. -EINVAL outside of a batch. */
int ledger_begin(struct ledger *ledger);
int ledger_add(struct ledger *ledger, const struct verdict *verdict, int64_t *ret_seq);
/* Of the same window only what the batch says last is written, when it is committed. */
int ledger_touch(struct ledger *ledger, const struct budget_touch *touch);
int ledger_override(struct ledger *ledger, const struct budget_override *override);
int ledger_set_cursor(struct ledger *ledger, const char *sink, int64_t seq);
int ledger_commit(struct ledger *ledger);
void ledger_rollback(struct ledger *ledger);

/* Gives back the memory of what was read, as at a start: it is read again when it is needed. */
void ledger_rest(struct ledger *ledger);

/* 0 when the sink has none yet. */
int ledger_cursor(struct ledger *ledger, const char *sink, int64_t *ret_seq);

/* What was written last of each budget. */
typedef void ledger_touch_fn(void *ctx, const struct budget_touch *touch);
int ledger_touches(struct ledger *ledger, ledger_touch_fn *fn, void *ctx);

/* All that is kept, oldest first. */
typedef void ledger_override_fn(void *ctx, const struct budget_override *override);
int ledger_overrides(struct ledger *ledger, ledger_override_fn *fn, void *ctx);

/* Events with seq > after in order of seq, at most `limit`; the callback returns false to stop and
 * does not ask the ledger for events itself. Without a verdict: the row holds what this program
 * cannot say, as one of a later release may. It is left as it is, and those after it come. */
struct ledger_query {
	int64_t after_seq;
	int64_t since_ns; /* by end of the call, inclusive; 0 = all */
	uint32_t uid;     /* of the calling process; UINT32_MAX = all */
	int64_t limit;
	bool newest;          /* the newest `limit` of them, still in order of seq */
	struct uuid event_id; /* that one alone, by a `limit` of 1; zero = all */
};
typedef bool ledger_event_fn(void *ctx, int64_t seq, const struct verdict *verdict_or_null);
int ledger_events(struct ledger *ledger, const struct ledger_query *query, ledger_event_fn *fn,
		  void *ctx);

struct ledger_totals {
	int64_t events, last_seq;
	int64_t
	    former; /* rows kept in the table of a former schema: this program cannot say them */
	int64_t file_bytes;
};
int ledger_totals(struct ledger *ledger, struct ledger_totals *ret_totals);

/* The host's id (a UUID made once) and the secret for key hashes (32 random bytes), kept in the
 * ledger so that they live and die with it. */
int ledger_host_id(struct ledger *ledger, char out[static UUID_TEXT]);
int ledger_secret(struct ledger *ledger, uint8_t out[static 32]);
