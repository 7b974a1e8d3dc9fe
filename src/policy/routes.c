/* The visible table of endpoints, and the answers to what is in none of its rows. */
#include "policy/routes.h"

#define VIEW              50 /* decisions that an answer about everything costs as much as */
#define BUDGETS_A_REQUEST 8  /* and so many budgets in it as much as one */

/* To add an endpoint: a row here, its function in a file of its own, a line in policy.h, a schema
 * in include/outlay. A path has one row. */
static const struct route {
	const char *method;
	const char *path;
	void (*serve)(struct client *client, const struct request *request);
	unsigned cost;      /* in decisions */
	bool walks_budgets; /* and as many more as there are budgets */
} routes[] = {
	{ "POST", "/v1/decide", decide_serve, 1, false },
	{ "POST", "/v1/settle", settle_serve, 1, false },
	{ "POST", "/v1/renew", settle_renew, 1, false },
	{ "POST", "/v1/release", settle_release, 1, false },
	{ "POST", "/v1/usage", usage_serve, 1, false },
	{ "POST", "/v1/override", override_serve, VIEW, true },
	{ "GET", "/v1/budgets", budgets_serve, 1, true },
	{ "GET", "/v1/calls", calls_serve, VIEW, false },
	{ "GET", "/v1/alerts", calls_alerts, VIEW, false },
	{ "GET", "/v1/limits", limits_serve, VIEW, false },
	{ "GET", "/v1/status", status_serve, VIEW, false },
	{ "GET", "/v1/watch", watch_serve, VIEW, false },
	{ "GET", "/v1/peek", peek_serve, VIEW, true },
	{ "GET", "/v1/metrics", metrics_serve, VIEW, true },
	{ "GET", "/metrics", metrics_serve, VIEW, true },
};

static bool may_serve(struct client *client, const struct route *route)
{
	unsigned n = route->cost;

	if (route->walks_budgets)
		n += budgets_count(client->policy->ports.budgets) / BUDGETS_A_REQUEST;
	return server_may(client, n);
}

struct emit routes_begin(struct client *client, const struct request *request,
			 struct answer *ret_answer)
{
	struct policy *policy = client->policy;
	struct emit e = emit_to(&policy->out);
	char time[TIMESTAMP_TEXT_MAX];

	*ret_answer = answer_begin(&policy->out, 200, ANSWER_JSON, request->keep_alive);
	answer_body(ret_answer);
	emit_object(&e, NULL);
	emit_text(&e, "time",
		  timestamp_format(policy->ports.clock->now_ns(policy->ports.clock), time));
	return e;
}

void routes_refuse(struct client *client, const struct request *request,
		   const struct answer_fault *fault)
{
	answer_problem(&client->policy->out, fault, request->keep_alive);
}

void routes_refuse_field(struct client *client, const struct request *request,
			 const struct form_fault *fault)
{
	counter_add(&client->policy->counters.bad_requests, 1);
	routes_refuse(client, request,
		      &(struct answer_fault){
			  .status = 400, .detail = fault->detail, .field = span_of(fault->field) });
}

bool routes_can_store(struct client *client, const struct request *request)
{
	const struct policy_ports *ports = &client->policy->ports;

	if (ports->store_room(ports->ctx))
		return true;
	routes_refuse(client, request,
		      &(struct answer_fault){ .status = 503,
					      .detail = "The ledger cannot take it now; nothing "
							"was changed.",
					      .extra = SPAN("Retry-After: 1\r\n") });
	return false;
}

void routes_serve(struct client *client, const struct request *request)
{
	struct buf *out = &client->policy->out;
	const struct route *other = NULL;
	char allow[32];

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		if (!span_eq(request->path, span_of(routes[i].path)))
			continue;
		if (span_eq(request->method, span_of(routes[i].method))) {
			if (may_serve(client, &routes[i]))
				routes[i].serve(client, request);
			return;
		}
		other = &routes[i];
	}
	if (!server_may(client, 1))
		return;
	counter_add(&client->policy->counters.bad_requests, 1);
	if (other) {
		snprintf(allow, sizeof(allow), "Allow: %s\r\n", other->method);
		answer_problem(out,
			       &(struct answer_fault){
				   .status = 405, .detail = "See Allow.", .extra = span_of(allow) },
			       request->keep_alive);
	} else {
		answer_problem(
		    out,
		    &(struct answer_fault){ .status = 404, .detail = "There is no such endpoint." },
		    request->keep_alive);
	}
}
