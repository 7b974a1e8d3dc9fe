/* POST /v1/settle, /v1/renew, /v1/release: the caller says what a call that it reserved for has
 * cost, that it is still under way, or that it will not be made. A settlement is refused before it
 * is made when the ledger has no room for its totals, so that memory and ledger never differ. */
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

int settle_reservation_form(struct form **ret_form)
{
	return form_new(fields, 1, ret_form);
}

static void refuse(struct client *client, const struct request *request,
		   const struct answer_fault *fault)
{
	if (fault->status == 400)
		counter_add(&client->policy->counters.bad_requests, 1);
	answer_problem(&client->policy->out, fault, request->keep_alive);
}

static void refuse_field(struct client *client, const struct request *request, const char *detail,
			 struct span field)
{
	refuse(client, request,
	       &(struct answer_fault){ .status = 400, .detail = detail, .field = field });
}

static void refuse_reservation(struct client *client, const struct request *request, int err,
			       const char *already)
{
	refuse(client, request,
	       &(struct answer_fault){ .status = err == -EALREADY ? 409 : 404,
				       .detail = err == -EALREADY
						     ? already
						     : "There is no such reservation of this "
						       "process.",
				       .field = SPAN("reservation") });
}

/* The body, and the id in it. False: it was refused. */
static bool read_body(struct client *client, const struct request *request, const struct form *form,
		      struct settle_request *ret_asked, struct uuid *ret_id)
{
	struct form_fault fault;

	*ret_asked = (struct settle_request){ .usd = "" };
	if (form_read(form, request->body, ret_asked, &fault) < 0) {
		refuse_field(client, request, fault.detail, span_of(fault.field));
		return false;
	}
	if (uuid_parse(span_of(ret_asked->reservation), ret_id) == 0)
		return true;
	refuse_field(client, request, "reservation: the id of a reservation was expected",
		     SPAN("reservation"));
	return false;
}

static int read_usd(const char *text, int64_t *ret_pico)
{
	money_wide pico;

	if (money_parse(span_of(text), MONEY_PICO_DIGITS, &pico) < 0 || pico < 0 ||
	    pico > INT64_MAX)
		return -EINVAL;
	*ret_pico = (int64_t)pico;
	return 0;
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
		refuse_reservation(client, request, err, "This reservation was settled before.");
		return;
	}
	budgets_amount(ports->budgets, id, &settled_pico);
	ports->store_touch(ports->ctx, touches, n);
	answer_settled(client, request, settled_pico, touches, n, now_ns);
}

void settle_serve(struct client *client, const struct request *request)
{
	const struct policy_ports *ports = &client->policy->ports;
	struct settle_request asked;
	struct uuid id;
	int64_t pico;

	if (!read_body(client, request, client->policy->settle_form, &asked, &id))
		return;
	if (asked.usd[0] && read_usd(asked.usd, &pico) < 0)
		refuse_field(client, request, "usd: decimal text of 0 or more was expected",
			     SPAN("usd"));
	else if (!ports->store_room(ports->ctx))
		refuse(client, request,
		       &(struct answer_fault){ .status = 503,
					       .detail = "The ledger cannot take it now; nothing "
							 "was settled.",
					       .extra = SPAN("Retry-After: 1\r\n") });
	else
		settle(client, request, &id, asked.usd[0] ? &pico : NULL);
}

static void answer_one(struct client *client, const struct request *request, const char *name,
		       const char *value)
{
	struct answer answer;
	struct emit e = routes_begin(client, request, &answer);

	emit_text(&e, name, value);
	emit_end_object(&e);
	answer_end(&answer);
}

static const char not_open[] = "This reservation is not open any more.";

void settle_renew(struct client *client, const struct request *request)
{
	const struct policy_ports *ports = &client->policy->ports;
	char time[TIMESTAMP_TEXT_MAX];
	struct settle_request asked;
	int64_t expires_ns;
	struct uuid id;
	int err;

	if (!read_body(client, request, client->policy->reservation_form, &asked, &id))
		return;
	err = budgets_renew(ports->budgets, &id, server_process(client),
			    ports->clock->now_ns(ports->clock), &expires_ns);
	if (err)
		refuse_reservation(client, request, err, not_open);
	else
		answer_one(client, request, "expires", timestamp_format(expires_ns, time));
}

void settle_release(struct client *client, const struct request *request)
{
	const struct policy_ports *ports = &client->policy->ports;
	char usd[MONEY_TEXT_MAX];
	struct settle_request asked;
	int64_t pico = 0;
	struct uuid id;
	int err;

	if (!read_body(client, request, client->policy->reservation_form, &asked, &id))
		return;
	budgets_amount(ports->budgets, &id, &pico);
	err = budgets_release(ports->budgets, &id, server_process(client),
			      ports->clock->now_ns(ports->clock));
	if (err)
		refuse_reservation(client, request, err, not_open);
	else
		answer_one(client, request, "released_usd",
			   money_format(pico, MONEY_PICO_DIGITS, usd));
}
