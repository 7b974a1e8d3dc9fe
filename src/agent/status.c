/* One row a counter. Stages write them without locks; a reader may see one a moment behind
 * another. */
#include "agent/status.h"

#include "base/timestamp.h"
#include "gen/version.h"

struct counter_row {
	const char *name;
	const struct counter *counter;
};

#define N_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static void write_rows(struct emit *out, const char *stage, const struct counter_row *rows,
		       size_t n)
{
	emit_object(out, stage);
	for (size_t i = 0; i < n; i++)
		emit_int(out, rows[i].name, (int64_t)counter_read(rows[i].counter));
	emit_end_object(out);
}

static void write_kernel(struct emit *out, const struct attach *attach)
{
	static const char *const names[] = {
#define X(id, name) name,
		EVENT_COUNTERS(X)
#undef X
	};
	uint64_t values[EVENT_COUNTER_MAX];

	attach_read_counters(attach, values);
	emit_object(out, "kernel");
	for (int i = 0; i < EVENT_COUNTER_MAX; i++)
		emit_int(out, names[i], (int64_t)values[i]);
	emit_end_object(out);
}

static void write_attach(struct emit *out, const struct attach *attach)
{
	const struct attach_counters *c = attach_counters(attach);
	const struct libraries_counters *l = attach_libraries(attach);
	const struct counter_row rows[] = {
		{ "libraries", &l->watched },           { "libraries_failed", &l->failed },
		{ "libraries_full", &l->full },         { "libraries_released", &l->released },
		{ "files_examined", &l->examined },     { "files_forgotten", &l->forgotten },
		{ "mappings_seen", &c->mappings_seen }, { "mappings_gone", &c->mappings_gone },
		{ "mappings_lost", &c->mappings_lost },
	};

	emit_object(out, "probes");
	emit_text(out, "links", attach_links(attach));
	emit_text(out, "returns", attach_returns(attach));
	emit_end_object(out);
	write_rows(out, "attach", rows, N_ROWS(rows));
}

static void write_capture(struct emit *out, const struct capture_loop *loop)
{
	const struct capture_counters *c = capture_loop_capture(loop);
	const struct counter_row rows[] = {
		{ "records", &c->records },
		{ "bytes", &c->bytes },
		{ "lost_bytes", &c->lost_bytes },
		{ "cut_bytes", &c->cut_bytes },
		{ "bad_records", &c->bad_records },
		{ "connections", &c->connections },
		{ "unnamed", &c->unnamed },
		{ "evicted", &c->evicted },
		{ "live", &c->live },
		{ "processes", &c->processes },
		{ "charge_waits", &capture_loop_counters(loop)->waits },
		{ "flows_untold", &capture_loop_counters(loop)->flows_untold },
	};

	write_rows(out, "capture", rows, N_ROWS(rows));
}

static void write_http(struct emit *out, const struct http_counters *c)
{
	const struct counter_row rows[] = {
		{ "exchanges", &c->exchanges },
		{ "http2", &c->http2 },
		{ "resyncs", &c->resyncs },
		{ "bad_heads", &c->bad_heads },
		{ "opaque_other", &c->opaque_other },
		{ "bad_codings", &c->bad_codings },
		{ "coding_limits", &c->coding_limits },
		{ "decoders_refused", &c->decoders_refused },
		{ "decoder_bytes", &c->decoder_bytes },
		{ "websockets", &c->websockets },
		{ "bad_frames", &c->bad_frames },
		{ "http2_tunnels_unread", &c->tunnels },
		{ "hpack_lost", &c->hpack_lost },
		{ "floods", &c->floods },
	};

	write_rows(out, "http", rows, N_ROWS(rows));
}

static void write_meter(struct emit *out, const struct meter_counters *c,
			const struct relay_counters *relay)
{
	const struct counter_row rows[] = {
		{ "calls", &c->calls },
		{ "unknown_routes", &c->unknown_routes },
		{ "bodies_unparsed", &c->bodies_unparsed },
		{ "inconsistent", &c->inconsistent },
		{ "duplicates_of_proxies", &relay->relayed },
		{ "duplicates_unsure", &relay->unsure },
	};

	write_rows(out, "meter", rows, N_ROWS(rows));
}

static void write_ledger(struct emit *out, const struct ledger_loop_counters *c)
{
	const struct counter_row rows[] = {
		{ "events", &c->events },           { "transactions", &c->transactions },
		{ "failures", &c->failures },       { "dropped", &c->dropped },
		{ "former", &c->former },           { "unsaid", &c->unsaid },
		{ "unpublished", &c->unpublished },
	};

	write_rows(out, "ledger", rows, N_ROWS(rows));
}

void status_write(const struct status_sources *s, struct emit *out)
{
	char started[TIMESTAMP_TEXT_MAX];

	emit_text(out, "version", OUTLAY_VERSION);
	emit_text(out, "host_id", s->host_id);
	emit_text(out, "host_name", s->host_name);
	emit_text(out, "started", timestamp_format(s->started_ns, started));
	write_attach(out, s->attach);
	write_kernel(out, s->attach);
	write_capture(out, s->capture);
	write_http(out, capture_loop_http(s->capture));
	write_meter(out, capture_loop_meter(s->capture), capture_loop_relayed(s->capture));
	write_ledger(out, ledger_loop_counters(s->ledger));
	ledger_loop_describe(s->ledger, out);
	watcher_describe(s->watcher, capture_loop_capture(s->capture), out);
	flow_loop_describe(s->flow, out);
	canary_describe(s->canary, out);
}
