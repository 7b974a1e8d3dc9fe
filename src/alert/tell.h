/* Alerts from what was found: the sentence, the level, the window in which it is told once. Those
 * about a budget take its figures as a JSON object, which is kept when it fits. What is found again
 * and again has a function for its key alone. */
#pragma once

#include "alert/alert.h"
#include "alert/breaker.h"
#include "alert/habit.h"
#include "budget/decision.h"
#include "budget/override.h"

void tell_threshold(const struct budget_view *view, unsigned percent, struct span budget_json,
		    int64_t now_ns, struct alert *ret_alert);
/* It will be used up before its window ends. */
struct alert_key tell_forecast_key(const struct budget_view *view);
void tell_forecast(const struct budget_view *view, int64_t exhausted_ns, struct span budget_json,
		   int64_t now_ns, struct alert *ret_alert);
/* A call was refused for it: the first in its window. */
struct alert_key tell_denial_key(const struct budget_view *view);
void tell_denial(const struct budget_view *view, struct span budget_json, int64_t now_ns,
		 struct alert *ret_alert);
/* "hold", "cut", "release"; `json` is the whole of the action. */
void tell_enforcement(const char *budget, const char *action, const char *why, struct span json,
		      int64_t now_ns, struct alert *ret_alert);
/* A person's word on a budget. */
void tell_override(const struct budget_override *override, struct alert *ret_alert);

void tell_breaker(const struct breaker_view *view, int64_t now_ns, struct alert *ret_alert);
/* By calls and by spend are two steps. */
void tell_anomaly(const struct process *process, const struct habit_view *view, int64_t now_ns,
		  struct alert *ret_alert);

/* Traffic that is not metered, of one executable to one host: once a day (UTC). So is a library
 * whose calls are not seen. */
struct tell_traffic {
	const char *exe, *host, *reason;
	unsigned reason_step; /* each reason is told */
	const char *user;
	uint64_t connections;
};
struct alert_key tell_unmetered_key(const struct tell_traffic *traffic, int64_t now_ns);
void tell_unmetered(const struct tell_traffic *traffic, int64_t now_ns, struct alert *ret_alert);
/* A call that has no price: once a day (UTC) for each model, or route, and each reason. */
struct alert_key tell_unpriced_key(const struct charge *charge, int64_t now_ns);
void tell_unpriced(const struct charge *charge, int64_t now_ns, struct alert *ret_alert);
void tell_canary(const char *library, int64_t now_ns, struct alert *ret_alert);
