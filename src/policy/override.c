/* POST /v1/override: a person's word on a budget. Root alone may say it; it is stored with who said
 * it and why before it is answered, and told to watchers. */
#include "policy/override.h"

#include <errno.h>

#include "policy/routes.h"
#include "policy/watch.h"

#define EVENT_BYTES_MAX 4096

struct override_request {
	char budget[BUDGET_NAME_MAX];
	char action[16];
	char amount[MONEY_TEXT_MAX];
	char until[TIMESTAMP_TEXT_MAX];
	char why[sizeof(((struct budget_override *)0)->why)];
};

#define ROW(name, required) FORM_ROW(struct override_request, #name, FORM_TEXT, required, name)

/* To add a member: a row, a member above, an entry in override.request.schema.json. */
static const struct form_field fields[] = { ROW(budget, true), ROW(action, true),
					    ROW(amount, false), ROW(until, false), ROW(why, true) };

int override_form(struct form **ret_form)
{
	return form_new(fields, sizeof(fields) / sizeof(*fields), ret_form);
}

static void refuse(struct client *client, const struct request *request, unsigned status,
		   const char *detail, const char *field)
{
	counter_add(&client->policy->counters.bad_requests, status == 400);
	answer_problem(
	    &client->policy->out,
	    &(struct answer_fault){ .status = status, .detail = detail, .field = span_of(field) },
	    request->keep_alive);
}

/* NULL, or what is wrong: the first word is the field. */
static const char *read_word(struct client *client, const struct override_request *asked,
			     const struct budget_view *view, struct budget_override *word)
{
	bool counts;

	if (override_find(span_of(asked->action), &word->action) < 0)
		return "action: raise, hold, cut, release or reset was expected";
	counts = word->action == OVERRIDE_RAISE || word->action == OVERRIDE_RESET;
	word->unit = view->unit;
	if (asked->amount[0] ? !counts : word->action == OVERRIDE_RAISE)
		return "amount: needed for raise, may be said with reset, else with none";
	if (asked->amount[0] &&
	    (unit_parse(word->unit, span_of(asked->amount), &word->amount) < 0 || word->amount < 0))
		return "amount: a number of 0 or more, in the unit of the budget, was expected";
	if (asked->until[0] && (word->action == OVERRIDE_RESET ||
				timestamp_parse(span_of(asked->until), &word->until_ns) < 0))
		return "until: a time such as 2027-01-01T00:00:00Z was expected; none with reset";
	word->pid = server_process(client)->pid;
	word->uid = server_process(client)->uid;
	span_copy(span_of(server_process(client)->user), word->user, sizeof(word->user));
	span_copy(span_of(asked->budget), word->budget, sizeof(word->budget));
	span_copy(span_of(asked->why), word->why, sizeof(word->why));
	return NULL;
}

static void emit_word(struct emit *e, const struct budget_override *word,
		      const struct budget_view *view)
{
	char amount[MONEY_TEXT_MAX], time[TIMESTAMP_TEXT_MAX];
	bool counts = word->action == OVERRIDE_RAISE || word->action == OVERRIDE_RESET;
	bool ends = word->until_ns && word->until_ns != INT64_MAX;

	emit_text(e, "action", override_name(word->action));
	emit_text(e, "amount", counts ? unit_format(word->unit, word->amount, amount) : NULL);
	emit_text(e, "until", ends ? timestamp_format(word->until_ns, time) : NULL);
	emit_text(e, "user", word->user);
	emit_int(e, "uid", word->uid);
	emit_int(e, "pid", word->pid);
	emit_text(e, "why", word->why);
	figures_emit(e, "budget", view);
	emit_end_object(e);
}

static void tell(struct client *client, unsigned index, const struct budget_override *word,
		 const struct budget_view *view)
{
	struct buf json = buf_with_max(EVENT_BYTES_MAX);
	struct emit e = emit_to(&json);
	char time[TIMESTAMP_TEXT_MAX];

	emit_object(&e, NULL);
	emit_text(&e, "time", timestamp_format(word->time_ns, time));
	emit_word(&e, word, view);
	if (!json.failed)
		watch_concerned(client->policy, index, "override", buf_span(&json));
	buf_done(&json);
}

static void obey(struct client *client, const struct request *request, unsigned index,
		 struct budget_override *word)
{
	const struct policy_ports *ports = &client->policy->ports;
	int err = override_obey(ports->budgets, word);
	struct budget_view view;
	struct answer answer;
	struct emit e;

	if (err) {
		refuse(client, request, 400,
		       err == -EOPNOTSUPP ? "action: a rate has nothing to raise or to reset"
		       : err == -EDOM
			   ? "action: the calls of this budget cannot be held or cut, for "
			     "it matches a model or an operation"
			   : "until: a time to come was expected",
		       err == -ERANGE ? "until" : "action");
		return;
	}
	ports->store_override(ports->ctx, word);
	budgets_view(ports->budgets, index, word->time_ns, &view);
	tell(client, index, word, &view);
	e = routes_begin(client, request, &answer);
	emit_word(&e, word, &view);
	answer_end(&answer);
}

void override_serve(struct client *client, const struct request *request)
{
	const struct policy_ports *ports = &client->policy->ports;
	struct budget_override word = { .time_ns = ports->clock->now_ns(ports->clock) };
	struct override_request asked = { .budget = "" };
	struct budget_view view;
	struct form_fault fault;
	const char *wrong = NULL;
	int index;

	if (client->peer.process.uid != 0) {
		refuse(client, request, 403, "Root alone may override a budget.", "");
		return;
	}
	if (form_read(client->policy->override_form, request->body, &asked, &fault) < 0) {
		refuse(client, request, 400, fault.detail, fault.field);
		return;
	}
	index = budgets_find(ports->budgets, asked.budget);
	if (index >= 0) {
		budgets_view(ports->budgets, (unsigned)index, word.time_ns, &view);
		wrong = read_word(client, &asked, &view, &word);
	}
	if (index < 0)
		refuse(client, request, 404, "There is no budget of that name.", "budget");
	else if (wrong)
		refuse(client, request, 400, wrong,
		       wrong[1] == 'c'   ? "action"
		       : wrong[0] == 'a' ? "amount"
					 : "until");
	else if (!ports->store_room(ports->ctx))
		refuse(client, request, 503, "The ledger cannot take it now; nothing was changed.",
		       "");
	else
		obey(client, request, (unsigned)index, &word);
}
