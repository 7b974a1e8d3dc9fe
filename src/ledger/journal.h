/* The alerts in the ledger, which are an outbox as the calls are, with numbers of their own; the
 * hours of programs that habits are made of; how well providers are and what is usual for them;
 * what sinks have given up. The writes belong to a batch of ledger.h. */
#pragma once

#include "alert/alert.h"
#include "alert/breaker.h"
#include "alert/habit.h"
#include "ledger/ledger.h"

/* -EEXIST: it is there; the batch goes on. */
int journal_add_alert(struct ledger *ledger, const struct alert *alert);
int journal_set_hour(struct ledger *ledger, const struct habit_hour *hour);
int journal_set_breaker(struct ledger *ledger, const struct breaker_memory *breaker);
int journal_set_median(struct ledger *ledger, const struct usual_median *median);
/* Event `seq` of what the sink takes will never be there. */
int journal_add_dead(struct ledger *ledger, const char *sink, int64_t seq, int64_t time_ns,
		     const char *reason);

/* As those of the calls (ledger.h), with the numbers of the alerts. 1 = it has one, 0 = none yet.
 */
int journal_set_cursor(struct ledger *ledger, const char *sink, int64_t seq);
int journal_cursor(struct ledger *ledger, const char *sink, int64_t *ret_seq);

/* As ledger_events; of a query `uid` and `event_id` say nothing of alerts. */
typedef bool journal_alert_fn(void *ctx, int64_t seq, const struct alert *alert_or_null);
int journal_alerts(struct ledger *ledger, const struct ledger_query *query, journal_alert_fn *fn,
		   void *ctx);
/* The seq of the newest one, 0 = none. */
int journal_newest_alert(struct ledger *ledger, int64_t *ret_seq);

/* Of the last HABIT_HOURS before now, in order of time. */
typedef void journal_hour_fn(void *ctx, const struct habit_hour *hour);
int journal_hours(struct ledger *ledger, int64_t now_ns, journal_hour_fn *fn, void *ctx);

/* All there are; those that cannot be read are left out. */
typedef void journal_breaker_fn(void *ctx, const struct breaker_memory *breaker);
int journal_breakers(struct ledger *ledger, journal_breaker_fn *fn, void *ctx);
/* In order of time. */
typedef void journal_median_fn(void *ctx, const struct usual_median *median);
int journal_medians(struct ledger *ledger, journal_median_fn *fn, void *ctx);

/* Drops alerts of before `before_ns` up to `acked_seq`, and with them what sinks gave up then;
 * hours that no habit looks at, and medians as old. */
int journal_drop_alerts(struct ledger *ledger, int64_t before_ns, int64_t acked_seq);
int journal_drop_usual(struct ledger *ledger, int64_t now_ns);
