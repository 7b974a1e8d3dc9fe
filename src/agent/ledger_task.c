/* One case a kind of task. What is there already is all that is wanted. */
#include "agent/ledger_task.h"

#include <errno.h>

static int store_verdict(struct ledger *ledger, const struct verdict *verdict, int64_t *seq)
{
	int code = ledger_add(ledger, verdict, seq);

	if (code == -EEXIST)
		return 0;
	for (unsigned i = 0; code == 0 && i < verdict->n_budgets; i++)
		code = ledger_touch(ledger, &verdict->budgets[i]);
	return code;
}

static int store_alert(struct ledger *ledger, const struct alert *alert)
{
	int code = journal_add_alert(ledger, alert);

	return code == -EEXIST ? 0 : code;
}

int ledger_task_store(struct ledger *ledger, const struct ledger_task *task, int64_t *seq)
{
	int code = 0;

	switch (task->kind) {
	case TASK_VERDICT:
		return store_verdict(ledger, &task->verdict, seq);
	case TASK_ALERT:
		return store_alert(ledger, &task->alert);
	case TASK_OVERRIDE:
		return ledger_override(ledger, &task->override);
	case TASK_TOUCHES:
		for (unsigned i = 0; code == 0 && i < task->touches.n; i++)
			code = ledger_touch(ledger, &task->touches.touch[i]);
		return code;
	case TASK_HOURS:
		for (unsigned i = 0; code == 0 && i < task->hours.n; i++)
			code = journal_set_hour(ledger, &task->hours.hour[i]);
		return code;
	case TASK_BREAKERS:
		for (unsigned i = 0; code == 0 && i < task->breakers.n; i++)
			code = journal_set_breaker(ledger, &task->breakers.breaker[i]);
		return code;
	case TASK_MEDIANS:
		for (unsigned i = 0; code == 0 && i < task->medians.n; i++)
			code = journal_set_median(ledger, &task->medians.median[i]);
		return code;
	}
	return code;
}
