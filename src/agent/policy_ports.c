/* Nothing here waits: what is to be stored is a task in a queue, for which there was room when it
 * was asked for. */
#include "agent/policy_ports.h"

#include <string.h>

static void price(void *ctx, const struct usage *usage, struct charge *ret_charge)
{
	struct policy_loop *l = ctx;

	catalog_price(l->options.config.catalog, usage, ret_charge);
}

static bool knows_provider(void *ctx, struct span name)
{
	struct policy_loop *l = ctx;

	return providers_named(l->options.config.providers, name) != NULL;
}

static bool store_room(void *ctx)
{
	struct policy_loop *l = ctx;

	return queue_room(l->options.tasks) > 0;
}

static void store_touch(void *ctx, const struct budget_touch *touches, unsigned n)
{
	struct policy_loop *l = ctx;
	struct ledger_task task = { .kind = TASK_TOUCHES, .touches.n = n };

	memcpy(task.touches.touch, touches, n * sizeof(*touches));
	(void)queue_push(l->options.tasks, &task);
}

void policy_ports_hand_on(struct policy_loop *l, const struct ledger_task *task)
{
	const struct verdict *v = &task->verdict;

	(void)queue_push(l->options.tasks, task);
	if (policy_is_watched(l->policy)) {
		buf_reset(&l->json);
		verdict_json(&l->json, v, l->options.host_id, l->options.host_name);
		policy_publish(l->policy, "call", buf_span(&l->json), v->charge.usage.process.uid);
	}
	policy_charged(l->policy);
	/* Only for the eye: a terminal that is stopped loses lines, never time. */
	if (l->options.shown)
		(void)queue_push(l->options.shown, v);
}

static void store_call(void *ctx, const struct verdict *verdict)
{
	struct ledger_task task = { .kind = TASK_VERDICT, .verdict = *verdict };

	policy_ports_hand_on(ctx, &task);
}

static void store_override(void *ctx, const struct budget_override *override)
{
	struct policy_loop *l = ctx;
	struct ledger_task task = { .kind = TASK_OVERRIDE, .override = *override };
	struct alert alert;

	(void)queue_push(l->options.tasks, &task);
	tell_override(override, &alert);
	(void)lookout_raise(l->lookout, &alert);
	enforcement_look(l->enforcement, clock_system.now_ns(&clock_system));
}

static bool query_calls(void *ctx, const struct policy_calls_query *query)
{
	struct policy_loop *l = ctx;
	struct ledger_ask ask = { .ticket = query->ticket,
				  .alerts = query->alerts,
				  .query = { .after_seq = query->after_seq,
					     .since_ns = query->since_ns,
					     .uid = query->uid,
					     .limit = query->limit,
					     .newest = query->newest,
					     .event_id = query->event_id } };

	return queue_push(l->options.queries, &ask);
}

static void status(void *ctx, struct emit *out)
{
	struct policy_loop *l = ctx;
	const struct lookout_counters *alerts = lookout_counters(l->lookout);

	emit_object(out, "alerts");
	emit_int(out, "told", (int64_t)counter_read(&alerts->told));
	emit_int(out, "not_stored", (int64_t)counter_read(&alerts->not_stored));
	emit_end_object(out);
	l->options.status(l->options.ctx, out);
}

static bool breaker(void *ctx, struct span provider, int64_t now_ns, struct breaker_view *ret_view)
{
	struct policy_loop *l = ctx;

	return breakers_view(lookout_breakers(l->lookout), provider, now_ns, ret_view);
}

static int64_t wait_ns(void *ctx, const struct process *process, int64_t now_ns)
{
	struct policy_loop *l = ctx;

	return habits_wait_ns(lookout_habits(l->lookout), process, now_ns);
}

static bool is_told(void *ctx, const struct alert_key *key)
{
	return lookout_told(((struct policy_loop *)ctx)->lookout, key);
}

static void raise_alert(void *ctx, struct alert *alert)
{
	struct policy_loop *l = ctx;

	(void)lookout_raise(l->lookout, alert);
}

struct policy_ports policy_ports_of(struct policy_loop *l)
{
	return (struct policy_ports){ .ctx = l,
				      .budgets = l->budgets,
				      .clock = &clock_system,
				      .price = price,
				      .knows_provider = knows_provider,
				      .store_room = store_room,
				      .store_touch = store_touch,
				      .store_call = store_call,
				      .store_override = store_override,
				      .query_calls = query_calls,
				      .breaker = breaker,
				      .is_told = is_told,
				      .alert = raise_alert,
				      .wait_ns = wait_ns,
				      .catch_up = policy_loop_take_calls,
				      .tick = policy_loop_tick,
				      .status = status };
}
