/* GET /v1/status: what the server knows of itself and of its budgets, then what the agent adds. */
#include "policy/routes.h"

static void emit_counter(struct emit *e, const char *key, const struct counter *counter)
{
	emit_int(e, key, (int64_t)counter_read(counter));
}

static void emit_usd(struct emit *e, const char *key, const struct counter *pico)
{
	char text[MONEY_TEXT_MAX];

	emit_text(e, key, money_format((money_wide)counter_read(pico), MONEY_PICO_DIGITS, text));
}

static void emit_policy(struct emit *e, const struct policy *policy)
{
	const struct policy_counters *counters = &policy->counters;

	emit_object(e, "policy");
	emit_int(e, "open_connections", policy->n_clients);
	emit_int(e, "watchers", policy->n_watchers);
	emit_counter(e, "connections", &counters->connections);
	emit_counter(e, "refused_connections", &counters->refused_connections);
	emit_counter(e, "requests", &counters->requests);
	emit_counter(e, "bad_requests", &counters->bad_requests);
	emit_counter(e, "throttled", &counters->throttled);
	emit_counter(e, "watch_dropped", &counters->watch_dropped);
	emit_end_object(e);
}

static void emit_budgets(struct emit *e, const struct budgets *budgets)
{
	const struct budget_counters *counters = budgets_counters(budgets);

	emit_object(e, "budgets");
	emit_int(e, "count", budgets_count(budgets));
	emit_counter(e, "allowed", &counters->allowed);
	emit_counter(e, "denied", &counters->denied);
	emit_counter(e, "charged", &counters->charged);
	emit_counter(e, "estimated", &counters->estimated);
	emit_counter(e, "unpriced", &counters->unpriced);
	emit_usd(e, "priced_usd", &counters->priced_pico);
	emit_usd(e, "estimated_usd", &counters->estimated_pico);
	emit_counter(e, "settled_by_capture", &counters->settled_by_capture);
	emit_counter(e, "settled_by_caller", &counters->settled_by_caller);
	emit_counter(e, "expired", &counters->expired);
	emit_counter(e, "late", &counters->late);
	emit_counter(e, "released", &counters->released);
	emit_counter(e, "ambiguous", &counters->ambiguous);
	emit_counter(e, "bad_tokens", &counters->bad_tokens);
	emit_end_object(e);
}

void status_emit(struct emit *e, const struct policy *policy)
{
	emit_policy(e, policy);
	emit_budgets(e, policy->ports.budgets);
	policy->ports.status(policy->ports.ctx, e);
}

void status_serve(struct client *client, const struct request *request)
{
	struct answer answer;
	struct emit e = routes_begin(client, request, &answer);

	status_emit(&e, client->policy);
	emit_end_object(&e);
	answer_end(&answer);
}
