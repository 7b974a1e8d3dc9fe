/* POST /v1/decide: may I make this call, or each of these? Prices what the caller describes, asks
 * the budgets, and answers yes with a reservation, or leaves the no to deny.c. */
#include <errno.h>
#include <stdio.h>

#include "policy/decide.h"
#include "policy/deny.h"
#include "policy/routes.h"
#include "policy/watch.h"

#define EVENT_BYTES_MAX 8192

#define ROW(...) FORM_ROW(struct decide_request, __VA_ARGS__)

/* To add a member of the request: a row, a member above, an entry in decide.request.schema.json. */
static const struct form_field fields[] = {
	ROW("provider", FORM_TEXT, true, provider),
	ROW("model", FORM_TEXT, true, model),
	ROW("operation", FORM_TEXT, false, operation),
	ROW("input_tokens", FORM_COUNT, false, input_tokens),
	ROW("max_output_tokens", FORM_COUNT, false, max_output_tokens),
	ROW("labels", FORM_LABELS, false, labels),
	ROW("essential", FORM_FLAG, false, is_essential),
	ROW("dry_run", FORM_FLAG, false, is_dry_run),
};

int decide_form(struct form **ret_form)
{
	return form_new(fields, sizeof(fields) / sizeof(*fields), ret_form);
}

static void estimate(struct policy *policy, struct decide *d)
{
	const struct decide_request *asked = &d->request;
	struct charge *charge = &policy->estimate;
	struct usage *usage = &charge->usage;

	usage->time_start_ns = usage->time_end_ns = d->now_ns;
	usage->status = 200;
	usage->attempt = 1;
	usage->doubt = USAGE_DOUBT_NONE;
	memcpy(usage->provider, asked->provider, sizeof(usage->provider));
	memcpy(usage->operation, asked->operation, sizeof(usage->operation));
	memcpy(usage->model_requested, asked->model, sizeof(usage->model_requested));
	memcpy(usage->model, asked->model, sizeof(usage->model));
	usage->counts[USAGE_INPUT] = asked->input_tokens;
	usage->counts[USAGE_OUTPUT] = asked->max_output_tokens;
	usage->present = USAGE_BIT(USAGE_INPUT) | USAGE_BIT(USAGE_OUTPUT);
	policy->ports.price(policy->ports.ctx, usage, charge);
	d->is_priced = charge->source != COST_UNPRICED;
	d->asked_pico = d->is_priced ? charge->cost_pico : 0;
}

static void decide(struct client *client, struct decide *d)
{
	const struct decide_request *asked = &d->request;
	struct budget_ask ask = { .process = server_process(client),
				  .provider = span_of(asked->provider),
				  .model = span_of(asked->model),
				  .operation = span_of(asked->operation),
				  .labels = asked->labels,
				  .size = { .priced = d->is_priced,
					    .cost_pico = d->asked_pico,
					    .input_tokens = asked->input_tokens,
					    .output_tokens = asked->max_output_tokens },
				  .essential = asked->is_essential,
				  .trusted = client->peer.sees_all,
				  .dry_run = asked->is_dry_run,
				  .wait_ns = client->policy->ports.wait_ns,
				  .wait_ctx = client->policy->ports.ctx };

	budgets_decide(client->policy->ports.budgets, &ask, d->now_ns, &d->answer);
}

static void emit_reservation(struct emit *e, const struct budget_answer *answer)
{
	char id[UUID_TEXT], usd[MONEY_TEXT_MAX], time[TIMESTAMP_TEXT_MAX];

	if (uuid_is_zero(&answer->reservation_id)) {
		emit_null(e, "reservation");
		return;
	}
	emit_object(e, "reservation");
	emit_name(e, "id", uuid_format(&answer->reservation_id, id));
	emit_name(e, "usd", money_format(answer->reserved_pico, MONEY_PICO_DIGITS, usd));
	emit_name(e, "expires", timestamp_format(answer->expires_ns, time));
	emit_end_object(e);
}

/* Null while the provider is well, as far as is known. */
static void emit_breaker(struct emit *e, const struct decide *d)
{
	const struct breaker_view *breaker = &d->breaker;
	char time[TIMESTAMP_TEXT_MAX];

	if (!d->is_breaker_known || breaker->state == BREAKER_CLOSED) {
		emit_null(e, "breaker");
		return;
	}
	emit_object(e, "breaker");
	emit_name(e, "state", breaker_state_name(breaker->state));
	emit_name(e, "since", timestamp_format(breaker->since_ns, time));
	emit_bool(e, "by_errors", breaker->by_errors);
	emit_bool(e, "by_latency", breaker->by_latency);
	emit_end_object(e);
}

static const char *decision_name(enum decision decision)
{
	static const char *const names[] = { "allow", "warn", "deny" };

	return names[decision];
}

void decide_emit(struct emit *e, const struct decide *d)
{
	char id[UUID_TEXT], usd[MONEY_TEXT_MAX];

	emit_name(e, "decision_id", uuid_format(&d->answer.decision_id, id));
	emit_name(e, "decision", decision_name(d->answer.decision));
	emit_bool(e, "dry_run", d->request.is_dry_run);
	emit_bool(e, "priced", d->is_priced);
	emit_name(e, "asked_usd",
		  d->is_priced ? money_format(d->asked_pico, MONEY_PICO_DIGITS, usd) : NULL);
	emit_breaker(e, d);
}

void decide_emit_budgets(struct emit *e, const struct decide *d)
{
	const struct budget_answer *answer = &d->answer;
	unsigned generation = budgets_generation(d->policy->ports.budgets);

	emit_array(e, "budgets");
	for (unsigned i = 0; i < answer->n_budgets; i++)
		figures_emit_again(&d->policy->stencils, generation, e, &answer->budgets[i]);
	emit_end_array(e);
	if (answer->n_cut)
		emit_int(e, "budgets_not_shown", answer->n_cut);
}

static void emit_allow(struct emit *e, const struct decide *d)
{
	emit_object(e, NULL);
	decide_emit(e, d);
	emit_reservation(e, &d->answer);
	if (d->answer.decision == DECISION_WARN)
		deny_emit_reasons(e, d);
	decide_emit_budgets(e, d);
	emit_end_object(e);
}

static void tell_watchers(struct client *client, const struct decide *d)
{
	const struct process *process = &client->peer.process;
	struct buf json = buf_with_max(EVENT_BYTES_MAX);
	struct emit e = emit_to(&json);
	char time[TIMESTAMP_TEXT_MAX];

	emit_object(&e, NULL);
	decide_emit(&e, d);
	emit_name(&e, "time", timestamp_format(d->now_ns, time));
	emit_text(&e, "provider", d->request.provider);
	emit_text(&e, "model", d->request.model);
	emit_text(&e, "operation", d->request.operation[0] ? d->request.operation : NULL);
	emit_int(&e, "pid", process->pid);
	emit_text(&e, "comm", process->comm);
	emit_int(&e, "uid", process->uid);
	emit_text(&e, "user", process->user);
	deny_emit_violated(&e, &d->answer);
	emit_end_object(&e);
	if (!json.failed)
		watch_event(client->policy, "decision", buf_span(&json), process->uid);
	buf_done(&json);
}

/* -EINVAL with the first fault. */
static int read_question(struct policy *policy, struct span json, struct decide_request *ret_asked,
			 struct form_fault *ret_fault)
{
	*ret_asked = (struct decide_request){ .is_dry_run = false };
	if (form_read(policy->decide_form, json, ret_asked, ret_fault) < 0)
		return -EINVAL;
	if (policy->ports.knows_provider(policy->ports.ctx, span_of(ret_asked->provider)))
		return 0;
	*ret_fault =
	    (struct form_fault){ "provider", "provider: no provider of that name is configured" };
	return -EINVAL;
}

/* All but its request is written here, as far as it is used. */
static void judge(struct client *client, struct decide *d)
{
	struct policy *policy = client->policy;

	d->policy = policy;
	d->now_ns = policy->ports.clock->now_ns(policy->ports.clock);
	d->is_breaker_known = policy->ports.breaker(policy->ports.ctx, span_of(d->request.provider),
						    d->now_ns, &d->breaker);
	estimate(policy, d);
	decide(client, d);
	if (policy->n_watchers)
		tell_watchers(client, d);
	if (d->answer.decision == DECISION_DENY && !d->request.is_dry_run)
		watch_denial(policy, &d->answer, d->now_ns);
}

static void serve_one(struct client *client, const struct request *request)
{
	struct policy *policy = client->policy;
	struct decide d; /* 4 KiB, of which few are used */
	struct form_fault fault;
	struct answer answer;
	struct emit e;

	if (read_question(policy, request->body, &d.request, &fault) < 0) {
		routes_refuse_field(client, request, &fault);
		return;
	}
	judge(client, &d);
	if (d.answer.decision == DECISION_DENY) {
		deny_serve(client, request, &d);
		return;
	}
	answer = answer_begin(&policy->out, 200, ANSWER_JSON, request->keep_alive);
	e = emit_to(answer.out);
	answer_body(&answer);
	emit_allow(&e, &d);
	answer_end(&answer);
}

/* All are read before one is decided: a list with a fault reserves nothing. -EINVAL. */
static int read_list(struct policy *policy, struct span rest, struct decide_request *asked,
		     unsigned *ret_n, struct form_fault *ret_fault)
{
	struct form_fault fault;

	for (unsigned n = 0; n < DECIDE_LIST_MAX; n++) {
		if (!rest.ptr) {
			*ret_n = n;
			return 0;
		}
		if (read_question(policy, form_item(&rest), &asked[n], &fault) < 0) {
			span_copy(span_of(fault.field), ret_fault->field, sizeof(fault.field));
			snprintf(ret_fault->detail, sizeof(ret_fault->detail), "[%u]: %s", n,
				 fault.detail);
			return -EINVAL;
		}
	}
	*ret_n = DECIDE_LIST_MAX;
	*ret_fault = (struct form_fault){ "", "A list may have 64 questions." };
	return rest.ptr ? -EINVAL : 0;
}

/* Each by itself and in its order: what the first one reserves the second one finds reserved. */
static void serve_list(struct client *client, const struct request *request, struct span list)
{
	struct policy *policy = client->policy;
	struct decide_request asked[DECIDE_LIST_MAX];
	struct form_fault fault;
	struct answer answer;
	struct emit e;
	unsigned n;

	if (read_list(policy, list, asked, &n, &fault) < 0) {
		routes_refuse_field(client, request, &fault);
		return;
	}
	if (!server_may(client, n - 1))
		return;
	answer = answer_begin(&policy->out, 200, ANSWER_JSON, request->keep_alive);
	e = emit_to(answer.out);
	answer_body(&answer);
	emit_array(&e, NULL);
	for (unsigned i = 0; i < n; i++) {
		struct decide d;

		d.request = asked[i];
		judge(client, &d);
		if (d.answer.decision == DECISION_DENY)
			deny_emit(&e, &d);
		else
			emit_allow(&e, &d);
	}
	emit_end_array(&e);
	answer_end(&answer);
}

void decide_serve(struct client *client, const struct request *request)
{
	struct span list;

	if (form_list(request->body, &list))
		serve_list(client, request, list);
	else
		serve_one(client, request);
}
