/* One row a queue: what goes through it and how much of it may wait. */
#include "agent/queues.h"

#include <stdlib.h>

#include "agent/capture_loop.h"
#include "agent/flow_loop.h"
#include "agent/policy_loop.h"

#define ITEMS 512

int queues_init(struct queues *q, bool on_terminal)
{
	const struct {
		struct queue **queue;
		size_t bytes, items;
	} wanted[] = {
		{ &q->charges, sizeof(struct charge), ITEMS },
		{ &q->flights, sizeof(struct budget_flight), ITEMS },
		{ &q->flows, sizeof(struct flow_capture), ITEMS },
		{ &q->tasks, sizeof(struct ledger_task), ITEMS },
		{ &q->queries, sizeof(struct ledger_ask), POLICY_QUESTIONS_MAX },
		{ &q->pages, sizeof(struct ledger_page), POLICY_QUESTIONS_MAX },
		{ &q->orders, sizeof(struct flow_order), FLOW_ORDERS_MAX },
		{ &q->questions, sizeof(struct process), ITEMS },
		{ &q->shown, sizeof(struct verdict), on_terminal ? ITEMS : 2 },
		{ &q->capture_reloads, sizeof(struct capture_reload), 2 },
		{ &q->policy_reloads, sizeof(struct policy_reload), 2 },
	};
	int code = 0;

	for (size_t i = 0; code == 0 && i < sizeof(wanted) / sizeof(wanted[0]); i++)
		code = queue_new(wanted[i].bytes, wanted[i].items, wanted[i].queue);
	return code;
}

void queues_done(struct queues *q)
{
	struct queue *all[] = { q->charges, q->flights,         q->flows,         q->tasks,
				q->queries, q->pages,           q->orders,        q->questions,
				q->shown,   q->capture_reloads, q->policy_reloads };
	struct ledger_page page;

	while (q->pages && queue_pop(q->pages, &page))
		free(page.lines);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		queue_free(all[i]);
}
