/* The endpoints: which function answers which method and path. */
#pragma once

#include "policy/answer.h"
#include "policy/request.h"
#include "policy/server.h"

/* Answers one request into `client->policy->out`. May leave the client in another state. */
void routes_serve(struct client *client, const struct request *request);

/* One file each. They write the whole answer. */
void decide_serve(struct client *client, const struct request *request);
void settle_serve(struct client *client, const struct request *request);
void settle_renew(struct client *client, const struct request *request);
void override_serve(struct client *client, const struct request *request);
void settle_release(struct client *client, const struct request *request);
void usage_serve(struct client *client, const struct request *request);
void budgets_serve(struct client *client, const struct request *request);
void limits_serve(struct client *client, const struct request *request);
void calls_serve(struct client *client, const struct request *request);
void calls_alerts(struct client *client, const struct request *request);
void status_serve(struct client *client, const struct request *request);
void metrics_serve(struct client *client, const struct request *request);
void peek_serve(struct client *client, const struct request *request);
void watch_serve(struct client *client, const struct request *request);

/* Begins the object of a 200, which opens with the time; emit_end_object and answer_end end it. */
struct emit routes_begin(struct client *client, const struct request *request,
			 struct answer *ret_answer);

/* A problem. */
void routes_refuse(struct client *client, const struct request *request,
		   const struct answer_fault *fault);
/* 400, with the field that is wrong. */
void routes_refuse_field(struct client *client, const struct request *request,
			 const struct form_fault *fault);
/* Whether the ledger takes the totals of one more change; if not, the answer is a 503. */
bool routes_can_store(struct client *client, const struct request *request);

/* The members of the status object, without the time. */
void status_emit(struct emit *e, const struct policy *policy);

/* "budgets": those that were charged. */
void budgets_emit_touched(struct emit *e, struct budgets *budgets,
			  const struct budget_touch *touches, unsigned n, int64_t now_ns);
