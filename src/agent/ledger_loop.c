/* Group commit: what is in the queue when the loop takes it is one transaction. It costs about the
 * same for one event as for ten, so the first waits a little for others. A batch that the disk
 * refuses is kept and tried again; meanwhile the queue fills, and the stages to the left wait. */
#include "agent/ledger_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/outbox.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/pages.h"
#include "ledger/retain.h"

#define BATCH_TASKS     256
#define PAGE_BYTES      65536
#define SINKS_MAX       16
#define WINDOWS_SECONDS 600 /* between two looks at the windows of budgets */

static const struct timeval pump_every = { .tv_sec = 1 };

struct ledger_loop {
	struct loop loop;
	struct ledger_loop_options options;
	struct ledger_loop_counters counters;
	struct intake tasks, queries;
	struct ledger_task *batch; /* BATCH_TASKS; `held` of them are not stored yet */
	unsigned held;
	struct outbox outboxes[SINKS_MAX];
	struct event *sink_readable[SINKS_MAX];
	unsigned n_outboxes;
	struct event *pump;
	unsigned n_pumps;
	int64_t last_seq;
};

/* --- storing */

/* All that is held and the cursors that moved, or nothing. */
static int store_batch(struct ledger_loop *l)
{
	uint64_t events = 0;
	int code = ledger_begin(l->options.ledger);

	for (unsigned i = 0; code == 0 && i < l->held; i++) {
		code = ledger_task_store(l->options.ledger, &l->batch[i], &l->last_seq);
		events += l->batch[i].kind == TASK_VERDICT;
	}
	for (unsigned i = 0; code == 0 && i < l->n_outboxes; i++)
		code = outbox_store(&l->outboxes[i]);
	if (code == 0)
		code = ledger_commit(l->options.ledger);
	if (code < 0) {
		ledger_rollback(l->options.ledger);
		counter_add(&l->counters.failures, 1);
		return code;
	}
	for (unsigned i = 0; i < l->n_outboxes; i++)
		outbox_stored(&l->outboxes[i]);
	l->held = 0;
	counter_add(&l->counters.events, events);
	counter_add(&l->counters.transactions, 1);
	return 0;
}

/* --- asking */

struct page_writer {
	struct ledger_loop *loop;
	struct buf lines;
	int64_t last_seq, n;
};

static bool end_line(struct page_writer *w, int64_t seq, bool said)
{
	if (said)
		buf_put(&w->lines, SPAN("\n"));
	else
		counter_add(&w->loop->counters.unsaid, 1);
	w->last_seq = seq;
	w->n++;
	return w->lines.len < PAGE_BYTES;
}

static bool write_call(void *ctx, int64_t seq, const struct verdict *v)
{
	struct page_writer *w = ctx;

	if (v)
		verdict_json(&w->lines, v, w->loop->options.host_id, w->loop->options.host_name);
	return end_line(w, seq, v);
}

static bool write_alert(void *ctx, int64_t seq, const struct alert *alert)
{
	struct page_writer *w = ctx;

	if (alert)
		alert_json(&w->lines, alert, w->loop->options.host_id, w->loop->options.host_name);
	return end_line(w, seq, alert);
}

static void answer(struct ledger_loop *l, const struct ledger_ask *ask)
{
	struct page_writer writer = { .loop = l, .lines = buf_with_max(PAGE_BYTES * 4) };
	struct ledger_page page = { .ticket = ask->ticket };
	int code = ask->alerts
		       ? journal_alerts(l->options.ledger, &ask->query, write_alert, &writer)
		       : ledger_events(l->options.ledger, &ask->query, write_call, &writer);

	page.failed = code < 0 || writer.lines.failed;
	page.last = page.failed || writer.lines.len < PAGE_BYTES || writer.n >= ask->query.limit;
	page.last_seq = writer.last_seq;
	page.bytes = page.failed ? 0 : writer.lines.len;
	page.lines = TAKE_PTR(writer.lines.data);
	if (!queue_push(l->options.pages, &page))
		free(page.lines);
}

/* --- the loop */

static void pump_sinks(struct ledger_loop *l)
{
	int64_t slowest = l->last_seq;

	for (unsigned i = 0; i < l->n_outboxes; i++) {
		struct outbox *o = &l->outboxes[i];

		outbox_pump(o);
		if (o->kind->stream == SINK_CALLS && o->acked_seq < slowest)
			slowest = o->acked_seq;
	}
	atomic_store_explicit(&l->counters.unpublished.value, (uint64_t)(l->last_seq - slowest),
			      memory_order_relaxed);
}

static void take_tasks(void *ctx)
{
	struct ledger_loop *l = ctx;

	do {
		while (l->held < BATCH_TASKS && queue_pop(l->options.tasks, &l->batch[l->held]))
			l->held++;
		if (l->held && store_batch(l) < 0)
			return;
	} while (queue_depth(l->options.tasks));
	pump_sinks(l);
}

static void take_queries(void *ctx)
{
	struct ledger_loop *l = ctx;
	struct ledger_ask ask;

	while (queue_pop(l->options.queries, &ask)) {
		take_tasks(l);
		answer(l, &ask);
	}
}

static void on_sink(evutil_socket_t fd, short what, void *ctx)
{
	struct ledger_loop *l = ctx;
	bool moved = false;

	(void)fd;
	(void)what;
	pump_sinks(l);
	for (unsigned i = 0; i < l->n_outboxes; i++)
		moved |= outbox_moved(&l->outboxes[i]);
	/* Also what the disk refused before. */
	if (moved || l->held)
		(void)store_batch(l);
}

static bool in_flight(const struct ledger_loop *l)
{
	for (unsigned i = 0; i < l->n_outboxes; i++)
		if (l->outboxes[i].acked_seq < l->outboxes[i].submitted_seq)
			return true;
	return false;
}

/* Up to where every sink of a stream has it, and the ledger knows. */
static int64_t stored_by_all(const struct ledger_loop *l, enum sink_stream stream, int64_t newest)
{
	for (unsigned i = 0; i < l->n_outboxes; i++)
		if (l->outboxes[i].kind->stream == stream && l->outboxes[i].stored_seq < newest)
			newest = l->outboxes[i].stored_seq;
	return newest;
}

/* What is old and safely with every sink leaves, a slice a second; small tables once in a while. */
static void drop_old(struct ledger_loop *l)
{
	struct ledger *ledger = l->options.ledger;
	int64_t now_ns = clock_system.now_ns(&clock_system);
	int64_t before_ns = now_ns - l->options.keep_ns, dropped = 0;

	if (retain_drop(ledger, before_ns, stored_by_all(l, SINK_CALLS, l->last_seq), &dropped) < 0)
		counter_add(&l->counters.failures, 1);
	counter_add(&l->counters.dropped, (uint64_t)dropped);
	if (l->n_pumps++ % WINDOWS_SECONDS != 0)
		return;
	if (retain_windows(ledger) < 0 || journal_drop_usual(ledger, now_ns) < 0 ||
	    journal_drop_alerts(ledger, before_ns, stored_by_all(l, SINK_ALERTS, INT64_MAX)) < 0)
		counter_add(&l->counters.failures, 1);
}

static void on_pump(evutil_socket_t fd, short what, void *ctx)
{
	on_sink(fd, what, ctx);
	drop_old(ctx);
}

static void on_stopped(void *ctx)
{
	struct ledger_loop *l = ctx;

	take_tasks(l);
	/* What is on its way is given a second, so that a restart sends little twice. */
	for (int i = 0; i < 100 && in_flight(l); i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
		pump_sinks(l);
	}
	(void)store_batch(l);
}

/* --- life */

static int open_sink(struct ledger_loop *l, const struct sink_kind *kind, unsigned index,
		     struct err *err)
{
	struct outbox *o = &l->outboxes[l->n_outboxes];
	int code = outbox_open(o, kind, index, &l->options.sinks, l->options.ledger,
			       l->options.host_name, err);

	if (code < 0)
		return code;
	l->sink_readable[l->n_outboxes] =
	    event_new(l->loop.base, kind->fd(o->sink), EV_READ | EV_PERSIST, on_sink, l);
	if (!l->sink_readable[l->n_outboxes])
		return -ENOMEM;
	event_add(l->sink_readable[l->n_outboxes++], NULL);
	return 0;
}

static int open_sinks(struct ledger_loop *l, struct err *err)
{
	int code = 0;

	for (unsigned k = 0; sink_kinds[k]; k++)
		for (unsigned i = 0; code == 0 && i < sink_kinds[k]->wanted(&l->options.sinks) &&
				     l->n_outboxes < SINKS_MAX;
		     i++)
			code = open_sink(l, sink_kinds[k], i, err);
	return code;
}

CLEANUP_FOR(ledger_loop, struct ledger_loop *, ledger_loop_free)

int ledger_loop_new(const struct ledger_loop_options *options, struct ledger_loop **ret_loop,
		    struct err *err)
{
	CLEANUP(cleanup_ledger_loop) struct ledger_loop *l = calloc(1, sizeof(*l));
	struct ledger_totals totals;
	int code;

	if (!l)
		return err_set(err, -ENOMEM, "out of memory");
	l->options = *options;
	l->batch = pages_new(BATCH_TASKS * sizeof(*l->batch));
	code = l->batch ? loop_init(&l->loop, "ledger", err) : -ENOMEM;
	if (code == 0)
		code = ledger_totals(options->ledger, &totals);
	if (code < 0)
		return err_set(err, code, "cannot set up the ledger loop: %s", strerror(-code));
	l->last_seq = totals.last_seq;
	counter_add(&l->counters.former, (uint64_t)totals.former);
	code = open_sinks(l, err);
	l->pump = event_new(l->loop.base, -1, EV_PERSIST, on_pump, l);
	if (code == 0)
		code = l->pump ? intake_init(&l->tasks, &l->loop, options->tasks, take_tasks, l)
			       : -ENOMEM;
	if (code == 0)
		code = intake_init(&l->queries, &l->loop, options->queries, take_queries, l);
	if (code < 0)
		return err_set(err, code, "cannot set up the sinks: %s", strerror(-code));
	ledger_rest(options->ledger);
	l->tasks.hold = (struct timeval){ .tv_usec = LEDGER_HOLD_MS * 1000 };
	event_add(l->pump, &pump_every);
	*ret_loop = TAKE_PTR(l);
	return 0;
}

int ledger_loop_start(struct ledger_loop *l, struct err *err)
{
	return loop_start(&l->loop, on_stopped, l, err);
}

void ledger_loop_stop(struct ledger_loop *l)
{
	loop_stop(&l->loop);
}

void ledger_loop_free(struct ledger_loop *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->n_outboxes; i++) {
		event_free(l->sink_readable[i]);
		outbox_close(&l->outboxes[i]);
	}
	loop_free_event(l->pump);
	intake_done(&l->tasks);
	intake_done(&l->queries);
	ledger_close(l->options.ledger);
	loop_done(&l->loop);
	pages_free(l->batch, BATCH_TASKS * sizeof(*l->batch));
	free(l);
}

const struct ledger_loop_counters *ledger_loop_counters(const struct ledger_loop *l)
{
	return &l->counters;
}

void ledger_loop_describe(const struct ledger_loop *l, struct emit *out)
{
	char state[256];

	emit_array(out, "sinks");
	for (unsigned i = 0; i < l->n_outboxes; i++) {
		const struct outbox *o = &l->outboxes[i];
		const struct sink_counters *c = o->kind->counters(o->sink);

		emit_object(out, NULL);
		emit_text(out, "name", o->name);
		o->kind->describe(o->sink, state, sizeof(state));
		emit_text(out, "state", state);
		emit_int(out, "submitted", (int64_t)counter_read(&c->submitted));
		emit_int(out, "acknowledged", (int64_t)counter_read(&c->acknowledged));
		emit_int(out, "failed", (int64_t)counter_read(&c->failed));
		emit_int(out, "refused", (int64_t)counter_read(&c->refused));
		emit_int(out, "unsaid", (int64_t)counter_read(&o->unsaid));
		emit_end_object(out);
	}
	emit_end_array(out);
}
