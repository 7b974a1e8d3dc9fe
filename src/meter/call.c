/* What is read of an exchange, from the choice of the readers to their end. */
#include "meter/call.h"

#include <stdlib.h>

static const struct expr_scope *scope_of(const struct call *call)
{
	return &call->route->extract->scope;
}

static struct slot *response_slots(struct call *call)
{
	return call->slots + scope_of(call)->request.n;
}

struct call *call_new(void *owner, struct providers *providers, const struct exchange *exchange,
		      const struct provider *provider, const struct route *route)
{
	const struct expr_scope *scope = &route->extract->scope;
	size_t n = scope->request.n + scope->response.n;
	struct call *call = malloc(sizeof(*call) + n * sizeof(struct slot));

	if (!call)
		return NULL;
	*call = (struct call){ .leg = { .process = exchange->connection->process, .route = route },
			       .exchange = exchange,
			       .owner = owner,
			       .providers = providers_ref(providers),
			       .provider = provider,
			       .route = route };
	memset(call->slots, 0, n * sizeof(struct slot));
	format_begin(&call->request,
		     scope->request.n ? format_of_request(&exchange->request) : NULL,
		     &scope->request, call->slots);
	format_begin(&call->response, NULL, &scope->response, response_slots(call));
	return call;
}

void call_free(struct call *call)
{
	format_end(&call->request, false);
	format_end(&call->response, false);
	slots_free_texts(call->slots, scope_of(call)->request.n + scope_of(call)->response.n);
	providers_unref(call->providers);
	free(call);
}

struct format_reader *call_reader(struct call *call, enum direction direction)
{
	return direction == DIRECTION_SENT ? &call->request : &call->response;
}

void call_begin_websocket(struct call *call)
{
	const struct expr_scope *scope = scope_of(call);

	call->body_begun = true;
	if (!(call->route->formats & 1u << FORMAT_WS))
		return;
	call->streaming = call->leg.answers = true;
	format_end(&call->request, false);
	format_begin(&call->request, scope->request.n ? &format_table[FORMAT_WS] : NULL,
		     &scope->request, call->slots);
	format_begin(&call->response, &format_table[FORMAT_WS], &scope->response,
		     response_slots(call));
}

void call_begin_body(struct call *call, struct span *body)
{
	const struct format *format =
	    format_of_response(&call->exchange->response, call->route->formats, body);

	if (!body->len && body->ptr)
		return;
	call->body_begun = true;
	if (!format)
		return;
	call->streaming = format != &format_table[FORMAT_JSON];
	format_begin(&call->response, format, &scope_of(call)->response, response_slots(call));
}

void call_sent(struct call *call)
{
	format_end(&call->request, true);
}

void call_finish(struct call *call)
{
	const bool *ended = call->exchange->body_ended;

	format_end(&call->request, ended[DIRECTION_SENT]);
	format_end(&call->response, ended[DIRECTION_RECEIVED]);
}

struct fill_input call_input(const struct call *call, struct key_hasher *hasher)
{
	return (struct fill_input){ call->exchange,    call->provider,  call->route,
				    &call->request,    &call->response, call->streaming,
				    call->leg.answers, hasher };
}
