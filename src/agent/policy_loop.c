/* Wires budget, policy and the queues around them. Nothing here waits: a charge is left in its
 * queue while the ledger's queue has no room for the verdict, and a decision needs neither. */
#include "agent/policy_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/enforcement.h"
#include "agent/flow_loop.h"
#include "agent/notify.h"
#include "agent/policy_ports.h"
#include "agent/restore.h"
#include "base/cleanup.h"
#include "base/users.h"

#define CHARGES_AT_ONCE 64 /* between two looks at the socket */

static int64_t now_utc(void)
{
	return clock_system.now_ns(&clock_system);
}

/* --- queues */

static void take_charges(void *ctx)
{
	struct policy_loop *l = ctx;
	struct ledger_task task = { .kind = TASK_VERDICT };
	struct charge charge;

	for (int i = 0; i < CHARGES_AT_ONCE && queue_room(l->options.tasks); i++) {
		if (!queue_pop(l->options.charges, &charge))
			break;
		budgets_charge(l->budgets, &charge, now_utc(), &task.verdict);
		/* First: an alert may take the last room there is. */
		policy_ports_hand_on(l, &task);
		lookout_charge(l->lookout, &charge, now_utc());
		policy_limits(l->policy, &charge.usage);
	}
	enforcement_charged(l->enforcement, now_utc());
}

/* A call that has ended is charged before it is out of the bound. */
void policy_loop_take_calls(void *ctx)
{
	struct policy_loop *l = ctx;
	struct budget_flight flight;
	size_t n = queue_depth(l->options.flights);

	take_charges(l);
	while (n-- && queue_pop(l->options.flights, &flight))
		flight_take(l->budgets, &flight);
}

static void take_questions(void *ctx)
{
	struct policy_loop *l = ctx;

	while (l->has_question || queue_pop(l->options.questions, &l->question)) {
		users_name(l->users, l->question.uid, l->question.user);
		l->has_question = !enforcement_answer(l->enforcement, &l->question);
		if (l->has_question)
			return;
	}
}

/* To watchers what is told to people: each program, host and reason once a day. */
static void publish_unmetered(struct policy_loop *l)
{
	const struct flow_unmetered *rows;
	unsigned n = l->options.unmetered(l->options.ctx, &rows);

	for (unsigned i = 0; i < n; i++) {
		struct tell_traffic traffic = {
			rows[i].exe,    rows[i].host, flow_reason_name(rows[i].reason),
			rows[i].reason, rows[i].user, rows[i].connections
		};
		struct alert_key key = tell_unmetered_key(&traffic, now_utc());
		struct emit e = emit_to(&l->json);
		struct alert alert;

		if (lookout_told(l->lookout, &key))
			continue;
		tell_unmetered(&traffic, now_utc(), &alert);
		if (!lookout_raise(l->lookout, &alert))
			continue;
		buf_reset(&l->json);
		flow_loop_describe_row(&rows[i], &e);
		policy_publish(l->policy, "unmetered", buf_span(&l->json), UINT32_MAX);
	}
}

/* Windows turn and money is added without a call. */
void policy_loop_tick(void *ctx)
{
	struct policy_loop *l = ctx;

	enforcement_look(l->enforcement, now_utc());
	take_questions(l);
	publish_unmetered(l);
	lookout_tick(l->lookout);
}

/* An action against a budget, or its end. */
static void tell(void *ctx, unsigned budget, struct alert *alert, struct span json)
{
	struct policy_loop *l = ctx;

	policy_publish_of(l->policy, budget, "enforcement", json);
	(void)lookout_raise(l->lookout, alert);
}

static void take_pages(void *ctx)
{
	struct policy_loop *l = ctx;
	struct ledger_page page;

	while (queue_pop(l->options.pages, &page)) {
		struct policy_calls_page lines = { .ticket = page.ticket,
						   .lines = { page.lines, page.bytes },
						   .last_seq = page.last_seq,
						   .last = page.last,
						   .failed = page.failed };

		policy_calls_page(l->policy, &lines);
		free(page.lines);
	}
}

static void take_reloads(void *ctx)
{
	struct policy_loop *l = ctx;
	struct policy_reload reload;

	while (queue_pop(l->options.reloads, &reload)) {
		providers_unref(l->options.config.providers);
		catalog_unref(l->options.config.catalog);
		l->options.config.providers = reload.providers;
		l->options.config.catalog = reload.catalog;
		(void)budgets_reload(l->budgets, reload.rules, now_utc());
		enforcement_reload(l->enforcement, reload.providers, now_utc());
	}
}

static void on_stopped(void *ctx)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };
	struct policy_loop *l = ctx;

	while (queue_depth(l->options.charges)) {
		take_charges(l);
		if (!queue_room(l->options.tasks))
			nanosleep(&pause, NULL);
	}
	while (!policy_store_owed(l->policy) || !lookout_store(l->lookout))
		nanosleep(&pause, NULL);
}

/* --- life */

CLEANUP_FOR(policy_loop, struct policy_loop *, policy_loop_free)

static int add_intakes(struct policy_loop *l)
{
	int code =
	    intake_init(&l->charges, &l->loop, l->options.charges, policy_loop_take_calls, l);

	if (code == 0)
		code = intake_init(&l->flights, &l->loop, l->options.flights,
				   policy_loop_take_calls, l);
	intake_set_lazy(&l->flights, true);
	if (code == 0)
		code = intake_init(&l->pages, &l->loop, l->options.pages, take_pages, l);
	if (code == 0)
		code = intake_init(&l->reloads, &l->loop, l->options.reloads, take_reloads, l);
	if (code == 0)
		code =
		    intake_init(&l->questions, &l->loop, l->options.questions, take_questions, l);
	return code;
}

static int add_lookout(struct policy_loop *l)
{
	struct lookout_options options = { .ledger = l->options.ledger,
					   .tasks = l->options.tasks,
					   .host_id = l->options.host_id,
					   .host_name = l->options.host_name,
					   .survey = l->options.survey,
					   .survey_ctx = l->options.ctx,
					   .policy = l->policy,
					   .breaker = l->options.breaker };

	return lookout_new(&options, &l->lookout);
}

static int add_enforcement(struct policy_loop *l)
{
	struct enforcement_options options = {
		.budgets = l->budgets, .orders = l->options.orders, .tell = tell, .ctx = l
	};
	int code = enforcement_new(&options, &l->enforcement);

	if (code == 0)
		enforcement_reload(l->enforcement, l->options.config.providers, now_utc());
	l->users = users_new(&clock_system);
	return l->users ? code : -ENOMEM;
}

int policy_loop_new(const struct policy_loop_options *options, struct policy_loop **ret_loop,
		    struct err *err)
{
	CLEANUP(cleanup_policy_loop) struct policy_loop *l = calloc(1, sizeof(*l));
	struct policy_ports ports;
	int code;

	if (!l)
		return err_set(err, -ENOMEM, "out of memory");
	l->options = *options;
	l->json = buf_with_max(1 << 20);
	code = loop_init(&l->loop, "policy", err);
	if (code == 0)
		code = budgets_new(TAKE_PTR(l->options.config.rules), &l->budgets);
	if (code == 0)
		code = restore_budgets(options->ledger, l->budgets);
	if (code < 0)
		return err_set(err, code, "cannot set up the budgets: %s", strerror(-code));
	ports = policy_ports_of(l);
	code =
	    policy_new(l->loop.base, options->socket, notify_listener(), &ports, &l->policy, err);
	if (code == 0)
		code = add_lookout(l);
	if (code == 0)
		code = add_enforcement(l);
	if (code == 0)
		code = add_intakes(l);
	if (code < 0)
		return err_set(err, code, "%s: cannot listen: %s", options->socket,
			       strerror(-code));
	*ret_loop = TAKE_PTR(l);
	return 0;
}

int policy_loop_start(struct policy_loop *l, struct err *err)
{
	return loop_start(&l->loop, on_stopped, l, err);
}

void policy_loop_stop(struct policy_loop *l)
{
	loop_stop(&l->loop);
}

void policy_loop_free(struct policy_loop *l)
{
	if (!l)
		return;
	policy_free(l->policy);
	enforcement_free(l->enforcement);
	lookout_free(l->lookout);
	users_free(l->users);
	intake_done(&l->questions);
	budgets_free(l->budgets);
	budget_rules_free(l->options.config.rules);
	providers_unref(l->options.config.providers);
	catalog_unref(l->options.config.catalog);
	intake_done(&l->charges);
	intake_done(&l->flights);
	intake_done(&l->pages);
	intake_done(&l->reloads);
	buf_done(&l->json);
	loop_done(&l->loop);
	free(l);
}
