/* The words of alerts. Figures stand in `details` for programs and in the sentence for people. */
#include "alert/tell.h"

#include <limits.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/emit.h"
#include "base/money.h"
#include "base/timestamp.h"
#include "budget/unit.h"

#define HOUR_NS (3600 * NS_PER_SEC)

static void put_details(struct alert *alert, struct span json)
{
	if (!span_copy(json, alert->details, sizeof(alert->details)))
		alert->details[0] = '\0';
}

static struct alert once(struct alert_key key, enum alert_level level, int64_t now_ns)
{
	struct alert alert = { .time_ns = now_ns,
			       .kind = key.kind,
			       .level = level,
			       .window_ns = key.window_ns,
			       .step = key.step };

	memcpy(alert.subject, key.subject, sizeof(alert.subject));
	return alert;
}

static struct alert each_time(enum alert_kind kind, enum alert_level level, const char *subject,
			      int64_t now_ns)
{
	return once(alert_key_of(kind, subject, 0, 0), level, now_ns);
}

/* When the day began, of UTC. */
static int64_t day_of(int64_t now_ns)
{
	return now_ns / NS_PER_DAY * NS_PER_DAY;
}

/* --- budgets */

/* All of time has no start, and is told of once as well. */
static int64_t window_of(const struct budget_view *view)
{
	return view->window_start_ns ?: 1;
}

void tell_threshold(const struct budget_view *view, unsigned percent, struct span budget_json,
		    int64_t now_ns, struct alert *ret_alert)
{
	struct alert alert =
	    once(alert_key_of(ALERT_THRESHOLD, view->name, window_of(view), percent),
		 percent < 100 ? ALERT_WARNING : ALERT_CRITICAL, now_ns);
	char spent[MONEY_TEXT_MAX], limit[MONEY_TEXT_MAX];

	snprintf(alert.text, sizeof(alert.text), "budget %s has used %u %%: %s of %s %s a %s",
		 view->name, percent, unit_format(view->unit, view->spent, spent),
		 unit_format(view->unit, view->limit, limit), unit_name(view->unit), view->window);
	put_details(&alert, budget_json);
	*ret_alert = alert;
}

struct alert_key tell_forecast_key(const struct budget_view *view)
{
	return alert_key_of(ALERT_FORECAST, view->name, window_of(view), 1);
}

void tell_forecast(const struct budget_view *view, int64_t exhausted_ns, struct span budget_json,
		   int64_t now_ns, struct alert *ret_alert)
{
	struct alert alert = once(tell_forecast_key(view), ALERT_WARNING, now_ns);
	char spent[MONEY_TEXT_MAX], limit[MONEY_TEXT_MAX], time[TIMESTAMP_TEXT_MAX];

	snprintf(alert.text, sizeof(alert.text),
		 "budget %s will be used up at %.16s, at its pace until now: %s of %s %s",
		 view->name, timestamp_format(exhausted_ns, time),
		 unit_format(view->unit, view->spent, spent),
		 unit_format(view->unit, view->limit, limit), unit_name(view->unit));
	put_details(&alert, budget_json);
	*ret_alert = alert;
}

struct alert_key tell_denial_key(const struct budget_view *view)
{
	return alert_key_of(ALERT_DENIAL, view->name, window_of(view), view->unpriced ? 2 : 1);
}

void tell_denial(const struct budget_view *view, struct span budget_json, int64_t now_ns,
		 struct alert *ret_alert)
{
	struct alert alert = once(tell_denial_key(view), ALERT_CRITICAL, now_ns);
	char asked[MONEY_TEXT_MAX], left[MONEY_TEXT_MAX];

	if (view->unpriced)
		snprintf(alert.text, sizeof(alert.text),
			 "budget %s refuses calls: their price is not known", view->name);
	else
		snprintf(alert.text, sizeof(alert.text),
			 "budget %s refuses calls: one asked for %s %s, and %s are left",
			 view->name, unit_format(view->unit, view->asked, asked),
			 unit_name(view->unit),
			 unit_format(view->unit, view->limit - view->spent - view->reserved, left));
	put_details(&alert, budget_json);
	*ret_alert = alert;
}

void tell_enforcement(const char *budget, const char *action, const char *why, struct span json,
		      int64_t now_ns, struct alert *ret_alert)
{
	struct alert alert = each_time(ALERT_ENFORCEMENT, ALERT_WARNING, budget, now_ns);

	snprintf(alert.text, sizeof(alert.text), "budget %s: %s, %s", budget, action, why);
	put_details(&alert, json);
	*ret_alert = alert;
}

void tell_override(const struct budget_override *override, struct alert *ret_alert)
{
	struct alert alert =
	    each_time(ALERT_OVERRIDE, ALERT_INFO, override->budget, override->time_ns);
	struct buf json = buf_with_max(ALERT_DETAILS_MAX);
	char amount[MONEY_TEXT_MAX], until[TIMESTAMP_TEXT_MAX];
	struct emit e = emit_to(&json);

	snprintf(alert.text, sizeof(alert.text), "budget %s: %s, by %s (pid %u): %.120s",
		 override->budget, override_name(override->action), override->user, override->pid,
		 override->why);
	emit_object(&e, NULL);
	emit_text(&e, "action", override_name(override->action));
	emit_text(&e, "user", override->user);
	emit_int(&e, "uid", override->uid);
	emit_int(&e, "pid", override->pid);
	emit_text(&e, "why", override->why);
	emit_text(&e, "amount", unit_format(override->unit, override->amount, amount));
	emit_text(&e, "unit", unit_name(override->unit));
	emit_text(&e, "until",
		  override->until_ns == 0 || override->until_ns == INT64_MAX
		      ? NULL
		      : timestamp_format(override->until_ns, until));
	emit_end_object(&e);
	put_details(&alert, buf_span(&json));
	buf_done(&json);
	*ret_alert = alert;
}

/* --- health */

/* "12.3" of parts in a million. */
static char *percent_of(uint64_t ppm, char out[static 24])
{
	snprintf(out, 24, "%llu.%llu", (unsigned long long)(ppm / 10000),
		 (unsigned long long)(ppm / 1000 % 10));
	return out;
}

static void put_breaker(struct alert *alert, const struct breaker_view *view)
{
	struct buf json = buf_with_max(ALERT_DETAILS_MAX);
	struct emit e = emit_to(&json);

	emit_object(&e, NULL);
	emit_text(&e, "state", breaker_state_name(view->state));
	emit_bool(&e, "by_errors", view->by_errors);
	emit_bool(&e, "by_latency", view->by_latency);
	emit_int(&e, "calls", (int64_t)view->calls);
	emit_int(&e, "errors", (int64_t)view->errors);
	emit_int(&e, "late", (int64_t)view->late);
	emit_end_object(&e);
	put_details(alert, buf_span(&json));
	buf_done(&json);
}

void tell_breaker(const struct breaker_view *view, int64_t now_ns, struct alert *ret_alert)
{
	bool well = view->state == BREAKER_CLOSED;
	struct alert alert =
	    each_time(ALERT_BREAKER, well ? ALERT_INFO : ALERT_WARNING, view->provider, now_ns);
	char usual[24];

	if (well)
		snprintf(alert.text, sizeof(alert.text), "%s is well again", view->provider);
	else
		snprintf(alert.text, sizeof(alert.text), "%s %s%s%s; usual are %s %% of errors",
			 view->provider, view->by_errors ? "fails" : "",
			 view->by_errors && view->by_latency ? " and " : "",
			 view->by_latency ? "answers late" : "",
			 view->usual_error_ppm == UINT_MAX
			     ? "unknown"
			     : percent_of(view->usual_error_ppm, usual));
	put_breaker(&alert, view);
	*ret_alert = alert;
}

static void put_habit(struct alert *alert, const struct process *process,
		      const struct habit_view *view)
{
	struct buf json = buf_with_max(ALERT_DETAILS_MAX);
	char spent[MONEY_TEXT_MAX], usual[MONEY_TEXT_MAX];
	struct emit e = emit_to(&json);

	emit_object(&e, NULL);
	emit_int(&e, "uid", process->uid);
	emit_text(&e, "user", process->user[0] ? process->user : NULL);
	emit_int(&e, "calls", view->calls);
	emit_int(&e, "usual_calls", view->usual_calls);
	emit_text(&e, "spent_usd", money_format(view->spent_pico, MONEY_PICO_DIGITS, spent));
	emit_text(&e, "usual_spent_usd",
		  money_format(view->usual_spent_pico, MONEY_PICO_DIGITS, usual));
	emit_end_object(&e);
	put_details(alert, buf_span(&json));
	buf_done(&json);
}

void tell_anomaly(const struct process *process, const struct habit_view *view, int64_t now_ns,
		  struct alert *ret_alert)
{
	struct alert alert =
	    once(alert_key_of(ALERT_ANOMALY, process->exe, now_ns / HOUR_NS * HOUR_NS,
			      view->by_calls + 2u * view->by_spend),
		 ALERT_WARNING, now_ns);
	char spent[MONEY_TEXT_MAX], usual[MONEY_TEXT_MAX];

	snprintf(alert.text, sizeof(alert.text),
		 "%s of %s made %u calls for %s USD in this hour; usual at this time are %u for %s",
		 process->comm, process->user[0] ? process->user : "a user", view->calls,
		 money_format(view->spent_pico, MONEY_PICO_DIGITS, spent), view->usual_calls,
		 money_format(view->usual_spent_pico, MONEY_PICO_DIGITS, usual));
	put_habit(&alert, process, view);
	*ret_alert = alert;
}

struct alert_key tell_unmetered_key(const struct tell_traffic *traffic, int64_t now_ns)
{
	char subject[256];

	snprintf(subject, sizeof(subject), "%.120s to %.120s", traffic->exe, traffic->host);
	return alert_key_of(ALERT_UNMETERED, subject, day_of(now_ns), traffic->reason_step);
}

void tell_unmetered(const struct tell_traffic *traffic, int64_t now_ns, struct alert *ret_alert)
{
	struct alert alert = once(tell_unmetered_key(traffic, now_ns), ALERT_WARNING, now_ns);
	struct buf json = buf_with_max(ALERT_DETAILS_MAX);
	struct emit e = emit_to(&json);

	snprintf(alert.text, sizeof(alert.text), "calls of %.100s to %.80s are not metered: %s",
		 traffic->exe, traffic->host, traffic->reason);
	emit_object(&e, NULL);
	emit_text(&e, "exe", traffic->exe);
	emit_text(&e, "host", traffic->host);
	emit_text(&e, "reason", traffic->reason);
	emit_text(&e, "user", traffic->user[0] ? traffic->user : NULL);
	emit_int(&e, "connections", (int64_t)traffic->connections);
	emit_end_object(&e);
	put_details(&alert, buf_span(&json));
	buf_done(&json);
	*ret_alert = alert;
}

static void put_charge(struct alert *alert, const struct charge *charge)
{
	const struct usage *usage = &charge->usage;
	struct buf json = buf_with_max(ALERT_DETAILS_MAX);
	struct emit e = emit_to(&json);
	char id[UUID_TEXT];

	emit_object(&e, NULL);
	emit_text(&e, "call", uuid_format(&usage->event_id, id));
	emit_text(&e, "reason", charge_doubt_name(charge));
	emit_text(&e, "provider", usage->provider[0] ? usage->provider : NULL);
	emit_text(&e, "server", usage->server[0] ? usage->server : NULL);
	emit_text(&e, "route", usage->route[0] ? usage->route : NULL);
	emit_text(&e, "model", usage->model[0] ? usage->model : NULL);
	emit_text(&e, "model_requested", usage->model_requested[0] ? usage->model_requested : NULL);
	emit_text(&e, "service_tier", usage->service_tier[0] ? usage->service_tier : NULL);
	emit_end_object(&e);
	put_details(alert, buf_span(&json));
	buf_done(&json);
}

static const char *who_of(const struct usage *usage)
{
	return usage->provider[0] ? usage->provider : usage->server;
}

static const char *what_of(const struct usage *usage)
{
	if (usage->model[0])
		return usage->model;
	return usage->model_requested[0] ? usage->model_requested : usage->route;
}

struct alert_key tell_unpriced_key(const struct charge *charge, int64_t now_ns)
{
	const struct usage *usage = &charge->usage;
	char subject[256];

	snprintf(subject, sizeof(subject), "%.120s %.120s", who_of(usage), what_of(usage));
	return alert_key_of(ALERT_UNPRICED, subject, day_of(now_ns),
			    charge->doubt * 16u + usage->doubt);
}

void tell_unpriced(const struct charge *charge, int64_t now_ns, struct alert *ret_alert)
{
	const struct usage *usage = &charge->usage;
	struct alert alert = once(tell_unpriced_key(charge, now_ns), ALERT_WARNING, now_ns);

	snprintf(alert.text, sizeof(alert.text), "calls to %.80s have no price: %s %.96s",
		 who_of(usage), charge_doubt_name(charge), what_of(usage));
	put_charge(&alert, charge);
	*ret_alert = alert;
}

void tell_canary(const char *library, int64_t now_ns, struct alert *ret_alert)
{
	struct alert alert =
	    once(alert_key_of(ALERT_CANARY, library, day_of(now_ns), 0), ALERT_CRITICAL, now_ns);

	snprintf(alert.text, sizeof(alert.text),
		 "a TLS call made through %.160s was not seen: others may be missed, too", library);
	*ret_alert = alert;
}
