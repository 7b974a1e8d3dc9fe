/* One stop a budget: what was ordered for it last. The kernel knows hosts, users, cgroups and
 * processes: what else a budget asks of a process is looked up when the flow loop asks for it. */
#include "agent/enforcement.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/flow_loop.h"
#include "base/cleanup.h"
#include "base/emit.h"
#include "base/timestamp.h"
#include "budget/match.h"
#include "policy/routes.h"

#define EVENT_BYTES_MAX 4096

struct stop {
	char name[BUDGET_NAME_MAX];
	enum flow_mode in_force;
	enum flow_mode by_person; /* FLOW_PASS: nobody has said anything */
	bool released;            /* by a person, until it has been below its limit */
	bool stale;               /* to be ordered anew */
};

struct enforcement {
	struct enforcement_options options;
	const struct providers *providers;
	unsigned n;
	struct stop *stops; /* by index of the budget */
};

int enforcement_new(const struct enforcement_options *options, struct enforcement **ret_enforcement)
{
	struct enforcement *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->options = *options;
	*ret_enforcement = e;
	return 0;
}

void enforcement_free(struct enforcement *e)
{
	if (!e)
		return;
	free(e->stops);
	free(e);
}

/* --- orders */

struct aim {
	struct enforcement *e;
	const struct budget_rule *rule;
	struct flow_order order;
	unsigned hosts;
};

static void count_host(void *ctx, const struct provider *provider, const char *pattern)
{
	struct aim *aim = ctx;

	(void)pattern;
	aim->hosts += match_text(aim->rule->provider, span_of(provider_name(provider)));
}

static void order_host(void *ctx, const struct provider *provider, const char *pattern)
{
	struct aim *aim = ctx;

	if (!match_text(aim->rule->provider, span_of(provider_name(provider))))
		return;
	aim->order.key.host = enforce_host_key(span_of(pattern));
	(void)queue_push(aim->e->options.orders, &aim->order);
}

static struct flow_order order_of(enum flow_order_kind kind, const char *who)
{
	struct flow_order order = { .kind = kind };

	span_copy(span_of(who), order.who, sizeof(order.who));
	return order;
}

/* Besides the orders for its hosts there is room for `more`. */
static bool has_room(struct aim *aim, unsigned more)
{
	providers_hosts(aim->e->providers, count_host, aim);
	return queue_room(aim->e->options.orders) >= aim->hosts + more;
}

static bool asks_of_process(const struct budget_rule *rule)
{
	return rule->exe[0] || rule->n_labels;
}

static bool asks_of_cgroup(const struct budget_rule *rule)
{
	return rule->unit[0] || rule->container[0];
}

/* Whom the kernel stops by itself; FLOW_ASK where that depends on more than a uid. */
static void aim_at_all(struct aim *aim, enum flow_mode mode)
{
	const struct budget_rule *rule = aim->rule;

	aim->order.mode = mode;
	aim->order.at_once = rule->cut_at_once;
	if (asks_of_process(rule) || asks_of_cgroup(rule) || rule->user[0]) {
		aim->order.mode = FLOW_ASK;
	} else if (rule->uid[0]) {
		aim->order.key.scope = FLOW_UID;
		aim->order.key.id = strtoull(rule->uid, NULL, 10);
	}
}

/* The widest key that holds nobody else. The root of the cgroups is everybody's. */
static void aim_at(struct aim *aim, const struct process *process, enum flow_mode mode)
{
	const struct budget_rule *rule = aim->rule;
	bool by_user = rule->user[0] || rule->uid[0];

	aim->order.mode = mode;
	aim->order.at_once = rule->cut_at_once;
	aim->order.key.scope = FLOW_PROCESS;
	aim->order.key.id = flow_process_id(process->pid, process->start_ns);
	if (asks_of_process(rule) || (asks_of_cgroup(rule) && by_user))
		return;
	if (by_user) {
		aim->order.key.scope = FLOW_UID;
		aim->order.key.id = process->uid;
	} else if (process->cgroup_id > 1) {
		aim->order.key.scope = FLOW_CGROUP;
		aim->order.key.id = process->cgroup_id;
	}
}

static bool give_orders(struct enforcement *e, unsigned index, enum flow_mode mode)
{
	struct stop *stop = &e->stops[index];
	struct aim aim = { .e = e,
			   .rule = budgets_rule(e->options.budgets, index),
			   .order = order_of(FLOW_ORDER_RELEASE, stop->name) };

	if (!has_room(&aim, 2))
		return false;
	if (stop->in_force || stop->stale)
		(void)queue_push(e->options.orders, &aim.order);
	aim.order.kind = FLOW_ORDER_BLOCK;
	aim_at_all(&aim, mode);
	if (mode)
		providers_hosts(e->providers, order_host, &aim);
	aim.order.kind = FLOW_ORDER_PUBLISH;
	(void)queue_push(e->options.orders, &aim.order);
	stop->in_force = mode;
	stop->stale = false;
	return true;
}

bool enforcement_answer(struct enforcement *e, const struct process *process)
{
	struct flow_order judged = order_of(FLOW_ORDER_JUDGED, "");

	for (unsigned i = 0; i < e->n; i++) {
		struct aim aim = { .e = e,
				   .rule = budgets_rule(e->options.budgets, i),
				   .order = order_of(FLOW_ORDER_BLOCK, e->stops[i].name) };

		if (!e->stops[i].in_force || !match_process(aim.rule, process) ||
		    !match_labels(aim.rule, process->labels))
			continue;
		if (!has_room(&aim, 1))
			return false;
		aim_at(&aim, process, e->stops[i].in_force);
		providers_hosts(e->providers, order_host, &aim);
	}
	judged.key.id = flow_process_id(process->pid, process->start_ns);
	return queue_push(e->options.orders, &judged);
}

/* --- what is due */

static bool is_spent(const struct budget_view *view)
{
	return view->spent >= view->limit;
}

static enum flow_mode due(struct stop *stop, const struct budget_view *view)
{
	if (stop->by_person)
		return stop->by_person;
	if (view->mode < BUDGET_HOLD || !is_spent(view)) {
		stop->released = false;
		return FLOW_PASS;
	}
	if (stop->released)
		return FLOW_PASS;
	return view->mode == BUDGET_HOLD ? FLOW_HOLD : FLOW_CUT;
}

static void tell(struct enforcement *e, const struct stop *stop, const struct budget_view *view,
		 const char *who, const char *why, int64_t now_ns)
{
	static const char *const actions[] = { "release", "", "hold", "cut" };
	struct buf json = buf_with_max(EVENT_BYTES_MAX);
	struct emit out = emit_to(&json);
	char time[TIMESTAMP_TEXT_MAX];

	emit_object(&out, NULL);
	emit_text(&out, "time", timestamp_format(now_ns, time));
	emit_text(&out, "action", actions[stop->in_force]);
	emit_text(&out, "who", who);
	emit_text(&out, "why", why);
	budgets_emit(&out, "budget", view);
	emit_end_object(&out);
	if (!json.failed)
		e->options.tell(e->options.ctx, buf_span(&json));
	buf_done(&json);
}

/* `who` NULL: nobody but the figures. */
static void look_at(struct enforcement *e, unsigned index, const char *who, const char *why,
		    int64_t now_ns)
{
	struct stop *stop = &e->stops[index];
	enum flow_mode former = stop->in_force, mode;
	struct budget_view view;

	budgets_view(e->options.budgets, index, now_ns, &view);
	mode = due(stop, &view);
	if ((mode == former && !stop->stale) || !give_orders(e, index, mode) || mode == former)
		return;
	if (!why)
		why = mode ? "it is spent" : "it has room again";
	tell(e, stop, &view, who ? who : "outlayd", why, now_ns);
}

void enforcement_look(struct enforcement *e, int64_t now_ns)
{
	for (unsigned i = 0; i < e->n; i++) {
		const struct stop *stop = &e->stops[i];

		if (stop->in_force || stop->by_person || stop->stale ||
		    budgets_rule(e->options.budgets, i)->mode >= BUDGET_HOLD)
			look_at(e, i, NULL, NULL, now_ns);
	}
}

static struct stop *find_stop(const struct enforcement *e, struct span name)
{
	for (unsigned i = 0; i < e->n; i++)
		if (span_eq(span_of(e->stops[i].name), name))
			return &e->stops[i];
	return NULL;
}

int enforcement_order(struct enforcement *e, struct span budget, enum enforcement_act act,
		      const char *who, const char *why, int64_t now_ns)
{
	static const enum flow_mode modes[] = { FLOW_PASS, FLOW_HOLD, FLOW_CUT };
	struct stop *stop = find_stop(e, budget);
	const struct budget_rule *rule;
	unsigned index;

	if (!stop)
		return -ENOENT;
	index = (unsigned)(stop - e->stops);
	rule = budgets_rule(e->options.budgets, index);
	if (act != ENFORCEMENT_RELEASE && (rule->model[0] || rule->operation[0]))
		return -EINVAL;
	stop->by_person = modes[act];
	stop->released = act == ENFORCEMENT_RELEASE;
	look_at(e, index, who, why, now_ns);
	return 0;
}

/* --- reload */

/* Of budgets that are no more: nothing of theirs stays. */
static void release_gone(struct enforcement *e, const struct stop *former, unsigned n)
{
	struct flow_order order = { .kind = FLOW_ORDER_PUBLISH };

	for (unsigned i = 0; i < n; i++)
		if (former[i].in_force && !find_stop(e, span_of(former[i].name))) {
			order = order_of(FLOW_ORDER_RELEASE, former[i].name);
			(void)queue_push(e->options.orders, &order);
		}
	order.kind = FLOW_ORDER_PUBLISH;
	(void)queue_push(e->options.orders, &order);
}

int enforcement_reload(struct enforcement *e, const struct providers *providers, int64_t now_ns)
{
	unsigned n = budgets_count(e->options.budgets);
	struct stop *stops = calloc(n + 1, sizeof(*stops));
	FREE_PTR struct stop *former = NULL;
	struct enforcement before = *e;

	e->providers = providers;
	if (!stops)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		const char *name = budgets_rule(e->options.budgets, i)->name;
		const struct stop *same = find_stop(&before, span_of(name));

		if (same)
			stops[i] = *same;
		span_copy(span_of(name), stops[i].name, sizeof(stops[i].name));
		stops[i].stale = stops[i].in_force != FLOW_PASS;
	}
	former = e->stops;
	e->stops = stops;
	e->n = n;
	release_gone(e, former, before.n);
	enforcement_look(e, now_ns);
	return 0;
}
