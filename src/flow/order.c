/* Orders, from what the budgets know of a process. */
#include <ctype.h>

#include "bpf/event.h"
#include "flow/enforce.h"

uint64_t order_host_key(struct span pattern)
{
	bool wildcard = span_starts(pattern, SPAN("*"));
	uint64_t hash = EVENT_FNV_OFFSET;

	for (size_t i = wildcard; i < pattern.len; i++)
		hash = (hash ^ (uint64_t)tolower((unsigned char)pattern.ptr[i])) * EVENT_FNV_PRIME;
	return hash ^ wildcard;
}

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

void order_give(const struct flow_order *order, struct enforce *e)
{
	switch (order->kind) {
	case FLOW_ORDER_BLOCK:
		(void)enforce_block(e, order->who, &order->key, order->mode, order->at_once);
		break;
	case FLOW_ORDER_RELEASE:
		(void)enforce_release(e, order->who);
		break;
	case FLOW_ORDER_JUDGED:
		enforce_judged(e, order->key.id);
		break;
	case FLOW_ORDER_PUBLISH:
		enforce_publish(e);
		break;
	}
}
