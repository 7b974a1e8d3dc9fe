/* The orders of a budget go out together or not at all: what has no room is due still. */
#include "agent/enforcement.h"

#include <errno.h>
#include <stdlib.h>

#include "base/emit.h"
#include "base/timestamp.h"
#include "budget/match.h"
#include "budget/stop.h"
#include "flow/enforce.h"
#include "policy/figures.h"

#define EVENT_BYTES_MAX 4096

static const enum flow_mode modes[] = { FLOW_PASS, FLOW_HOLD, FLOW_CUT };
static const enum flow_scope scopes[] = { FLOW_ALL, FLOW_UID, FLOW_CGROUP, FLOW_PROCESS };

struct enforcement {
	struct enforcement_options options;
	const struct providers *providers;
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
	free(e);
}

/* --- orders */

/* An order for each host of the providers of a rule. */
struct aim {
	const struct budget_rule *rule;
	struct queue *orders; /* NULL: only to be counted */
	struct flow_order order;
	unsigned hosts;
};

static void order_host(void *ctx, const struct provider *provider, const char *pattern)
{
	struct aim *aim = ctx;

	if (!match_text(aim->rule->provider, span_of(provider_name(provider))))
		return;
	aim->hosts++;
	aim->order.key.host = order_host_key(span_of(pattern));
	if (aim->orders)
		(void)queue_push(aim->orders, &aim->order);
}

/* For the hosts, and `more`. */
static bool has_room(struct enforcement *e, const struct budget_rule *rule, unsigned more)
{
	struct aim aim = { .rule = rule };

	providers_hosts(e->providers, order_host, &aim);
	return queue_room(e->options.orders) >= aim.hosts + more;
}

/* `process` NULL: whoever it is, as far as that can be said without one. */
static void block(struct enforcement *e, const struct budget_rule *rule, enum stop stop,
		  const struct process *process)
{
	struct aim aim = { .rule = rule,
			   .orders = e->options.orders,
			   .order = order_of(FLOW_ORDER_BLOCK, rule->name) };
	enum stop_reach reach = stop_reach(rule);
	struct process user = { .uid = (uint32_t)strtoul(rule->uid, NULL, 10) };

	aim.order.mode = modes[stop];
	aim.order.at_once = rule->cut_at_once;
	if (process)
		order_aim(&aim.order, scopes[reach], process);
	else if (reach == STOP_USER && !rule->user[0])
		order_aim(&aim.order, FLOW_UID, &user);
	else if (reach != STOP_ALL)
		aim.order.mode = FLOW_ASK;
	providers_hosts(e->providers, order_host, &aim);
}

static void push(struct enforcement *e, enum flow_order_kind kind, const char *who)
{
	struct flow_order order = order_of(kind, who);

	(void)queue_push(e->options.orders, &order);
}

bool enforcement_answer(struct enforcement *e, const struct process *process)
{
	struct flow_order judged = order_of(FLOW_ORDER_JUDGED, "");

	for (unsigned i = 0; i < budgets_count(e->options.budgets); i++) {
		const struct budget_rule *rule = budgets_rule(e->options.budgets, i);
		enum stop stop = stop_of(e->options.budgets, i, process);

		if (!stop)
			continue;
		if (!has_room(e, rule, 1))
			return false;
		block(e, rule, stop, process);
	}
	order_aim(&judged, FLOW_PROCESS, process);
	return queue_push(e->options.orders, &judged);
}

static void tell(struct enforcement *e, const struct stop_action *action, int64_t now_ns)
{
	static const char *const names[] = { "release", "hold", "cut" };
	struct buf json = buf_with_max(EVENT_BYTES_MAX);
	struct emit out = emit_to(&json);
	char time[TIMESTAMP_TEXT_MAX];
	struct alert alert;

	emit_object(&out, NULL);
	emit_text(&out, "time", timestamp_format(now_ns, time));
	emit_text(&out, "action", names[action->stop]);
	emit_text(&out, "who", action->who);
	emit_text(&out, "why", action->why);
	figures_emit(&out, "budget", &action->view);
	emit_end_object(&out);
	tell_enforcement(action->view.name, names[action->stop], action->why, buf_span(&json),
			 now_ns, &alert);
	if (!json.failed)
		e->options.tell(e->options.ctx, action->index, &alert, buf_span(&json));
	buf_done(&json);
}

/* False: what is due has no room now. */
static bool look_at(struct enforcement *e, unsigned index, int64_t now_ns)
{
	const struct budget_rule *rule = budgets_rule(e->options.budgets, index);
	struct stop_action action;

	if (!stop_due(e->options.budgets, index, now_ns, &action))
		return true;
	if (!has_room(e, rule, 2))
		return false;
	push(e, FLOW_ORDER_RELEASE, rule->name);
	if (action.stop)
		block(e, rule, action.stop, NULL);
	push(e, FLOW_ORDER_PUBLISH, "");
	stop_done(e->options.budgets, &action);
	if (action.is_new)
		tell(e, &action, now_ns);
	return true;
}

void enforcement_look(struct enforcement *e, int64_t now_ns)
{
	for (unsigned i = 0; i < budgets_count(e->options.budgets); i++)
		(void)look_at(e, i, now_ns);
}

void enforcement_charged(struct enforcement *e, int64_t now_ns)
{
	bool all = true;

	MATCH_SET_EACH(i, stop_charged(e->options.budgets))
	{
		all &= look_at(e, (unsigned)i, now_ns);
	}
	if (all)
		stop_looked(e->options.budgets);
}

void enforcement_reload(struct enforcement *e, const struct providers *providers, int64_t now_ns)
{
	e->providers = providers;
	push(e, FLOW_ORDER_RELEASE, "");
	enforcement_look(e, now_ns);
	push(e, FLOW_ORDER_PUBLISH, "");
}
