/* One decision, from the question to what is told of it. */
#pragma once

#include "policy/form.h"
#include "policy/policy.h"

#define DECIDE_LIST_MAX 64 /* questions of one request */

/* What a caller sends. */
struct decide_request {
	char provider[sizeof(((struct usage *)0)->provider)];
	char model[sizeof(((struct usage *)0)->model_requested)];
	char operation[sizeof(((struct usage *)0)->operation)];
	char labels[256];
	int64_t input_tokens, max_output_tokens;
	bool is_essential, is_dry_run;
};

struct decide {
	struct policy *policy;
	struct decide_request request;
	bool is_priced, is_breaker_known;
	int64_t asked_pico;
	int64_t now_ns;
	struct breaker_view breaker; /* of the provider */
	struct budget_answer answer;
};

int decide_form(struct form **ret_form); /* -ENOMEM */

/* Members that every answer has. */
void decide_emit(struct emit *e, const struct decide *d);
void decide_emit_budgets(struct emit *e, const struct decide *d);
