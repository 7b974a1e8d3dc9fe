/* Pumps events from the ledger into a sink. The cursor moves only on what the sink acknowledged, so
 * a broker that is away, or a kill at any point, costs duplicates at most, never an event. */
#include "agent/outbox.h"

#include "base/timestamp.h"
#include "ledger/journal.h"

#define PUMP_EVENTS 256 /* read at once */

int outbox_open(struct outbox *o, const struct sink_kind *kind, const struct sink_config *config,
		struct ledger *ledger, const char *host_name, struct err *err)
{
	int code;

	if (!kind->wanted(config))
		return 0;
	*o = (struct outbox){ .kind = kind,
			      .ledger = ledger,
			      .host_id = config->host_id,
			      .host_name = host_name,
			      .json = buf_with_max(1 << 20) };
	code = kind->stream == SINK_ALERTS ? journal_cursor(ledger, kind->name, &o->acked_seq)
					   : ledger_cursor(ledger, kind->name, &o->acked_seq);
	if (code < 0)
		return err_set(err, code, "%s: cannot read its place in the ledger", kind->name);
	o->submitted_seq = o->sent_seq = o->stored_seq = o->acked_seq;
	code = kind->open(config, &o->sink, err);
	return code < 0 ? code : 1;
}

void outbox_close(struct outbox *o)
{
	if (o->sink)
		o->kind->close(o->sink);
	buf_done(&o->json);
	*o = (struct outbox){ 0 };
}

/* A row that this program cannot say must not hold up those after it. */
static bool pass_over(struct outbox *o, int64_t seq)
{
	if (seq > o->unsaid_seq) {
		o->unsaid_seq = seq;
		counter_add(&o->unsaid, 1);
	}
	o->submitted_seq = seq;
	return true;
}

/* The JSON is in o->json. */
static bool submit(struct outbox *o, int64_t seq, const struct uuid *event_id, const char *type,
		   int64_t time_ns)
{
	char id[UUID_TEXT], time[TIMESTAMP_TEXT_MAX];
	struct sink_event event = { .seq = seq,
				    .id = span_of(uuid_format(event_id, id)),
				    .type = span_of(type),
				    .time = span_of(timestamp_format(time_ns, time)),
				    .json = buf_span(&o->json) };

	if (!o->kind->submit(o->sink, &event)) {
		o->full = true;
		return false;
	}
	o->submitted_seq = o->sent_seq = seq;
	return true;
}

static bool offer_call(void *ctx, int64_t seq, const struct verdict *v)
{
	struct outbox *o = ctx;

	if (!v)
		return pass_over(o, seq);
	buf_reset(&o->json);
	verdict_json(&o->json, v, o->host_id, o->host_name);
	return submit(o, seq, &v->charge.usage.event_id, "io.outlay.usage.v1",
		      v->charge.usage.time_end_ns);
}

static bool offer_alert(void *ctx, int64_t seq, const struct alert *alert)
{
	struct outbox *o = ctx;

	if (!alert)
		return pass_over(o, seq);
	buf_reset(&o->json);
	alert_json(&o->json, alert, o->host_id, o->host_name);
	return submit(o, seq, &alert->event_id, alert_type(alert->kind), alert->time_ns);
}

static int offer_more(struct outbox *o)
{
	struct ledger_query query = { .after_seq = o->submitted_seq,
				      .uid = UINT32_MAX,
				      .limit = PUMP_EVENTS };

	if (o->kind->stream == SINK_ALERTS)
		return journal_alerts(o->ledger, o->submitted_seq, PUMP_EVENTS, offer_alert, o);
	return ledger_events(o->ledger, &query, offer_call, o);
}

void outbox_pump(struct outbox *o)
{
	bool resubmit = false;
	int64_t before;

	o->kind->poll(o->sink, &o->acked_seq, &resubmit);
	if (resubmit)
		o->submitted_seq = o->sent_seq = o->acked_seq;
	o->full = false;
	do {
		before = o->submitted_seq;
		if (offer_more(o) < 0)
			return;
	} while (!o->full && o->submitted_seq > before);
	/* Nothing is on its way: what was passed over last is done, too. */
	if (o->acked_seq >= o->sent_seq && o->submitted_seq > o->acked_seq)
		o->acked_seq = o->submitted_seq;
}

bool outbox_moved(const struct outbox *o)
{
	return o->acked_seq > o->stored_seq;
}

int outbox_store(struct outbox *o)
{
	if (!outbox_moved(o))
		return 0;
	return o->kind->stream == SINK_ALERTS
		   ? journal_set_cursor(o->ledger, o->kind->name, o->acked_seq)
		   : ledger_set_cursor(o->ledger, o->kind->name, o->acked_seq);
}

void outbox_stored(struct outbox *o)
{
	o->stored_seq = o->acked_seq;
}
