/* Wires hooks -> flows, with what the capture loop has to say of them. The ring is looked at four
 * times a second; the kernel wakes the loop for a process that may be gone before. */
#include "agent/flow_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/latest.h"
#include "base/timestamp.h"
#include "flow/cutter.h"
#include "flow/hooks.h"

#define TOP           20 /* rows of the unmetered that status shows */
#define PUBLISH_TICKS 4
#define OLDER_TICKS   240 /* a minute */
#define SWEEP_TICKS   20
#define BPF_FS        "/sys/fs/bpf"
#define PINS          BPF_FS "/outlay"
#define PATIENCE_NS   (3 * NS_PER_SEC) /* without a tick, until the kernel holds us for dead */

static const struct timeval tick = { .tv_usec = 250000 };

struct top {
	unsigned n;
	struct flow_unmetered rows[TOP];
};

struct flow_loop {
	struct loop loop;
	struct flow_loop_options options;
	struct hooks *hooks; /* NULL: refused */
	struct err refusal;
	struct flows *flows;
	struct latest *top; /* struct top */
	struct enforce *enforce;
	struct cutter *cutter;
	struct event *readable, *ticker;
	struct intake captures, orders;
	unsigned ticks;
};

static void on_record(void *ctx, const void *record, size_t bytes)
{
	struct flow_loop *l = ctx;

	flows_record(l->flows, record, bytes);
	enforce_record(l->enforce, record, bytes);
}

/* --- what budgets stop */

static int write_block(void *ctx, const struct flow_block *key, const uint32_t *mode)
{
	struct flow_loop *l = ctx;

	return l->hooks ? hooks_write_block(l->hooks, key, mode) : 0;
}

static int tell_call(void *ctx, uint64_t cookie, enum flow_call call)
{
	struct flow_loop *l = ctx;

	return l->hooks ? hooks_tell_call(l->hooks, cookie, call) : 0;
}

static void publish_blocks(void *ctx)
{
	struct flow_loop *l = ctx;

	if (l->hooks)
		hooks_publish_blocks(l->hooks);
}

static int destroy_socket(void *ctx, const struct flow_refused *socket)
{
	struct flow_loop *l = ctx;

	return cutter_destroy(l->cutter, socket);
}

static int sweep(void *ctx, uint32_t tgid, unsigned round)
{
	struct flow_loop *l = ctx;

	return cutter_sweep(l->cutter, tgid, round);
}

static bool ask(void *ctx, const struct process *process)
{
	struct flow_loop *l = ctx;

	return queue_push(l->options.questions, process);
}

/* --- the ring */

static void drain(struct flow_loop *l)
{
	if (l->hooks)
		hooks_drain(l->hooks);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	drain(ctx);
}

/* What was captured was said hello to before: its record is in the ring by now. */
static void take_captures(void *ctx)
{
	struct flow_loop *l = ctx;
	struct flow_capture capture;
	size_t n = queue_depth(l->options.captures);

	if (n)
		drain(l);
	while (n-- && queue_pop(l->options.captures, &capture)) {
		flows_captured(l->flows, &capture);
		enforce_captured(l->enforce, &capture);
	}
}

/* While nothing is stopped, who is between two calls need not be known at once. */
static void take_orders(void *ctx)
{
	struct flow_loop *l = ctx;
	struct flow_order order;

	take_captures(l);
	while (queue_pop(l->options.orders, &order))
		order_give(&order, l->enforce);
	intake_set_lazy(&l->captures, !enforce_stops_any(l->enforce));
}

static void look_at_older(struct flow_loop *l)
{
	if (!l->hooks)
		return;
	flows_older_begin(l->flows);
	(void)hooks_older(l->hooks);
	flows_older_end(l->flows);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct flow_loop *l = ctx;
	struct top *draft;

	(void)fd;
	(void)what;
	if (l->hooks)
		hooks_beat(l->hooks, PATIENCE_NS, l->options.fail_closed);
	drain(l);
	take_captures(l);
	flows_tick(l->flows);
	if (l->ticks % SWEEP_TICKS == 0)
		enforce_sweep(l->enforce);
	if (++l->ticks % OLDER_TICKS == 0 && flows_older(l->flows))
		look_at_older(l);
	if (l->ticks % PUBLISH_TICKS)
		return;
	draft = latest_draft(l->top);
	draft->n = flows_unmetered(l->flows, draft->rows, TOP);
	latest_publish(l->top);
}

/* --- life */

/* The option promises what only a file system can keep. */
static void warn_unless_kept(const struct flow_loop *l)
{
	int code = l->hooks && l->options.fail_closed ? hooks_kept(l->hooks) : 0;

	if (code < 0)
		fprintf(stderr,
			"outlayd: warning: fail_closed holds only while outlayd lives: cannot keep "
			"hooks in %s: %s; mount -t bpf bpf %s\n",
			PINS, strerror(-code), BPF_FS);
}

CLEANUP_FOR(flow_loop, struct flow_loop *, flow_loop_free)

static int make_parts(struct flow_loop *l)
{
	struct hooks_options hooks = { .hosts_fd = l->options.shared.hosts_fd,
				       .wildcards_fd = l->options.shared.wildcards_fd,
				       .connections_fd = l->options.shared.connections_fd,
				       .handshakes_fd = l->options.shared.handshakes_fd,
				       .refuse_connect = l->options.refuse_connect,
				       .pins = PINS,
				       .keeps = l->options.fail_closed,
				       .record = on_record,
				       .ctx = l };
	struct enforce_ports ports = {
		l, write_block, tell_call, publish_blocks, destroy_socket, sweep, ask
	};
	int code = flows_new(&clock_system, "/proc", &l->flows);

	if (code == 0)
		code = enforce_new(&ports, "/proc", &l->enforce);
	if (code == 0)
		code = latest_new(sizeof(struct top), &l->top);
	if (code == 0 && hooks_new(&hooks, &l->hooks, &l->refusal) < 0)
		fprintf(stderr, "outlayd: what is not metered is not seen: %s\n", l->refusal.text);
	warn_unless_kept(l);
	l->cutter = cutter_new("/proc", l->hooks ? hooks_sweeper(l->hooks) : -1);
	if (!l->cutter)
		return -ENOMEM;
	if (code == 0)
		look_at_older(l);
	if (code == 0 && l->hooks)
		hooks_beat(l->hooks, PATIENCE_NS, l->options.fail_closed);
	return code;
}

static int add_events(struct flow_loop *l)
{
	if (l->hooks) {
		l->readable = event_new(l->loop.base, hooks_fd(l->hooks), EV_READ | EV_PERSIST,
					on_readable, l);
		if (!l->readable || event_add(l->readable, NULL) < 0)
			return -ENOMEM;
	}
	l->ticker = event_new(l->loop.base, -1, EV_PERSIST, on_tick, l);
	if (!l->ticker || event_add(l->ticker, &tick) < 0)
		return -ENOMEM;
	if (intake_init(&l->captures, &l->loop, l->options.captures, take_captures, l) < 0)
		return -ENOMEM;
	intake_set_lazy(&l->captures, true);
	return intake_init(&l->orders, &l->loop, l->options.orders, take_orders, l);
}

int flow_loop_new(const struct flow_loop_options *options, struct flow_loop **ret_loop,
		  struct err *err)
{
	CLEANUP(cleanup_flow_loop) struct flow_loop *l = calloc(1, sizeof(*l));
	int code;

	if (!l)
		return err_set(err, -ENOMEM, "out of memory");
	l->options = *options;
	code = loop_init(&l->loop, "flow", err);
	if (code == 0)
		code = make_parts(l);
	if (code == 0)
		code = add_events(l);
	if (code < 0)
		return err_set(err, code, "cannot set up the flow loop: %s", strerror(-code));
	*ret_loop = TAKE_PTR(l);
	return 0;
}

int flow_loop_start(struct flow_loop *l, struct err *err)
{
	return loop_start(&l->loop, NULL, NULL, err);
}

void flow_loop_stop(struct flow_loop *l)
{
	loop_stop(&l->loop);
}

void flow_loop_free(struct flow_loop *l)
{
	if (!l)
		return;
	intake_done(&l->captures);
	intake_done(&l->orders);
	loop_free_event(l->readable);
	loop_free_event(l->ticker);
	enforce_free(l->enforce);
	cutter_free(l->cutter);
	hooks_free(l->hooks);
	flows_free(l->flows);
	latest_free(l->top);
	loop_done(&l->loop);
	free(l);
}

/* --- what it has to say */

static void describe_hooks(const struct hooks *hooks, struct emit *out)
{
	static const char *const names[] = {
#define X(id, name) name,
		FLOW_COUNTERS(X)
#undef X
	};
	uint64_t values[FLOW_COUNTER_MAX];
	unsigned n;
	const struct hooks_feature *features = hooks_features(hooks, &n);

	emit_object(out, "features");
	for (unsigned i = 0; i < n; i++)
		emit_text(out, features[i].name,
			  features[i].code ? strerror(-features[i].code) : "on");
	emit_end_object(out);
	hooks_read_counters(hooks, values);
	for (unsigned i = 0; i < FLOW_COUNTER_MAX; i++)
		emit_int(out, names[i], (int64_t)values[i]);
}

static void describe_flows(const struct flow_counters *c, struct emit *out)
{
	const struct {
		const char *name;
		const struct counter *counter;
	} rows[] = {
		{ "metered", &c->verdicts[FLOW_METERED] },
		{ "inferred", &c->verdicts[FLOW_INFERRED] },
		{ "unused", &c->verdicts[FLOW_UNUSED] },
		{ "relayed", &c->verdicts[FLOW_RELAYED] },
		{ "unmetered", &c->verdicts[FLOW_UNMETERED] },
		{ "records", &c->records },
		{ "bad_records", &c->bad_records },
		{ "captures", &c->captures },
		{ "captures_unmatched", &c->captures_unmatched },
		{ "evicted", &c->evicted },
		{ "orphans", &c->orphans },
		{ "older_dropped", &c->older_dropped },
		{ "rows_dropped", &c->rows_dropped },
	};

	emit_int(out, "live", (int64_t)atomic_load_explicit(&c->live, memory_order_relaxed));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		emit_int(out, rows[i].name, (int64_t)counter_read(rows[i].counter));
}

static void describe_enforce(const struct enforce_counters *c, struct emit *out)
{
	emit_int(out, "cut", (int64_t)counter_read(&c->cut));
	emit_int(out, "cut_failed", (int64_t)counter_read(&c->cut_failed));
	emit_int(out, "asked", (int64_t)counter_read(&c->asked));
	emit_int(out, "orders_refused", (int64_t)counter_read(&c->orders_refused));
	emit_int(out, "uncut", (int64_t)counter_read(&c->evicted));
}

unsigned flow_loop_unmetered(struct flow_loop *l, const struct flow_unmetered **ret_rows)
{
	const struct top *top = latest_read(l->top);

	*ret_rows = top->rows;
	return top->n;
}

void flow_loop_describe_row(const struct flow_unmetered *row, struct emit *out)
{
	char time[TIMESTAMP_TEXT_MAX];

	emit_object(out, NULL);
	emit_text(out, "exe", row->exe);
	emit_text(out, "host", row->host);
	emit_text(out, "reason", flow_reason_name(row->reason));
	emit_text(out, "user", row->user);
	emit_int(out, "pid", row->pid);
	emit_int(out, "connections", (int64_t)row->connections);
	emit_int(out, "open", (int64_t)row->open);
	emit_int(out, "sent_bytes", (int64_t)row->sent);
	emit_int(out, "received_bytes", (int64_t)row->received);
	emit_text(out, "last_seen", timestamp_format(row->last_seen_ns, time));
	emit_end_object(out);
}

void flow_loop_describe(struct flow_loop *l, struct emit *out)
{
	const struct flow_unmetered *rows;
	unsigned n = flow_loop_unmetered(l, &rows);

	emit_object(out, "flows");
	if (l->hooks)
		describe_hooks(l->hooks, out);
	else
		emit_text(out, "refused", l->refusal.text);
	describe_flows(flows_counters(l->flows), out);
	describe_enforce(enforce_counters(l->enforce), out);
	emit_end_object(out);
	emit_array(out, "unmetered");
	for (unsigned i = 0; i < n; i++)
		flow_loop_describe_row(&rows[i], out);
	emit_end_array(out);
}
