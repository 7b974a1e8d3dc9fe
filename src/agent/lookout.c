/* Wires src/alert. Alerts that were told are remembered over a restart by the newest of them in the
 * ledger, habits by their hours, breakers and medians as they were. */
#include "agent/lookout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pages.h"
#include "ledger/journal.h"

#define SURVEY_SECONDS 10
#define WAITING_MAX    16
#define UNPRICED_A_DAY 64
#define STORE_SECONDS  60 /* a crash forgets that much of what was learned */

struct lookout {
	struct lookout_options options;
	struct alerts *alerts;
	struct breakers *breakers;
	struct habits *habits;
	struct buf json;
	unsigned n_ticks, n_waiting;
	unsigned n_unpriced; /* told in `day`, of UTC since 1970 */
	int64_t day;
	struct alert waiting[WAITING_MAX]; /* for room in the ledger's queue */
	struct lookout_counters counters;
};

static bool restore_alert(void *ctx, int64_t seq, const struct alert *alert)
{
	struct lookout *lookout = ctx;

	(void)seq;
	if (alert)
		alerts_restore(lookout->alerts, alert);
	return true;
}

static void restore_hour(void *ctx, const struct habit_hour *hour)
{
	struct lookout *lookout = ctx;

	habits_restore(lookout->habits, hour);
}

static void restore_breaker(void *ctx, const struct breaker_memory *breaker)
{
	struct lookout *lookout = ctx;

	breakers_restore(lookout->breakers, breaker, clock_system.now_ns(&clock_system));
}

static void restore_median(void *ctx, const struct usual_median *median)
{
	struct lookout *lookout = ctx;

	usual_restore(breakers_usual(lookout->breakers), median);
}

static int restore(struct lookout *lookout)
{
	const struct ledger_query query = { .limit = ALERTS_KNOWN_MAX, .newest = true };
	struct ledger *ledger = lookout->options.ledger;
	int code = journal_alerts(ledger, &query, restore_alert, lookout);

	if (code == 0)
		code = journal_hours(ledger, clock_system.now_ns(&clock_system), restore_hour,
				     lookout);
	if (code == 0)
		code = journal_breakers(ledger, restore_breaker, lookout);
	if (code == 0)
		code = journal_medians(ledger, restore_median, lookout);
	return code;
}

CLEANUP_FOR(lookout, struct lookout *, lookout_free)

int lookout_new(const struct lookout_options *options, struct lookout **ret_lookout)
{
	CLEANUP(cleanup_lookout) struct lookout *lookout = pages_new(sizeof(*lookout));
	int code;

	if (!lookout)
		return -ENOMEM;
	lookout->options = *options;
	lookout->json = buf_with_max(1 << 16);
	lookout->alerts = alerts_new();
	lookout->habits = habits_new();
	code = breakers_new(&options->breaker, &lookout->breakers);
	if (!lookout->alerts || !lookout->habits || code < 0)
		return -ENOMEM;
	code = restore(lookout);
	if (code < 0)
		return code;
	*ret_lookout = TAKE_PTR(lookout);
	return 0;
}

void lookout_free(struct lookout *lookout)
{
	if (!lookout)
		return;
	alerts_free(lookout->alerts);
	breakers_free(lookout->breakers);
	habits_free(lookout->habits);
	buf_done(&lookout->json);
	pages_free(lookout, sizeof(*lookout));
}

/* In their order; what finds no room waits. */
static void store_waiting(struct lookout *lookout)
{
	struct ledger_task task = { .kind = TASK_ALERT };
	unsigned n = 0;

	while (n < lookout->n_waiting && queue_room(lookout->options.tasks)) {
		task.alert = lookout->waiting[n++];
		(void)queue_push(lookout->options.tasks, &task);
	}
	lookout->n_waiting -= n;
	memmove(lookout->waiting, lookout->waiting + n,
		lookout->n_waiting * sizeof(*lookout->waiting));
}

bool lookout_told(const struct lookout *lookout, const struct alert_key *key)
{
	return alerts_told(lookout->alerts, key);
}

bool lookout_raise(struct lookout *lookout, struct alert *alert)
{
	if (!alerts_first(lookout->alerts, alert))
		return false;
	counter_add(&lookout->counters.told, 1);
	if (lookout->n_waiting < WAITING_MAX)
		lookout->waiting[lookout->n_waiting++] = *alert;
	else
		counter_add(&lookout->counters.not_stored, 1);
	store_waiting(lookout);
	fprintf(stderr, "outlayd: %s: %s\n", alert_level_name(alert->level), alert->text);
	buf_reset(&lookout->json);
	alert_json(&lookout->json, alert, lookout->options.host_id, lookout->options.host_name);
	policy_publish(lookout->options.policy, "alert", buf_span(&lookout->json), UINT32_MAX);
	return true;
}

/* Names of models are the callers' words: so many are told a day, and no more. */
static void tell_no_price(struct lookout *lookout, const struct charge *charge, int64_t now_ns)
{
	struct alert_key key = tell_unpriced_key(charge, now_ns);
	int64_t day = now_ns / NS_PER_DAY;
	struct alert alert;

	if (lookout->day != day)
		lookout->n_unpriced = 0;
	lookout->day = day;
	if (lookout->n_unpriced == UNPRICED_A_DAY || lookout_told(lookout, &key))
		return;
	tell_unpriced(charge, now_ns, &alert);
	lookout->n_unpriced += lookout_raise(lookout, &alert);
}

void lookout_charge(struct lookout *lookout, const struct charge *charge, int64_t now_ns)
{
	const struct usage *usage = &charge->usage;
	struct breaker_view breaker;
	struct habit_view habit;
	struct alert alert;

	if (breakers_take(lookout->breakers, usage, now_ns) &&
	    breakers_view(lookout->breakers, span_of(usage->provider), now_ns, &breaker) &&
	    breaker.state != BREAKER_HALF_OPEN) {
		tell_breaker(&breaker, now_ns, &alert);
		(void)lookout_raise(lookout, &alert);
	}
	if (charge->source == COST_UNPRICED)
		tell_no_price(lookout, charge, now_ns);
	if (habits_take(lookout->habits, charge, now_ns, &habit)) {
		tell_anomaly(&usage->process, &habit, now_ns, &alert);
		(void)lookout_raise(lookout, &alert);
	}
}

/* Of what was learned, so much as fits in a task; false: all is told. */
static bool take_owed(struct lookout *lookout, struct ledger_task *task)
{
	struct usual *usual = breakers_usual(lookout->breakers);

	task->kind = TASK_HOURS;
	task->hours.n = habits_owed(lookout->habits, task->hours.hour, TASK_ROWS_MAX);
	if (task->hours.n)
		return true;
	task->kind = TASK_BREAKERS;
	task->breakers.n = breakers_owed(lookout->breakers, task->breakers.breaker, TASK_ROWS_MAX);
	if (task->breakers.n)
		return true;
	task->kind = TASK_MEDIANS;
	task->medians.n = usual_owed(usual, task->medians.median, TASK_ROWS_MAX);
	return task->medians.n;
}

bool lookout_store(struct lookout *lookout)
{
	struct ledger_task task;

	store_waiting(lookout);
	while (queue_room(lookout->options.tasks)) {
		if (!take_owed(lookout, &task))
			return !lookout->n_waiting;
		(void)queue_push(lookout->options.tasks, &task);
	}
	return false;
}

void lookout_tick(struct lookout *lookout)
{
	store_waiting(lookout);
	lookout->n_ticks++;
	if (lookout->n_ticks % SURVEY_SECONDS == 0)
		lookout->options.survey(lookout->options.survey_ctx, lookout);
	if (lookout->n_ticks % STORE_SECONDS == 0)
		(void)lookout_store(lookout);
}

const struct lookout_counters *lookout_counters(const struct lookout *lookout)
{
	return &lookout->counters;
}

struct breakers *lookout_breakers(struct lookout *lookout)
{
	return lookout->breakers;
}

struct habits *lookout_habits(struct lookout *lookout)
{
	return lookout->habits;
}
