/* Wires capture -> http -> meter -> price. While bytes flow the ring is drained by a timer
 * and the kernel wakes nobody, but when the ring fills up or for a new connection, whose process
 * may be gone in a moment. When the ring has been empty for a tick, or what woke the loop was a
 * whole call after such a time, it sleeps until it is woken: calls that are few cost one look each,
 * and are known at once. */
#include "agent/capture_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "flow/flow.h"
#include "http/recording.h"

#define BATCH       1024 /* records between two looks at the other events */
#define TICK_NS     (8 * NS_PER_MS)
#define SWEEP_EVERY 5 /* seconds */

/* A budget is to know of a call within 10 ms; where there is none nobody waits for its end. In
 * whole ticks of a kernel with 250 a second: libevent's clock is no finer, and a time between two
 * of them wakes us up to four times. */
static const struct timeval tick = { .tv_usec = 48000 },
			    tick_for_budgets = { .tv_usec = TICK_NS / 1000 },
			    tick_for_rest = { .tv_usec = TICK_NS / 2000 };
static const struct timeval at_once = { 0 };
static const struct timeval sweep_every = { .tv_sec = SWEEP_EVERY };

struct capture_loop {
	struct loop loop;
	struct capture_loop_options options;
	struct capture_loop_counters counters;
	struct http_counters http_counters;
	struct capture *capture;
	struct recording *recording; /* NULL without --record */
	bool recording_told;         /* that it has ended */
	struct meter *meter;
	struct catalog *catalog;
	struct event *ring_readable, *drain, *sweep;
	struct intake reloads;
	unsigned n_busy;    /* connections with a call in flight, while there are budgets */
	int64_t woken_ns;   /* by the kernel, last */
	bool is_first_look; /* since then, and it slept for a tick before */
};

/* --- stage to stage */

/* The flow ledger is told, never waited for: what it misses it calls unmetered, and we count. */
static void tell_flows(struct capture_loop *l, const struct connection *conn, enum flow_news news)
{
	const struct conn_key *key = &conn->key;
	struct flow_capture capture = {
		.tls = { key->ssl, key->start_ns, key->generation_ns, key->tgid }, .news = news
	};

	span_copy(connection_server(conn), capture.server, sizeof(capture.server));
	if (!queue_put(l->options.flows, &capture))
		counter_add(&l->counters.flows_untold, 1);
}

static void on_opened(void *ctx, struct connection *conn)
{
	struct capture_loop *l = ctx;
	struct http_counters *counters = &l->http_counters;
	struct http *http;
	int code;

	/* Calls of our own are nobody's spend. */
	if (canary_owns(conn) || conn->process->pid == (uint32_t)getpid())
		return;
	code = l->recording ? http_new(conn, &recording_handler, l->recording, counters, &http)
			    : http_new(conn, &meter_handler, l->meter, counters, &http);
	if (code == 0)
		conn->http = http;
}

static void on_chunk(void *ctx, struct connection *conn, const struct chunk *chunk)
{
	struct capture_loop *l = ctx;

	if (canary_owns(conn)) {
		canary_take(l->options.canary, chunk);
		return;
	}
	if (!conn->has_data) {
		conn->has_data = true;
		tell_flows(ctx, conn, FLOW_CAPTURED);
	}
	if (conn->http)
		http_feed(conn->http, chunk);
	if (l->options.has_budgets && conn->is_busy != (conn->calls > 0)) {
		conn->is_busy = conn->calls > 0;
		l->n_busy += conn->is_busy ? 1 : -1u;
		tell_flows(l, conn, conn->is_busy ? FLOW_BUSY : FLOW_IDLE);
	}
}

static void on_closed(void *ctx, struct connection *conn, int64_t time_utc_ns,
		      const uint64_t lost[2])
{
	struct capture_loop *l = ctx;

	l->n_busy -= conn->is_busy;
	if (!conn->has_data && lost[0] + lost[1] && !canary_owns(conn))
		tell_flows(ctx, conn, FLOW_CAPTURE_LOST);
	if (!conn->http)
		return;
	http_close(conn->http, time_utc_ns, lost);
	if (conn->has_data && !conn->has_calls)
		tell_flows(ctx, conn, FLOW_UNREAD);
	http_free(conn->http);
	conn->http = NULL;
}

static const struct chunk_handler chunk_handler = { on_opened, on_chunk, on_closed };

/* Once a drain: each of them would take the CPU from it for a single item. */
static void wake_others(struct capture_loop *l)
{
	queue_wake(l->options.flows);
	queue_wake(l->options.flights);
	queue_wake(l->options.charges);
}

/* Waiting here is the backpressure: the ring fills, and the kernel counts what it loses. */
static void push(struct capture_loop *l, struct queue *queue, const void *item)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };

	while (!queue_put(queue, item)) {
		wake_others(l);
		counter_add(&l->counters.waits, 1);
		nanosleep(&pause, NULL);
	}
}

static void on_usage(void *ctx, const struct usage *usage)
{
	struct capture_loop *l = ctx;
	struct charge charge;

	catalog_price(l->catalog, usage, &charge);
	push(l, l->options.charges, &charge);
}

static void on_flight(void *ctx, const struct meter_flight *flight)
{
	struct capture_loop *l = ctx;
	struct budget_flight notice = { .call = flight->call, .ended = !flight->asked };
	const struct usage *asked = flight->asked;

	if (!l->options.has_budgets)
		return;
	if (asked) {
		notice.bounded = flight->most_output >= 0 || asked->free;
		notice.sent_ns = asked->time_start_ns;
		notice.process = asked->process;
		memcpy(notice.provider, asked->provider, sizeof(notice.provider));
		memcpy(notice.operation, asked->operation, sizeof(notice.operation));
		memcpy(notice.model, asked->model_requested, sizeof(notice.model));
		notice.most.input_tokens = (int64_t)asked->request_bytes;
		notice.most.output_tokens = flight->most_output;
		notice.most.priced =
		    ceiling_find(l->catalog, asked, flight->most_output, &notice.most.cost_pico);
	}
	push(l, l->options.flights, &notice);
}

/* --- the ring */

static void on_drain(evutil_socket_t fd, short what, void *ctx)
{
	struct capture_loop *l = ctx;
	unsigned n = capture_drain(l->capture, BATCH);
	bool held = meter_settle(l->meter, clock_system.now_ns(&clock_system));
	bool is_over = n == 0 || (l->is_first_look && !l->n_busy);
	const struct timeval *next = !l->options.has_budgets ? &tick
				     : l->is_first_look      ? &tick_for_rest
							     : &tick_for_budgets;

	(void)fd;
	(void)what;
	wake_others(l);
	l->is_first_look = false;
	if (n == BATCH) {
		event_add(l->drain, &at_once);
		return;
	}
	if (is_over && !held && capture_sleep(l->capture)) {
		event_del(l->drain);
		return;
	}
	capture_nap(l->capture);
	event_add(l->drain, next);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct capture_loop *l = ctx;
	int64_t now_ns = clock_system.monotonic_ns(&clock_system);

	l->is_first_look = l->options.has_budgets && now_ns - l->woken_ns >= TICK_NS;
	l->woken_ns = now_ns;
	on_drain(fd, what, l);
}

static void on_sweep(evutil_socket_t fd, short what, void *ctx)
{
	struct capture_loop *l = ctx;

	(void)fd;
	(void)what;
	capture_sweep(l->capture);
	wake_others(l);
	if (l->recording && !recording_flush(l->recording) && !l->recording_told) {
		l->recording_told = true;
		fprintf(stderr,
			"outlayd: the recording has ended: no room, or a fault of the disk\n");
	}
}

static void take_reloads(void *ctx)
{
	struct capture_loop *l = ctx;
	struct capture_reload reload;

	while (queue_pop(l->options.reloads, &reload)) {
		meter_set_providers(l->meter, reload.providers);
		providers_unref(reload.providers);
		catalog_unref(l->catalog);
		l->catalog = reload.catalog;
		l->options.has_budgets = reload.has_budgets;
	}
}

static void on_stopped(void *ctx)
{
	struct capture_loop *l = ctx;

	while (capture_drain(l->capture, BATCH))
		;
	capture_free(TAKE_PTR(l->capture));
	(void)meter_settle(l->meter, INT64_MAX);
	wake_others(l);
}

/* --- life */

CLEANUP_FOR(capture_loop, struct capture_loop *, capture_loop_free)

static int make_stages(struct capture_loop *l)
{
	struct meter_options meter = { .providers = l->options.providers,
				       .remembers = true,
				       .secret = l->options.secret,
				       .usage = on_usage,
				       .flight = on_flight,
				       .ctx = l };
	struct capture_options capture = { .ring_fd = l->options.ring_fd,
					   .wait_bytes = l->options.wait_bytes,
					   .clock = &clock_system,
					   .proc = "/proc",
					   .next = &chunk_handler,
					   .ctx = l };
	int code = meter_new(&meter, &l->meter);

	l->catalog = catalog_ref(l->options.catalog);
	return code < 0 ? code : capture_new(&capture, &l->capture);
}

static int begin_recording(struct capture_loop *l, struct err *err)
{
	int code = recording_new(l->options.record, &meter_handler, l->meter, &l->recording, err);

	if (code == 0)
		fprintf(stderr,
			"outlayd: recording to %s: sizes, times, programs, server names, paths, "
			"models and figures; texts, other headers and credentials are "
			"overwritten\n",
			l->options.record);
	return code;
}

static int add_events(struct capture_loop *l)
{
	/* By the edge: readable it is all the time while bytes flow. */
	l->ring_readable = event_new(l->loop.base, capture_fd(l->capture),
				     EV_READ | EV_PERSIST | EV_ET, on_readable, l);
	l->drain = event_new(l->loop.base, -1, 0, on_drain, l);
	l->sweep = event_new(l->loop.base, -1, EV_PERSIST, on_sweep, l);
	if (!l->ring_readable || !l->drain || !l->sweep)
		return -ENOMEM;
	event_add(l->ring_readable, NULL);
	event_add(l->drain, &at_once);
	event_add(l->sweep, &sweep_every);
	return intake_init(&l->reloads, &l->loop, l->options.reloads, take_reloads, l);
}

int capture_loop_new(const struct capture_loop_options *options, struct capture_loop **ret_loop,
		     struct err *err)
{
	CLEANUP(cleanup_capture_loop) struct capture_loop *l = calloc(1, sizeof(*l));
	int code;

	if (!l)
		return err_set(err, -ENOMEM, "out of memory");
	l->options = *options;
	code = loop_init(&l->loop, "capture", err);
	if (code == 0)
		code = make_stages(l);
	if (code == 0 && options->record)
		code = begin_recording(l, err);
	if (code == 0)
		code = add_events(l);
	if (code < 0)
		return err_set(err, code, "cannot set up capture: %s", strerror(-code));
	*ret_loop = TAKE_PTR(l);
	return 0;
}

int capture_loop_start(struct capture_loop *l, struct err *err)
{
	return loop_start(&l->loop, on_stopped, l, err);
}

void capture_loop_stop(struct capture_loop *l)
{
	loop_stop(&l->loop);
}

void capture_loop_free(struct capture_loop *l)
{
	if (!l)
		return;
	capture_free(l->capture);
	recording_free(l->recording);
	meter_free(l->meter);
	catalog_unref(l->catalog);
	intake_done(&l->reloads);
	loop_free_event(l->ring_readable);
	loop_free_event(l->drain);
	loop_free_event(l->sweep);
	loop_done(&l->loop);
	free(l);
}

const struct capture_counters *capture_loop_capture(const struct capture_loop *l)
{
	return capture_counters(l->capture);
}

const struct http_counters *capture_loop_http(const struct capture_loop *l)
{
	return &l->http_counters;
}

const struct meter_counters *capture_loop_meter(const struct capture_loop *l)
{
	return meter_counters(l->meter);
}

const struct relay_counters *capture_loop_relayed(const struct capture_loop *l)
{
	return meter_relayed(l->meter);
}

const struct capture_loop_counters *capture_loop_counters(const struct capture_loop *l)
{
	return &l->counters;
}
