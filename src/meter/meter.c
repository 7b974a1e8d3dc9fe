/* exchange -> usage: follows an exchange from its request to its end and hands on one usage for
 * each call to a provider's host, whatever became of it; of a WebSocket, one for each answer. One
 * allocation a call; body pieces are scanned as they pass and not kept. */
#include "meter/meter.h"

#include <errno.h>
#include <stdlib.h>

#include "meter/beside.h"
#include "meter/call.h"
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

static void ids_of(void *ctx, const struct leg *leg, struct relay_ids *ret_ids)
{
	struct call *call = (struct call *)leg;

	(void)ctx;
	fill_ids(call->route->extract, call->exchange, call->request.slots, call->response.slots,
		 ret_ids);
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

/* The same exchange, read as of another route besides. */
static void add_reading(struct meter *meter, struct call *call, const struct route *route)
{
	struct call *reading = NULL;

	if (meter->n_readings < METER_READINGS_MAX)
		reading = call_new(meter, meter->providers, call->exchange, call->provider, route);
	if (!reading)
		return;
	reading->next = call->next;
	call->next = reading;
	meter->n_readings++;
}

/* A connection that is older than we are: its HPACK table, and so the path, is not known. */
static void add_readings(struct meter *meter, struct call *call)
{
	unsigned n;
	const struct route *routes = provider_routes(call->provider, &n);

	for (unsigned i = 0; i < n; i++)
		if (routes[i].extract->required)
			add_reading(meter, call, &routes[i]);
}

/* Messages of a WebSocket may be of several kinds: each has a route of the same match. */
static void add_kinds(struct meter *meter, struct call *call)
{
	unsigned n;
	const struct route *routes = provider_routes(call->provider, &n);

	for (unsigned i = 0; i < n; i++)
		if (route_is_kind(&routes[i], call->route))
			add_reading(meter, call, &routes[i]);
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
	call = call_new(meter, meter->providers, ex, provider,
			provider_route(provider, ex->request.method, ex->request.target));
	if (!call) {
		if (lost)
			counter_add(lost, 1);
		return NULL;
	}
	if (!ex->request.method.len && ex->completeness == COMPLETENESS_PRE_ATTACH)
		add_readings(meter, call);
	relay_begin(meter->relay, &call->leg);
	ex->connection->calls++;
	ex->meter = call;
	return call;
}

static void on_request(void *ctx, struct exchange *ex)
{
	begin(ctx, ex, NULL);
}

static void on_response(void *ctx, struct exchange *ex)
{
	struct call *call = begin(ctx, ex, NULL); /* its request was perhaps not seen */

	if (!call || ex->response.status != 101)
		return;
	add_kinds(ctx, call);
	for (; call; call = call->next)
		call_begin_websocket(call);
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

static void fill(const struct meter *meter, const struct call *call, struct usage *ret_usage)
{
	const struct told *told = &((struct call *)call->exchange->meter)->told;
	struct fill_input in = call_input(call, meter->hasher);

	fill_usage(&in, ret_usage);
	if (!call->leg.answers)
		return;
	/* What came since the answer before it. */
	if (told->utc_ns)
		ret_usage->time_start_ns = told->utc_ns;
	ret_usage->ttfb_ns = -1;
	ret_usage->request_bytes -= told->request_bytes;
	ret_usage->response_bytes -= told->response_bytes;
	ret_usage->lost_bytes -= told->lost_bytes;
}

/* `call` is how the exchange was read, the first of its calls the one that is told. */
static void tell_one(struct meter *meter, const struct call *call, struct usage *usage)
{
	const struct exchange *ex = call->exchange;
	struct call *first = ex->meter;

	usage->event_id = uuid_make(&meter->ids, ex->end_utc_ns);
	count(meter, call, usage);
	relay_tell(meter->relay, &first->leg, usage);
	first->told = (struct told){ first->told.n + 1, 0, ex->request_bytes, ex->response_bytes,
				     ex->lost_bytes };
}

/* The answer, and behind it what else it tells of. */
static void tell(struct meter *meter, const struct call *call, struct usage *usage)
{
	const struct extract *extract = call->route->extract;
	struct fill_input in = call_input(call, meter->hasher);
	struct usage besides[ROUTE_BESIDES_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < extract->n_besides && !usage->free; i++)
		n += beside_usage(&extract->besides[i], &in, usage, &besides[n]);
	tell_one(meter, call, usage);
	for (unsigned i = 0; i < n; i++)
		tell_one(meter, call, &besides[i]);
}

static void take_message(struct meter *meter, struct call *call, enum direction direction)
{
	struct usage usage;

	format_message(call_reader(call, direction));
	if (direction == DIRECTION_SENT || !format_said_something(&call->response))
		return;
	fill(meter, call, &usage);
	if (!fill_is_answer(call->route->extract, &usage))
		return;
	/* An error is of no kind: the first one tells it. */
	if (!usage.error[0] || usage.present || call == call->exchange->meter) {
		settle_usage(meter->settle, call->route->settles, &usage);
		tell(meter, call, &usage);
	}
	format_forget(&call->response);
}

/* Of a sequence whose documents are calls. When they come again they cost nothing, and then the
 * exchange is told as one. */
static void on_document(void *ctx)
{
	struct call *call = ctx;
	struct meter *meter = call->owner;
	struct usage usage;

	fill(meter, call, &usage);
	if (!usage.error[0] && fill_is_answer(call->route->extract, &usage)) {
		if (!call->told.n)
			settle_usage(meter->settle, call->route->settles, &usage);
		if (!usage.free)
			tell(meter, call, &usage);
	}
	format_forget(&call->response);
}

static void begin_body(struct call *call, struct span *body)
{
	call_begin_body(call, body);
	if (call->route->each && call->response.format == &format_table[FORMAT_SEQUENCE]) {
		call->leg.answers = true;
		if (call->route->within[0])
			sequence_nest(&call->response, span_of(call->route->within));
		call->response.ended = on_document;
		call->response.ctx = call;
	}
}

static void on_body(void *ctx, struct exchange *ex, enum direction direction, struct span piece)
{
	for (struct call *call = begin(ctx, ex, NULL); call; call = call->next) {
		struct span rest = piece;

		if (direction == DIRECTION_RECEIVED && !call->body_begun)
			begin_body(call, &rest);
		format_feed(call_reader(call, direction), rest);
	}
}

static void on_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	(void)ctx;
	for (struct call *call = ex->meter; call; call = call->next) {
		if (direction == DIRECTION_RECEIVED && !call->body_begun)
			begin_body(call, &(struct span){ NULL, 0 });
		format_gap(call_reader(call, direction));
	}
}

static void on_message(void *ctx, struct exchange *ex, enum direction direction)
{
	struct call *first = ex->meter;

	if (!first || !first->leg.answers)
		return;
	if (direction == DIRECTION_SENT && !first->told.utc_ns)
		first->told.utc_ns = ex->end_utc_ns;
	for (struct call *call = first; call; call = call->next)
		take_message(ctx, call, direction);
}

/* Of a WebSocket whose answers were handed on: is there one more that was begun, or lost? */
static bool is_left(const struct call *call, const struct usage *usage)
{
	return !call->told.n || (usage->response_id[0] && !call->route->each) ||
	       usage->completeness == COMPLETENESS_TRUNCATED || !format_read_well(&call->response);
}

static void on_sent(void *ctx, struct exchange *ex)
{
	struct meter *meter = ctx;
	struct call *call = ex->meter;
	struct usage asked;
	struct meter_flight flight = { (uintptr_t)call, &asked, -1 };
	struct fill_input in;

	for (struct call *reading = call; reading; reading = reading->next)
		call_sent(reading);
	if (!call || !meter->options.flight)
		return;
	in = call_input(call, meter->hasher);
	fill_asked(&in, &asked, &flight.most_output);
	call->is_flying = true;
	meter->options.flight(meter->options.ctx, &flight);
}

/* What the readings as of other routes agree on, if they do, is the usage. */
static void end_readings(struct meter *meter, struct call *call, struct usage *usage)
{
	struct shape shape;
	struct usage read;

	if (!call->next)
		return;
	shape.found = shape.torn = false;
	for (struct call *reading = call->next, *next; reading; reading = next) {
		next = reading->next;
		call_finish(reading);
		fill(meter, reading, &read);
		if (!call->leg.answers)
			shape_add(&shape, &read, reading->route->extract->required);
		call_free(reading);
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
	call_finish(call);
	fill(meter, call, &usage);
	end_readings(meter, call, &usage);
	if (is_left(call, &usage)) {
		settle_usage(meter->settle, call->route->settles, &usage);
		tell(meter, call, &usage);
	}
	if (call->is_flying)
		meter->options.flight(meter->options.ctx,
				      &(struct meter_flight){ .call = (uintptr_t)call });
	relay_end(meter->relay, &call->leg);
	ex->connection->calls--;
	call_free(call);
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
