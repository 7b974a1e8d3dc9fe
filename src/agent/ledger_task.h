/* What the policy loop gives the ledger loop to keep. */
#pragma once

#include "budget/verdict.h"
#include "ledger/journal.h"

#define TASK_ROWS_MAX 8

enum ledger_task_kind {
	TASK_VERDICT,
	TASK_TOUCHES,
	TASK_ALERT,
	TASK_HOURS,
	TASK_BREAKERS,
	TASK_MEDIANS,
	TASK_OVERRIDE
};

struct ledger_task {
	enum ledger_task_kind kind;
	union {
		struct verdict verdict;
		struct {
			unsigned n;
			struct budget_touch touch[VERDICT_BUDGETS_MAX];
		} touches;
		struct alert alert;
		struct {
			unsigned n;
			struct habit_hour hour[TASK_ROWS_MAX];
		} hours;
		struct {
			unsigned n;
			struct breaker_memory breaker[TASK_ROWS_MAX];
		} breakers;
		struct {
			unsigned n;
			struct usual_median median[TASK_ROWS_MAX];
		} medians;
		struct budget_override override;
	};
};

/* Inside of a batch, which is rolled back when it fails. `seq`: of the last call. */
int ledger_task_store(struct ledger *ledger, const struct ledger_task *task, int64_t *seq);
