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
	FORM_ROW(struct settle_request, "reservation", FORM_TEXT, true, reservation),
	FORM_ROW(struct settle_request, "usd", FORM_TEXT, false, usd),
};

int settle_form(struct form **ret_form)
{
	return form_new(fields, sizeof(fields) / sizeof(*fields), ret_form);
}

int settle_reservation_form(struct form **ret_form)
{
	return form_new(fields, 1, ret_form);
}

static void refuse_reservation(struct client *client, const struct request *request, int err,
			       const char *already)
{
	routes_refuse(client, request,
		      &(struct answer_fault){ .status = err == -EALREADY ? 409 : 404,
					      .detail = err == -EALREADY
							    ? already
							    : "There is no such reservation of "
							      "this process.",
					      .field = SPAN("reservation") });
}

/* The body, and the id in it. False: it was refused. */
static bool read_body(struct client *client, const struct request *request, const struct form *form,
		      struct settle_request *ret_asked, struct uuid *ret_id)
{
	struct form_fault fault;

	*ret_asked = (struct settle_request){ .usd = "" };
	if (form_read(form, request->body, ret_asked, &fault) == 0) {
		if (uuid_parse(span_of(ret_asked->reservation), ret_id) == 0)
			return true;
		fault = (struct form_fault){ "reservation",
					     "reservation: the id of a reservation was expected" };
	}
	routes_refuse_field(client, request, &fault);
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

static void answer_settled(struct client *client, const struct request *request, int64_t pico,
			   const struct budget_touch *touches, unsigned n, int64_t now_ns)
{
	struct answer answer =
	    answer_begin(&client->policy->out, 200, ANSWER_JSON, request->keep_alive);
	struct emit e = emit_to(answer.out);
	char usd[MONEY_TEXT_MAX];

	answer_body(&answer);
	emit_object(&e, NULL);
	emit_text(&e, "settled_usd", money_format(pico, MONEY_PICO_DIGITS, usd));
	budgets_emit_touched(&e, client->policy->ports.budgets, touches, n, now_ns);
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
	struct settle_request asked;
	struct uuid id;
	int64_t pico;

	if (!read_body(client, request, client->policy->settle_form, &asked, &id))
		return;
	if (asked.usd[0] && read_usd(asked.usd, &pico) < 0)
		routes_refuse_field(
		    client, request,
		    &(struct form_fault){ "usd", "usd: decimal text of 0 or more was expected" });
	else if (routes_can_store(client, request))
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
