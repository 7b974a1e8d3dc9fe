/* exchange -> usage: follows an exchange from its request to its end and hands on one usage for
 * each call to a provider's host, whatever became of it; of a WebSocket, one for each answer. One
 * allocation a call; body pieces are scanned as they pass and not kept. */
#include "meter/meter.h"

#include <errno.h>
#include <stdlib.h>

#include "meter/fill.h"
#include "meter/host.h"
#include "meter/settle.h"
#include "meter/shape.h"

struct meter {
	struct providers *providers;
	struct key_hasher *hasher; /* NULL without a secret */
	struct settle *settle;     /* NULL: nothing is remembered */
	struct relay *relay;
	unsigned n_readings; /* as of another route, of all calls */
	struct uuid_maker ids;
	struct meter_options options;
	struct meter_counters counters;
};

struct call {
	struct leg leg;
	struct call *next; /* the same exchange, read as of another route: its own is not known */
	const struct exchange *exchange;
	struct providers *providers; /* the set that was in force when the call began */
	const struct provider *provider;
	const struct route *route;
	bool body_begun;           /* that of the response: its reader is chosen */
	bool streaming, is_flying; /* told to have been sent */
	struct told {              /* of those that were handed on */
		unsigned n;
		int64_t utc_ns; /* the first message of the client since, 0 when none came */
		uint64_t request_bytes, response_bytes, lost_bytes;
	} told;
	struct format_reader request;
	struct format_reader response;
	struct slot slots[]; /* of the request, then of the response */
};

static struct slot *response_slots(struct call *call)
{
	return call->slots + call->route->extract->scope.request.n;
}

static void ids_of(void *ctx, const struct leg *leg, struct relay_ids *ret_ids)
{
	struct call *call = (struct call *)leg;

	(void)ctx;
	fill_ids(call->route->extract, call->exchange, call->slots, response_slots(call), ret_ids);
}

int meter_new(const struct meter_options *options, struct meter **ret_meter)
{
	struct relay_options relay = { options->usage, ids_of, options->ctx };
	struct meter *meter = calloc(1, sizeof(*meter));
	int rc = meter ? relay_new(&relay, &meter->relay) : -ENOMEM;

	if (rc == 0 && options->secret)
		rc = key_hasher_new(options->secret, METER_SECRET_BYTES, &meter->hasher);
	if (rc == 0 && options->remembers)
		rc = settle_new(&meter->settle);
	if (rc < 0) {
		meter_free(meter);
		return rc;
	}
	meter->providers = providers_ref(options->providers);
	meter->options = *options;
	*ret_meter = meter;
	return 0;
}

void meter_free(struct meter *meter)
{
	if (!meter)
		return;
	providers_unref(meter->providers);
	key_hasher_free(meter->hasher);
	settle_free(meter->settle);
	relay_free(meter->relay);
	free(meter);
}

void meter_set_providers(struct meter *meter, struct providers *providers)
{
	struct providers *old = meter->providers;

	meter->providers = providers_ref(providers);
	providers_unref(old);
}

bool meter_settle(struct meter *meter, int64_t now_utc_ns)
{
	return relay_settle(meter->relay, now_utc_ns);
}

const struct meter_counters *meter_counters(const struct meter *meter)
{
	return &meter->counters;
}

const struct relay_counters *meter_relayed(const struct meter *meter)
{
	return relay_counters(meter->relay);
}

static struct call *make_call(struct meter *meter, struct exchange *ex,
			      const struct provider *provider, const struct route *route)
{
	const struct expr_scope *scope = &route->extract->scope;
	size_t n = scope->request.n + scope->response.n;
	struct call *call = malloc(sizeof(*call) + n * sizeof(struct slot));

	if (!call)
		return NULL;
	*call = (struct call){ .leg = { .process = ex->connection->process, .route = route },
			       .exchange = ex,
			       .providers = providers_ref(meter->providers),
			       .provider = provider,
			       .route = route };
	memset(call->slots, 0, n * sizeof(struct slot));
	format_begin(&call->request, scope->request.n ? format_of_request(&ex->request) : NULL,
		     &scope->request, call->slots);
	format_begin(&call->response, NULL, &scope->response, response_slots(call));
	return call;
}

/* A connection that is older than we are: its HPACK table, and so the path, is not known. */
static void add_readings(struct meter *meter, struct exchange *ex, struct call *call)
{
	unsigned n;
	const struct route *routes = provider_routes(call->provider, &n);

	for (unsigned i = 0; i < n && meter->n_readings < METER_READINGS_MAX; i++) {
		struct call *reading = NULL;

		if (routes[i].extract->required)
			reading = make_call(meter, ex, call->provider, &routes[i]);
		if (!reading)
			continue;
		reading->next = call->next;
		call->next = reading;
		meter->n_readings++;
	}
}

/* Hangs a call on the exchange, unless one is there. NULL: the host is none of a provider, or there
 * is no memory (then counted at the end, and tried again until then). */
static struct call *begin(struct meter *meter, struct exchange *ex, struct counter *lost)
{
	const struct provider *provider;
	struct call *call;

	if (ex->meter)
		return ex->meter;
	provider = host_provider(meter->providers, ex);
	if (!provider)
		return NULL;
	call = make_call(meter, ex, provider,
			 provider_route(provider, ex->request.method, ex->request.target));
	if (!call) {
		if (lost)
			counter_add(lost, 1);
		return NULL;
	}
	if (!ex->request.method.len && ex->completeness == COMPLETENESS_PRE_ATTACH)
		add_readings(meter, ex, call);
	relay_begin(meter->relay, &call->leg);
	ex->connection->calls++;
	ex->meter = call;
	return call;
}

static void on_request(void *ctx, struct exchange *ex)
{
	begin(ctx, ex, NULL);
}

/* From here on both bodies are messages. */
static void begin_websocket(struct call *call)
{
	const struct expr_scope *scope = &call->route->extract->scope;

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

static void on_response(void *ctx, struct exchange *ex)
{
	struct call *call = begin(ctx, ex, NULL); /* its request was perhaps not seen */

	if (call && ex->response.status == 101)
		begin_websocket(call);
}

static void begin_body(struct call *call, const struct exchange *ex, struct span *body)
{
	const struct format *format = format_of_response(&ex->response, call->route->formats, body);

	if (!body->len && body->ptr)
		return; /* white space does not tell */
	call->body_begun = true;
	if (!format)
		return;
	call->streaming = format != &format_table[FORMAT_JSON];
	format_begin(&call->response, format, &call->route->extract->scope.response,
		     response_slots(call));
}

static struct format_reader *reader_of(struct call *call, enum direction direction)
{
	return direction == DIRECTION_SENT ? &call->request : &call->response;
}

static void on_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	for (struct call *call = begin(ctx, ex, NULL); call; call = call->next) {
		struct span rest = piece;

		if (direction == DIRECTION_RECEIVED && !call->body_begun)
			begin_body(call, ex, &rest);
		format_feed(reader_of(call, direction), rest);
	}
}

static void on_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	(void)ctx;
	for (struct call *call = ex->meter; call; call = call->next) {
		if (direction == DIRECTION_RECEIVED && !call->body_begun)
			begin_body(call, ex, &(struct span){ NULL, 0 });
		format_gap(reader_of(call, direction));
	}
}

static void count(struct meter *meter, const struct call *call, const struct usage *usage)
{
	counter_add(&meter->counters.calls, 1);
	if (!call->route->match[0])
		counter_add(&meter->counters.unknown_routes, 1);
	if (call->response.broken || call->response.hole || usage->doubt == USAGE_DOUBT_UNPARSED)
		counter_add(&meter->counters.bodies_unparsed, 1);
	if (usage->doubt == USAGE_DOUBT_INCONSISTENT)
		counter_add(&meter->counters.inconsistent, 1);
}

static struct fill_input input_of(struct meter *meter, const struct exchange *ex, struct call *call)
{
	return (struct fill_input){ ex,
				    call->provider,
				    call->route,
				    &call->request,
				    &call->response,
				    call->streaming,
				    call->leg.answers,
				    meter->hasher };
}

static void fill(struct meter *meter, const struct exchange *ex, struct call *call,
		 struct usage *ret_usage)
{
	struct fill_input in = input_of(meter, ex, call);

	fill_usage(&in, ret_usage);
	if (!call->leg.answers)
		return;
	/* What came since the answer before it. */
	if (call->told.utc_ns)
		ret_usage->time_start_ns = call->told.utc_ns;
	ret_usage->ttfb_ns = -1;
	ret_usage->request_bytes -= call->told.request_bytes;
	ret_usage->response_bytes -= call->told.response_bytes;
	ret_usage->lost_bytes -= call->told.lost_bytes;
}

static void tell(struct meter *meter, const struct exchange *ex, struct call *call,
		 struct usage *usage)
{
	settle_usage(meter->settle, call->route->poll, usage);
	usage->event_id = uuid_make(&meter->ids, ex->end_utc_ns);
	count(meter, call, usage);
	relay_tell(meter->relay, &call->leg, usage);
	call->told = (struct told){ call->told.n + 1, 0, ex->request_bytes, ex->response_bytes,
				    ex->lost_bytes };
}

static void on_message(void *ctx, struct exchange *ex, enum direction direction)
{
	struct call *call = ex->meter;
	struct usage usage;

	if (!call || !call->leg.answers)
		return;
	format_message(reader_of(call, direction));
	if (direction == DIRECTION_SENT && !call->told.utc_ns)
		call->told.utc_ns = ex->end_utc_ns;
	if (direction == DIRECTION_SENT || !format_said_something(&call->response))
		return;
	fill(ctx, ex, call, &usage);
	if (!fill_is_answer(call->route->extract, &usage))
		return;
	tell(ctx, ex, call, &usage);
	format_forget(&call->response);
}

/* Of a WebSocket whose answers were handed on: is there one more that was begun, or lost? */
static bool is_left(const struct call *call, const struct usage *usage)
{
	return !call->told.n || usage->response_id[0] ||
	       usage->completeness == COMPLETENESS_TRUNCATED || !format_read_well(&call->response);
}

static void on_sent(void *ctx, struct exchange *ex)
{
	struct meter *meter = ctx;
	struct call *call = ex->meter;
	struct usage asked;
	struct meter_flight flight = { (uintptr_t)call, &asked, -1 };
	struct fill_input in;

	if (!call || !meter->options.flight)
		return;
	in = input_of(meter, ex, call);
	fill_asked(&in, &asked, &flight.most_output);
	call->is_flying = true;
	meter->options.flight(meter->options.ctx, &flight);
}

static void finish(struct call *call, const struct exchange *ex)
{
	format_end(&call->request, ex->body_ended[DIRECTION_SENT]);
	format_end(&call->response, ex->body_ended[DIRECTION_RECEIVED]);
}

static void free_call(struct call *call)
{
	providers_unref(call->providers);
	free(call);
}

/* What the readings as of other routes agree on, if they do, is the usage. */
static void end_readings(struct meter *meter, const struct exchange *ex, struct call *call,
			 struct usage *usage)
{
	struct shape shape = { .found = false };
	struct usage read;

	for (struct call *reading = call->next, *next; reading; reading = next) {
		next = reading->next;
		finish(reading, ex);
		fill(meter, ex, reading, &read);
		shape_add(&shape, &read, reading->route->extract->required);
		free_call(reading);
		meter->n_readings--;
	}
	(void)shape_found(&shape, usage);
}

static void on_end(void *ctx, struct exchange *ex)
{
	struct meter *meter = ctx;
	struct call *call = begin(meter, ex, &meter->counters.lost);
	struct usage usage;

	if (!call)
		return;
	finish(call, ex);
	fill(meter, ex, call, &usage);
	end_readings(meter, ex, call, &usage);
	if (is_left(call, &usage))
		tell(meter, ex, call, &usage);
	if (call->is_flying)
		meter->options.flight(meter->options.ctx,
				      &(struct meter_flight){ .call = (uintptr_t)call });
	relay_end(meter->relay, &call->leg);
	ex->connection->calls--;
	free_call(call);
	ex->meter = NULL;
}

const struct exchange_handler meter_handler = {
	.request = on_request,
	.response = on_response,
	.body = on_body,
	.gap = on_gap,
	.end = on_end,
	.sent = on_sent,
	.message = on_message,
};
