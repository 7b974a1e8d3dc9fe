/* Pumps events from the ledger into a sink. The cursor moves only on what the sink acknowledged, so
 * a broker that is away, or a kill at any point, costs duplicates at most, never an event. */
#include "agent/outbox.h"

#include "base/timestamp.h"

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
	code = ledger_cursor(ledger, kind->name, &o->acked_seq);
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

static bool offer(void *ctx, int64_t seq, const struct verdict *v)
{
	struct outbox *o = ctx;
	char id[UUID_TEXT], time[TIMESTAMP_TEXT_MAX];
	struct sink_event event;

	if (!v)
		return pass_over(o, seq);
	buf_reset(&o->json);
	verdict_json(&o->json, v, o->host_id, o->host_name);
	uuid_format(&v->charge.usage.event_id, id);
	timestamp_format(v->charge.usage.time_end_ns, time);
	event = (struct sink_event){ .seq = seq,
				     .id = span_of(id),
				     .type = SPAN("io.outlay.usage.v1"),
				     .time = span_of(time),
				     .json = buf_span(&o->json) };
	if (!o->kind->submit(o->sink, &event)) {
		o->full = true;
		return false;
	}
	o->submitted_seq = o->sent_seq = seq;
	return true;
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
		struct ledger_query query = { .after_seq = o->submitted_seq,
					      .uid = UINT32_MAX,
					      .limit = PUMP_EVENTS };

		before = o->submitted_seq;
		if (ledger_events(o->ledger, &query, offer, o) < 0)
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
	return outbox_moved(o) ? ledger_set_cursor(o->ledger, o->kind->name, o->acked_seq) : 0;
}

void outbox_stored(struct outbox *o)
{
	o->stored_seq = o->acked_seq;
}
