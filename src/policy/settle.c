/* POST /v1/settle: the caller says what a call that it reserved for has cost. Refused before it is
 * made when the ledger has no room for its totals, so that memory and ledger never differ. */
#include "policy/settle.h"

#include <errno.h>

#include "policy/routes.h"

struct settle_request {
	char reservation[UUID_TEXT];
	char usd[MONEY_TEXT_MAX];
};

static const struct form_field fields[] = {
	{ "reservation", FORM_TEXT, true, offsetof(struct settle_request, reservation), UUID_TEXT },
	{ "usd", FORM_TEXT, false, offsetof(struct settle_request, usd), MONEY_TEXT_MAX },
};

int settle_form(struct form **ret_form)
{
	return form_new(fields, sizeof(fields) / sizeof(*fields), ret_form);
}

static void refuse(struct client *client, const struct request *request,
		   const struct answer_fault *fault)
{
	if (fault->status == 400)
		counter_add(&client->policy->counters.bad_requests, 1);
	answer_problem(&client->policy->out, fault, request->keep_alive);
}

/* The values behind the texts. NULL, or the field that is wrong. */
static const char *read_values(const struct settle_request *asked, struct uuid *ret_id,
			       int64_t *ret_pico)
{
	money_wide pico = 0;

	if (uuid_parse(span_of(asked->reservation), ret_id) < 0)
		return "reservation";
	if (asked->usd[0] && (money_parse(span_of(asked->usd), MONEY_PICO_DIGITS, &pico) < 0 ||
			      pico < 0 || pico > INT64_MAX))
		return "usd";
	*ret_pico = (int64_t)pico;
	return NULL;
}

static bool is_touched(const struct budget_view *view, const struct budget_touch *touches,
		       unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(view->name, touches[i].name) == 0)
			return true;
	return false;
}

static void answer_settled(struct client *client, const struct request *request, int64_t pico,
			   const struct budget_touch *touches, unsigned n, int64_t now_ns)
{
	struct budgets *budgets = client->policy->ports.budgets;
	struct answer answer =
	    answer_begin(&client->policy->out, 200, ANSWER_JSON, request->keep_alive);
	struct emit e = emit_to(answer.out);
	char usd[MONEY_TEXT_MAX];

	answer_body(&answer);
	emit_object(&e, NULL);
	emit_text(&e, "settled_usd", money_format(pico, MONEY_PICO_DIGITS, usd));
	emit_array(&e, "budgets");
	for (unsigned i = 0; n && i < budgets_count(budgets); i++) {
		struct budget_view view;

		budgets_view(budgets, i, now_ns, &view);
		if (is_touched(&view, touches, n))
			budgets_emit(&e, NULL, &view);
	}
	emit_end_array(&e);
	emit_end_object(&e);
	answer_end(&answer);
}

static void settle(struct client *client, const struct request *request, const struct uuid *id,
		   const int64_t *pico)
{
	const struct policy_ports *ports = &client->policy->ports;
	int64_t now_ns = ports->clock->now_ns(ports->clock), settled_pico = 0;
	struct budget_touch touches[VERDICT_BUDGETS_MAX];
	unsigned n = 0;
	int err =
	    budgets_settle(ports->budgets, id, server_process(client), pico, now_ns, touches, &n);

	if (err) {
		refuse(client, request,
		       &(struct answer_fault){
			   .status = err == -EALREADY ? 409 : 404,
			   .detail = err == -EALREADY
					 ? "This reservation was settled before."
					 : "There is no such reservation of this process.",
			   .field = SPAN("reservation") });
		return;
	}
	budgets_amount(ports->budgets, id, &settled_pico);
	ports->store_touch(ports->ctx, touches, n);
	answer_settled(client, request, settled_pico, touches, n, now_ns);
}

void settle_serve(struct client *client, const struct request *request)
{
	const struct policy_ports *ports = &client->policy->ports;
	struct settle_request asked = { .usd = "" };
	struct form_fault fault;
	const char *wrong;
	struct uuid id;
	int64_t pico;

	if (form_read(client->policy->settle_form, request->body, &asked, &fault) < 0) {
		refuse(client, request,
		       &(struct answer_fault){
			   .status = 400, .detail = fault.detail, .field = span_of(fault.field) });
		return;
	}
	wrong = read_values(&asked, &id, &pico);
	if (wrong) {
		refuse(client, request,
		       &(struct answer_fault){
			   .status = 400,
			   .detail = wrong[0] == 'u'
					 ? "usd: decimal text of 0 or more was expected"
					 : "reservation: the id of a reservation was expected",
			   .field = span_of(wrong) });
		return;
	}
	if (!ports->store_room(ports->ctx)) {
		refuse(client, request,
		       &(struct answer_fault){ .status = 503,
					       .detail = "The ledger cannot take it now; nothing "
							 "was settled.",
					       .extra = SPAN("Retry-After: 1\r\n") });
		return;
	}
	settle(client, request, &id, asked.usd[0] ? &pico : NULL);
}
