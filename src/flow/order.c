/* Orders, from what the budgets know of a process. */
#include "flow/order.h"

struct flow_order order_of(enum flow_order_kind kind, const char *who)
{
	struct flow_order order = { .kind = kind };

	span_copy(span_of(who), order.who, sizeof(order.who));
	return order;
}

void order_aim(struct flow_order *order, enum flow_scope scope, const struct process *process)
{
	const uint64_t ids[] = { 0, process->uid, process->cgroup_id,
				 flow_process_id(process->pid, process->start_ns) };

	/* The root of the cgroups is everybody's. */
	if (scope == FLOW_CGROUP && process->cgroup_id <= 1)
		scope = FLOW_PROCESS;
	order->key.scope = scope;
	order->key.id = ids[scope];
}
