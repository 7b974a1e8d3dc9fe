/* Small tables beside the calls. Each row is read as hostile: the file may have been edited. */
#include "ledger/journal.h"

#include <errno.h>

#include "base/clock.h"
#include "ledger/statement.h"

#define HOUR_NS (3600 * NS_PER_SEC)

/* --- writing */

int journal_add_alert(struct ledger *ledger, const struct alert *alert)
{
	sqlite3_stmt *stmt = ledger->stmts[ADD_ALERT];

	sqlite3_bind_blob(stmt, 1, alert->event_id.bytes, UUID_BYTES, SQLITE_TRANSIENT);
	sqlite3_bind_int64(stmt, 2, alert->time_ns);
	statement_bind_text(stmt, 3, alert_kind_name(alert->kind));
	statement_bind_text(stmt, 4, alert_level_name(alert->level));
	statement_bind_text(stmt, 5, alert->subject);
	sqlite3_bind_int64(stmt, 6, alert->window_ns);
	sqlite3_bind_int64(stmt, 7, alert->step);
	statement_bind_text(stmt, 8, alert->text);
	statement_bind_text(stmt, 9, alert->details[0] ? alert->details : NULL);
	return statement_run_in_batch(ledger, ADD_ALERT);
}

int journal_set_hour(struct ledger *ledger, const struct habit_hour *hour)
{
	sqlite3_stmt *stmt = ledger->stmts[SET_HABIT];

	sqlite3_bind_int64(stmt, 1, hour->program.uid);
	statement_bind_text(stmt, 2, hour->program.exe);
	sqlite3_bind_int64(stmt, 3, hour->hour);
	sqlite3_bind_int64(stmt, 4, hour->calls);
	sqlite3_bind_int64(stmt, 5, hour->spent_pico);
	return statement_run_in_batch(ledger, SET_HABIT);
}

int journal_set_breaker(struct ledger *ledger, const struct breaker_memory *breaker)
{
	sqlite3_stmt *stmt = ledger->stmts[SET_BREAKER];

	statement_bind_text(stmt, 1, breaker->provider);
	statement_bind_text(stmt, 2, breaker_state_name(breaker->state));
	sqlite3_bind_int(stmt, 3, breaker->by_errors);
	sqlite3_bind_int(stmt, 4, breaker->by_latency);
	sqlite3_bind_int64(stmt, 5, breaker->since_ns);
	sqlite3_bind_int64(stmt, 6, breaker->opened_ns);
	sqlite3_bind_int64(stmt, 7, breaker->looked_ns);
	sqlite3_bind_int64(stmt, 8, (int64_t)breaker->learned_calls);
	sqlite3_bind_int64(stmt, 9, (int64_t)breaker->learned_errors);
	return statement_run_in_batch(ledger, SET_BREAKER);
}

int journal_set_median(struct ledger *ledger, const struct usual_median *median)
{
	sqlite3_stmt *stmt = ledger->stmts[SET_MEDIAN];

	statement_bind_text(stmt, 1, median->key.provider);
	statement_bind_text(stmt, 2, median->key.model);
	statement_bind_text(stmt, 3, median->key.operation);
	sqlite3_bind_int(stmt, 4, median->key.streaming);
	sqlite3_bind_int64(stmt, 5, median->median_ns);
	sqlite3_bind_int64(stmt, 6, median->learned_ns);
	sqlite3_bind_int64(stmt, 7, median->n);
	return statement_run_in_batch(ledger, SET_MEDIAN);
}

int journal_add_dead(struct ledger *ledger, const char *sink, int64_t seq, int64_t time_ns,
		     const char *reason)
{
	sqlite3_stmt *stmt = ledger->stmts[ADD_DEAD];

	statement_bind_text(stmt, 1, sink);
	sqlite3_bind_int64(stmt, 2, seq);
	sqlite3_bind_int64(stmt, 3, time_ns);
	statement_bind_text(stmt, 4, reason);
	return statement_run_in_batch(ledger, ADD_DEAD);
}

int journal_set_cursor(struct ledger *ledger, const char *sink, int64_t seq)
{
	return statement_set_cursor(ledger, SET_ALERT_CURSOR, sink, seq);
}

/* --- reading */

int journal_cursor(struct ledger *ledger, const char *sink, int64_t *ret_seq)
{
	return statement_cursor(ledger, ALERT_CURSOR, sink, ret_seq);
}

static bool read_alert(sqlite3_stmt *stmt, struct alert *alert)
{
	const void *id = sqlite3_column_blob(stmt, 1);
	char kind[32], level[16];

	*alert = (struct alert){ .time_ns = sqlite3_column_int64(stmt, 2),
				 .window_ns = sqlite3_column_int64(stmt, 6),
				 .step = (uint32_t)sqlite3_column_int64(stmt, 7) };
	if (!id || sqlite3_column_bytes(stmt, 1) != UUID_BYTES)
		return false;
	memcpy(alert->event_id.bytes, id, UUID_BYTES);
	return span_copy(statement_text(stmt, 3), kind, sizeof(kind)) &&
	       span_copy(statement_text(stmt, 4), level, sizeof(level)) &&
	       alert_kind_find(span_of(kind), &alert->kind) == 0 &&
	       alert_level_find(span_of(level), &alert->level) == 0 &&
	       span_copy(statement_text(stmt, 5), alert->subject, sizeof(alert->subject)) &&
	       span_copy(statement_text(stmt, 8), alert->text, sizeof(alert->text)) &&
	       span_copy(statement_text(stmt, 9), alert->details, sizeof(alert->details));
}

int journal_alerts(struct ledger *ledger, const struct ledger_query *query, journal_alert_fn *fn,
		   void *ctx)
{
	sqlite3_stmt *stmt = ledger->stmts[ALERTS];
	int64_t first = query->after_seq + 1;
	struct alert alert;
	int code = 1;

	if (query->limit > 0 && query->newest) {
		statement_bind_query(ledger->stmts[NEWEST_ALERTS], query, query->after_seq);
		code = statement_int(ledger, NEWEST_ALERTS, &first);
	}
	statement_bind_query(stmt, query, first - 1);
	if (code > 0)
		code = statement_step(ledger, ALERTS);
	while (code > 0) {
		bool said = read_alert(stmt, &alert);
		bool more = fn(ctx, sqlite3_column_int64(stmt, 0), said ? &alert : NULL);

		code = more ? statement_step(ledger, ALERTS) : 0;
	}
	sqlite3_reset(stmt);
	return code;
}

int journal_newest_alert(struct ledger *ledger, int64_t *ret_seq)
{
	int code;

	*ret_seq = 0;
	code = statement_int(ledger, NEWEST_ALERT, ret_seq);
	return code < 0 ? code : 0;
}

int journal_hours(struct ledger *ledger, int64_t now_ns, journal_hour_fn *fn, void *ctx)
{
	sqlite3_stmt *stmt = ledger->stmts[HABITS];
	int code;

	sqlite3_bind_int64(stmt, 1, now_ns / HOUR_NS - HABIT_HOURS);
	code = statement_step(ledger, HABITS);
	while (code > 0) {
		struct habit_hour hour = { .program.uid = (uint32_t)sqlite3_column_int64(stmt, 0),
					   .hour = sqlite3_column_int64(stmt, 2),
					   .calls = (uint32_t)sqlite3_column_int64(stmt, 3),
					   .spent_pico = sqlite3_column_int64(stmt, 4) };

		if (span_copy(statement_text(stmt, 1), hour.program.exe,
			      sizeof(hour.program.exe)) &&
		    hour.hour <= now_ns / HOUR_NS)
			fn(ctx, &hour);
		code = statement_step(ledger, HABITS);
	}
	sqlite3_reset(stmt);
	return code;
}

static bool read_breaker(sqlite3_stmt *stmt, struct breaker_memory *breaker)
{
	*breaker = (struct breaker_memory){
		.by_errors = sqlite3_column_int(stmt, 2) != 0,
		.by_latency = sqlite3_column_int(stmt, 3) != 0,
		.since_ns = sqlite3_column_int64(stmt, 4),
		.opened_ns = sqlite3_column_int64(stmt, 5),
		.looked_ns = sqlite3_column_int64(stmt, 6),
		.learned_calls = (uint64_t)sqlite3_column_int64(stmt, 7),
		.learned_errors = (uint64_t)sqlite3_column_int64(stmt, 8),
	};
	return breaker_state_find(statement_text(stmt, 1), &breaker->state) == 0 &&
	       span_copy(statement_text(stmt, 0), breaker->provider, sizeof(breaker->provider));
}

int journal_breakers(struct ledger *ledger, journal_breaker_fn *fn, void *ctx)
{
	sqlite3_stmt *stmt = ledger->stmts[BREAKERS];
	struct breaker_memory breaker;
	int code = statement_step(ledger, BREAKERS);

	for (; code > 0; code = statement_step(ledger, BREAKERS))
		if (read_breaker(stmt, &breaker))
			fn(ctx, &breaker);
	sqlite3_reset(stmt);
	return code;
}

static bool read_median(sqlite3_stmt *stmt, struct usual_median *median)
{
	struct usual_key *key = &median->key;
	int64_t calls = sqlite3_column_int64(stmt, 6);

	memset(median, 0, sizeof(*median));
	key->streaming = sqlite3_column_int(stmt, 3) != 0;
	median->median_ns = sqlite3_column_int64(stmt, 4);
	median->learned_ns = sqlite3_column_int64(stmt, 5);
	median->n = (unsigned)calls;
	return calls >= 0 && calls <= UINT32_MAX &&
	       span_copy(statement_text(stmt, 0), key->provider, sizeof(key->provider)) &&
	       span_copy(statement_text(stmt, 1), key->model, sizeof(key->model)) &&
	       span_copy(statement_text(stmt, 2), key->operation, sizeof(key->operation));
}

int journal_medians(struct ledger *ledger, journal_median_fn *fn, void *ctx)
{
	sqlite3_stmt *stmt = ledger->stmts[MEDIANS];
	struct usual_median median;
	int code = statement_step(ledger, MEDIANS);

	for (; code > 0; code = statement_step(ledger, MEDIANS))
		if (read_median(stmt, &median))
			fn(ctx, &median);
	sqlite3_reset(stmt);
	return code;
}

/* --- leaving */

int journal_drop_alerts(struct ledger *ledger, int64_t before_ns, int64_t acked_seq)
{
	int code;

	sqlite3_bind_int64(ledger->stmts[DROP_ALERTS], 1, before_ns);
	sqlite3_bind_int64(ledger->stmts[DROP_ALERTS], 2, acked_seq);
	code = statement_run(ledger, DROP_ALERTS);
	sqlite3_bind_int64(ledger->stmts[DROP_DEAD], 1, before_ns);
	return code < 0 ? code : statement_run(ledger, DROP_DEAD);
}

int journal_drop_usual(struct ledger *ledger, int64_t now_ns)
{
	int code;

	sqlite3_bind_int64(ledger->stmts[DROP_HABITS], 1, now_ns / HOUR_NS - HABIT_HOURS);
	code = statement_run(ledger, DROP_HABITS);
	sqlite3_bind_int64(ledger->stmts[DROP_MEDIANS], 1, now_ns - HABIT_HOURS * HOUR_NS);
	return code < 0 ? code : statement_run(ledger, DROP_MEDIANS);
}
