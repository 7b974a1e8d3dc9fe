/* Watchers. What one has not read yet is at most POLICY_WATCH_BYTES_MAX; beyond that its events are
 * dropped and counted. Changes of budgets are told once a second at most, however many calls and
 * decisions made them. */
#include "policy/watch.h"

#include <stdlib.h>

#include "alert/tell.h"
#include "budget/outlook.h"
#include "policy/routes.h"

#define EVENT_BYTES_MAX 16384

void watch_serve(struct client *client, const struct request *request)
{
	struct policy *policy = client->policy;

	(void)request;
	if (policy->n_watchers >= POLICY_WATCHERS_MAX) {
		answer_problem(&policy->out,
			       &(struct answer_fault){ .status = 503,
						       .detail = "64 watchers are here already." },
			       client->keep_alive);
		return;
	}
	answer_stream(&policy->out, "text/event-stream", SPAN("Connection: close\r\n"));
	buf_put(&policy->out, SPAN(": outlay\n\n"));
	server_enter(client, CLIENT_WATCHING);
	client->dropped = 0;
	client->written_ns = server_monotonic_ns(policy);
	server_process(client);
}

static void write_to(struct client *client, struct span bytes)
{
	server_send(client, bytes);
	client->written_ns = server_monotonic_ns(client->policy);
}

static void send_event(struct client *client, struct span event)
{
	struct counter *counter = &client->policy->counters.watch_dropped;
	char told[80];
	int n = 0;

	if (server_unsent(client) + event.len + sizeof(told) > POLICY_WATCH_BYTES_MAX) {
		client->dropped++;
		counter_add(counter, 1);
		return;
	}
	if (client->dropped)
		n = snprintf(told, sizeof(told), "event: dropped\ndata: {\"events\":%llu}\n\n",
			     (unsigned long long)client->dropped);
	client->dropped = 0;
	if (n > 0)
		write_to(client, (struct span){ told, (size_t)n });
	write_to(client, event);
}

static void put_event(struct buf *out, const char *name, struct span json)
{
	buf_put(out, SPAN("event: "));
	buf_put(out, span_of(name));
	buf_put(out, SPAN("\ndata: "));
	buf_put(out, json);
	buf_put(out, SPAN("\n\n"));
}

static void send_to_all(struct policy *policy, struct span event, uint32_t uid)
{
	for (struct client *client = policy->awaited; client; client = client->next_awaited)
		if (client->state == CLIENT_WATCHING &&
		    (client->peer.sees_all ||
		     (uid != UINT32_MAX && client->peer.process.uid == uid)))
			send_event(client, event);
}

void watch_event(struct policy *policy, const char *name, struct span json, uint32_t uid)
{
	struct buf event = buf_with_max(EVENT_BYTES_MAX);

	if (!policy->n_watchers)
		return;
	put_event(&event, name, json);
	if (!event.failed)
		send_to_all(policy, buf_span(&event), uid);
	else
		counter_add(&policy->counters.watch_dropped, 1);
	buf_done(&event);
}

/* The window of a rate always begins a period ago. */
static bool has_changed(const struct watch_state *state, const struct budget_view *view)
{
	return state->limit != view->limit || state->spent != view->spent ||
	       state->reserved != view->reserved ||
	       (!view->rate && state->window_start_ns != view->window_start_ns);
}

void watch_concerned(struct policy *policy, unsigned index, const char *name, struct span json)
{
	struct buf event = buf_with_max(EVENT_BYTES_MAX);

	put_event(&event, name, json);
	for (struct client *client = policy->awaited; client; client = client->next_awaited)
		if (!event.failed && client->state == CLIENT_WATCHING &&
		    (client->peer.sees_all ||
		     budgets_concern(policy->ports.budgets, index, &client->peer.process)))
			send_event(client, buf_span(&event));
	buf_done(&event);
}

static void send_budget(struct policy *policy, unsigned index, const char *name,
			const struct budget_view *view)
{
	struct buf json = buf_with_max(EVENT_BYTES_MAX);
	struct emit e = emit_to(&json);

	figures_emit(&e, NULL, view);
	if (!json.failed)
		watch_concerned(policy, index, name, buf_span(&json));
	buf_done(&json);
}

static bool is_told(const struct policy *policy, struct alert_key key)
{
	return policy->ports.is_told(policy->ports.ctx, &key);
}

/* Of the figures of a budget, for those who cannot look: a threshold, a forecast, or a refusal. */
static void tell_person(struct policy *policy, const struct budget_view *view, unsigned percent,
			int64_t exhausted_ns, int64_t now_ns)
{
	struct buf json = buf_with_max(ALERT_DETAILS_MAX);
	struct emit e = emit_to(&json);
	struct alert alert;

	figures_emit(&e, NULL, view);
	if (percent)
		tell_threshold(view, percent, buf_span(&json), now_ns, &alert);
	else if (exhausted_ns)
		tell_forecast(view, exhausted_ns, buf_span(&json), now_ns, &alert);
	else
		tell_denial(view, buf_span(&json), now_ns, &alert);
	policy->ports.alert(policy->ports.ctx, &alert);
	buf_done(&json);
}

static void send_threshold(struct policy *policy, const struct budget_alert *alert, int64_t now_ns)
{
	struct buf json = buf_with_max(EVENT_BYTES_MAX);
	struct emit e = emit_to(&json);
	char time[TIMESTAMP_TEXT_MAX];

	emit_object(&e, NULL);
	emit_text(&e, "time", timestamp_format(now_ns, time));
	emit_int(&e, "percent", alert->percent);
	figures_emit(&e, "budget", &alert->view);
	emit_end_object(&e);
	tell_person(policy, &alert->view, alert->percent, 0, now_ns);
	if (!json.failed)
		watch_concerned(policy, alert->index, "threshold", buf_span(&json));
	buf_done(&json);
}

void watch_denial(struct policy *policy, const struct budget_answer *answer, int64_t now_ns)
{
	/* That a rate refuses is its work, and whoever stopped a budget knows of it. */
	for (unsigned i = 0; i < answer->n_budgets; i++) {
		const struct budget_view *view = &answer->budgets[i];

		if (view->exceeded && view->mode != BUDGET_OBSERVE && !view->rate &&
		    !view->stopped && !is_told(policy, tell_denial_key(view)))
			tell_person(policy, view, 0, 0, now_ns);
	}
}

void watch_thresholds(struct policy *policy)
{
	int64_t now_ns = policy->ports.clock->now_ns(policy->ports.clock);
	struct budget_alert alerts[BUDGET_ALERTS_MAX];
	unsigned n;

	do {
		n = budgets_alerts(policy->ports.budgets, alerts);
		for (unsigned i = 0; i < n; i++)
			send_threshold(policy, &alerts[i], now_ns);
	} while (n == BUDGET_ALERTS_MAX);
}

/* While it is not used up: that is told by a threshold. */
void watch_forecasts(struct policy *policy)
{
	int64_t now_ns = policy->ports.clock->now_ns(policy->ports.clock);

	for (unsigned i = 0; i < budgets_count(policy->ports.budgets); i++) {
		struct budget_view view;
		struct budget_outlook outlook;

		budgets_view(policy->ports.budgets, i, now_ns, &view);
		outlook = outlook_of(&view, now_ns);
		if (!view.rate && outlook.exhausted_ns > now_ns &&
		    now_ns - view.window_start_ns >= (view.resets_ns - view.window_start_ns) / 10 &&
		    !is_told(policy, tell_forecast_key(&view)))
			tell_person(policy, &view, 0, outlook.exhausted_ns, now_ns);
	}
}

void watch_budgets(struct policy *policy)
{
	unsigned n = budgets_count(policy->ports.budgets);
	int64_t now_ns = policy->ports.clock->now_ns(policy->ports.clock);
	struct watch_state *grown;

	if (!policy->n_watchers)
		return;
	if (n > policy->n_watched) {
		grown = realloc(policy->watched, n * sizeof(*grown));
		if (!grown)
			return;
		memset(grown + policy->n_watched, 0, (n - policy->n_watched) * sizeof(*grown));
		policy->watched = grown;
		policy->n_watched = n;
	}
	for (unsigned i = 0; i < n; i++) {
		struct budget_view view;

		budgets_view(policy->ports.budgets, i, now_ns, &view);
		if (!has_changed(&policy->watched[i], &view))
			continue;
		send_budget(policy, i, "budget", &view);
		if (policy->watched[i].is_spent && view.spent < view.limit)
			send_budget(policy, i, "resumed", &view);
		policy->watched[i] =
		    (struct watch_state){ .limit = view.limit,
					  .spent = view.spent,
					  .reserved = view.reserved,
					  .window_start_ns = view.window_start_ns,
					  .is_spent = !view.rate && view.spent >= view.limit };
	}
}

void watch_probe(struct client *client)
{
	write_to(client, SPAN(": here\n\n"));
}

void watch_beat(struct client *client, int64_t now_ns)
{
	if (now_ns - client->written_ns >= WATCH_BEAT_SECONDS * NS_PER_SEC &&
	    server_unsent(client) < POLICY_WATCH_BYTES_MAX - 64)
		watch_probe(client);
}
