/* GET /v1/budgets: every budget that concerns the caller, with the figures of its window. */
#include "policy/routes.h"

void budgets_emit(struct emit *e, const char *key, const struct budget_view *view)
{
	char usd[MONEY_TEXT_MAX], time[TIMESTAMP_TEXT_MAX];
	money_wide remaining = view->limit_pico - view->spent_pico - view->reserved_pico;

	emit_object(e, key);
	emit_text(e, "name", view->name);
	emit_text(e, "mode", view->mode == BUDGET_ADVISE ? "advise" : "observe");
	emit_text(e, "limit_usd", money_format(view->limit_pico, MONEY_PICO_DIGITS, usd));
	emit_text(e, "spent_usd", money_format(view->spent_pico, MONEY_PICO_DIGITS, usd));
	emit_text(e, "reserved_usd", money_format(view->reserved_pico, MONEY_PICO_DIGITS, usd));
	emit_text(e, "remaining_usd", money_format(remaining, MONEY_PICO_DIGITS, usd));
	emit_text(e, "resets", timestamp_format(view->resets_ns, time));
	emit_end_object(e);
}

void budgets_serve(struct client *client, const struct request *request)
{
	const struct policy_ports *ports = &client->policy->ports;
	const struct process *process = server_process(client);
	struct answer answer =
	    answer_begin(&client->policy->out, 200, ANSWER_JSON, request->keep_alive);
	struct emit e = emit_to(answer.out);
	int64_t now_ns = ports->clock->now_ns(ports->clock);
	char time[TIMESTAMP_TEXT_MAX];

	answer_body(&answer);
	emit_object(&e, NULL);
	emit_text(&e, "time", timestamp_format(now_ns, time));
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
