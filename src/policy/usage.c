/* POST /v1/usage: the caller tells of a call that outlay cannot see (through a tunnel, on another
 * host). It is priced, charged and kept as if it had been captured, of the process that tells it,
 * and marked: its completeness is `reported`. */
#include "policy/usage.h"

#include <errno.h>

#include "policy/routes.h"

struct usage_request {
	char provider[sizeof(((struct usage *)0)->provider)];
	char model[sizeof(((struct usage *)0)->model)];
	char operation[sizeof(((struct usage *)0)->operation)];
	char service_tier[sizeof(((struct usage *)0)->service_tier)];
	char reservation[UUID_TEXT];
	char labels[sizeof(((struct process *)0)->labels)];
	struct form_usage counted;
};

#define ROW(...) FORM_ROW(struct usage_request, __VA_ARGS__)

/* To add a member of the request: a row, a member above, an entry in usage.request.schema.json. */
static const struct form_field fields[] = {
	ROW("provider", FORM_TEXT, true, provider),
	ROW("model", FORM_TEXT, true, model),
	ROW("operation", FORM_TEXT, false, operation),
	ROW("service_tier", FORM_TEXT, false, service_tier),
	ROW("reservation", FORM_TEXT, false, reservation),
	ROW("labels", FORM_LABELS, false, labels),
	ROW("usage", FORM_USAGE, true, counted),
};

int usage_form(struct form **ret_form)
{
	return form_new(fields, sizeof(fields) / sizeof(*fields), ret_form);
}

/* Those of the process come first: what it is started with is not overruled by what it says. */
static int add_labels(const char *labels, struct process *process)
{
	size_t used = strlen(process->labels), size = sizeof(process->labels);

	if (!labels[0])
		return 0;
	if (used + strlen(labels) + 2 > size)
		return -E2BIG;
	snprintf(process->labels + used, size - used, "%s%s", used ? "," : "", labels);
	process->labels_known = true;
	return 0;
}

/* 0, or -EINVAL with the field that is wrong. */
static int read_usage(struct client *client, const struct request *request, struct usage *usage,
		      struct form_fault *fault)
{
	const struct policy_ports *ports = &client->policy->ports;
	struct usage_request asked = { .model = "" };

	if (form_read(client->policy->usage_form, request->body, &asked, fault) < 0)
		return -EINVAL;
	memcpy(usage->provider, asked.provider, sizeof(usage->provider));
	memcpy(usage->operation, asked.operation, sizeof(usage->operation));
	memcpy(usage->model, asked.model, sizeof(usage->model));
	memcpy(usage->model_requested, asked.model, sizeof(usage->model_requested));
	memcpy(usage->service_tier, asked.service_tier, sizeof(usage->service_tier));
	memcpy(usage->counts, asked.counted.counts, sizeof(usage->counts));
	usage->present = asked.counted.present;
	if (!ports->knows_provider(ports->ctx, span_of(asked.provider)))
		*fault =
		    (struct form_fault){ "provider", "No provider of that name is configured." };
	else if (!usage->present)
		*fault = (struct form_fault){ "usage", "One count at least was expected." };
	else if (asked.reservation[0] &&
		 uuid_parse(span_of(asked.reservation), &usage->reservation) < 0)
		*fault = (struct form_fault){ "reservation", "The id of one was expected." };
	else if (add_labels(asked.labels, &usage->process) < 0)
		*fault = (struct form_fault){ "labels", "These are too many labels." };
	else
		return 0;
	return -EINVAL;
}

static void answer_charged(struct client *client, const struct request *request,
			   const struct verdict *v)
{
	const struct charge *charge = &v->charge;
	char id[UUID_TEXT], decision[UUID_TEXT], usd[MONEY_TEXT_MAX];
	bool priced = charge->source != COST_UNPRICED;
	struct answer answer;
	struct emit e = routes_begin(client, request, &answer);

	emit_text(&e, "event_id", uuid_format(&charge->usage.event_id, id));
	emit_text(&e, "cost_usd",
		  priced ? money_format(charge->cost_pico, MONEY_PICO_DIGITS, usd) : NULL);
	emit_text(&e, "unpriced_reason", priced ? NULL : charge_doubt_name(charge));
	emit_text(&e, "decision_id",
		  uuid_is_zero(&v->decision_id) ? NULL : uuid_format(&v->decision_id, decision));
	budgets_emit_touched(&e, client->policy->ports.budgets, v->budgets, v->n_budgets,
			     charge->usage.time_end_ns);
	emit_end_object(&e);
	answer_end(&answer);
}

void usage_serve(struct client *client, const struct request *request)
{
	struct policy *policy = client->policy;
	const struct policy_ports *ports = &policy->ports;
	int64_t now_ns = ports->clock->now_ns(ports->clock);
	struct usage usage = { .process = *server_process(client),
			       .event_id = uuid_make(&policy->ids, now_ns),
			       .time_start_ns = now_ns,
			       .time_end_ns = now_ns,
			       .ttfb_ns = -1,
			       .status = 200,
			       .attempt = 1,
			       .completeness = COMPLETENESS_REPORTED };
	struct form_fault fault;
	struct charge charge;
	struct verdict verdict;

	if (read_usage(client, request, &usage, &fault) < 0) {
		routes_refuse_field(client, request, &fault);
		return;
	}
	if (!routes_can_store(client, request))
		return;
	ports->price(ports->ctx, &usage, &charge);
	budgets_charge(ports->budgets, &charge, now_ns, &verdict);
	ports->store_call(ports->ctx, &verdict);
	answer_charged(client, request, &verdict);
}
