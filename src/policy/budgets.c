/* GET /v1/budgets: every budget that concerns the caller, with the figures of its window. */
#include "policy/routes.h"

void budgets_emit(struct emit *e, const char *key, const struct budget_view *view)
{
	static const char *const modes[] = { "observe", "advise", "hold", "cut" };
	static const char *const names[][2] = { { "limit_usd", "limit" },
						{ "spent_usd", "spent" },
						{ "reserved_usd", "reserved" },
						{ "remaining_usd", "remaining" } };
	const money_wide amounts[] = { view->limit, view->spent, view->reserved,
				       view->limit - view->spent - view->reserved };
	char text[MONEY_TEXT_MAX], time[TIMESTAMP_TEXT_MAX];
	bool money = view->unit == UNIT_USD;

	emit_object(e, key);
	emit_text(e, "name", view->name);
	emit_text(e, "mode", modes[view->mode]);
	for (int i = 0; i < 4; i++)
		emit_text(e, names[i][0], money ? unit_format(view->unit, amounts[i], text) : NULL);
	emit_text(e, "resets",
		  view->resets_ns == INT64_MAX ? NULL : timestamp_format(view->resets_ns, time));
	emit_text(e, "window", view->window);
	emit_text(e, "unit", unit_name(view->unit));
	for (int i = 0; !money && i < 4; i++)
		emit_text(e, names[i][1], unit_format(view->unit, amounts[i], text));
	emit_end_object(e);
}

static bool is_touched(const struct budget_view *view, const struct budget_touch *touches,
		       unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(view->name, touches[i].name) == 0)
			return true;
	return false;
}

void budgets_emit_touched(struct emit *e, struct budgets *budgets,
			  const struct budget_touch *touches, unsigned n, int64_t now_ns)
{
	struct budget_view view;

	emit_array(e, "budgets");
	for (unsigned i = 0; n && i < budgets_count(budgets); i++) {
		budgets_view(budgets, i, now_ns, &view);
		if (is_touched(&view, touches, n))
			budgets_emit(e, NULL, &view);
	}
	emit_end_array(e);
}

void budgets_serve(struct client *client, const struct request *request)
{
	const struct policy_ports *ports = &client->policy->ports;
	const struct process *process = server_process(client);
	int64_t now_ns = ports->clock->now_ns(ports->clock);
	struct answer answer;
	struct emit e = routes_begin(client, request, &answer);

	emit_array(&e, "budgets");
	for (unsigned i = 0; i < budgets_count(ports->budgets); i++) {
		struct budget_view view;

		if (!client->peer.sees_all && !budgets_concern(ports->budgets, i, process))
			continue;
		budgets_view(ports->budgets, i, now_ns, &view);
		budgets_emit(&e, NULL, &view);
	}
	emit_end_array(&e);
	emit_end_object(&e);
	answer_end(&answer);
}
