/* GET /v1/budgets: every budget that concerns the caller, with the figures of its window. */
#include "budget/outlook.h"
#include "policy/routes.h"

static void emit_amount(struct emit *e, const char *usd, const char *name,
			const struct budget_view *view, money_wide amount)
{
	char text[MONEY_TEXT_MAX];

	emit_name(e, view->unit == UNIT_USD ? usd : name,
		  amount < 0 ? NULL : unit_format(view->unit, amount, text));
}

static void emit_outlook(struct emit *e, const struct budget_view *view, int64_t now_ns)
{
	struct budget_outlook outlook = outlook_of(view, now_ns);
	char time[TIMESTAMP_TEXT_MAX];

	emit_amount(e, "estimated_usd", "estimated", view, view->estimated);
	emit_amount(e, "projected_usd", "projected", view, outlook.projected);
	emit_amount(e, "former_usd", "former", view, view->former);
	emit_name(e, "exhausted",
		  outlook.exhausted_ns ? timestamp_format(outlook.exhausted_ns, time) : NULL);
}

void budgets_emit_touched(struct emit *e, struct budgets *budgets,
			  const struct budget_touch *touches, unsigned n, int64_t now_ns)
{
	struct budget_view view;

	emit_array(e, "budgets");
	for (unsigned i = 0; i < n; i++) {
		int index = budgets_find(budgets, touches[i].name);

		if (index < 0)
			continue;
		budgets_view(budgets, (unsigned)index, now_ns, &view);
		figures_emit(e, NULL, &view);
	}
	emit_end_array(e);
}

/* By how much who never asks can take it over its limit. */
static void emit_overshoot(struct emit *e, const struct budget_view *view,
			   const struct budget_bound *bound)
{
	char text[MONEY_TEXT_MAX];

	emit_object(e, "overshoot");
	emit_name(e, "most", bound->unknown ? NULL : unit_format(view->unit, bound->most, text));
	emit_text(e, "unknown", bound->unknown);
	emit_int(e, "calls_in_flight", bound->in_flight);
	emit_int(e, "calls_more", bound->more);
	emit_int(e, "delay_ms", (bound->delay_ns + 999999) / 1000000);
	emit_end_object(e);
}

void budgets_serve(struct client *client, const struct request *request)
{
	const struct policy_ports *ports = &client->policy->ports;
	const struct process *process = server_process(client);
	int64_t now_ns = ports->clock->now_ns(ports->clock);
	struct answer answer;
	struct emit e;

	ports->catch_up(ports->ctx);
	e = routes_begin(client, request, &answer);
	emit_array(&e, "budgets");
	for (unsigned i = 0; i < budgets_count(ports->budgets); i++) {
		struct budget_bound bound;
		struct budget_view view;

		if (!client->peer.sees_all && !budgets_concern(ports->budgets, i, process))
			continue;
		budgets_view(ports->budgets, i, now_ns, &view);
		flight_bound(ports->budgets, i, &bound);
		emit_object(&e, NULL);
		figures_emit_members(&e, &view);
		emit_outlook(&e, &view, now_ns);
		emit_overshoot(&e, &view, &bound);
		emit_end_object(&e);
	}
	emit_end_array(&e);
	emit_end_object(&e);
	answer_end(&answer);
}
