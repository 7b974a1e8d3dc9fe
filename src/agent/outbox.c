/* Pumps events from the ledger into a sink. The cursor moves only on what the sink acknowledged, so
 * a broker that is away, or a kill at any point, costs duplicates at most, never an event. */
#include "agent/outbox.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/timestamp.h"
#include "ledger/journal.h"

#define PUMP_EVENTS 256 /* read at once */

static int read_cursor(struct outbox *o)
{
	int code;

	if (o->kind->stream == SINK_CALLS)
		return ledger_cursor(o->ledger, o->name, &o->acked_seq);
	code = journal_cursor(o->ledger, o->name, &o->acked_seq);
	if (code == 0 && o->kind->from_now)
		code = journal_newest_alert(o->ledger, &o->acked_seq);
	return code;
}

int outbox_open(struct outbox *o, const struct sink_kind *kind, unsigned index,
		const struct sink_config *config, struct ledger *ledger, const char *host_name,
		struct err *err)
{
	int code;

	*o = (struct outbox){ .kind = kind,
			      .ledger = ledger,
			      .host_id = config->host_id,
			      .host_name = host_name,
			      .json = buf_with_max(1 << 20) };
	code = kind->open(config, index, &o->sink, err);
	if (code < 0)
		return code;
	snprintf(o->name, sizeof(o->name), "%s%s%s", kind->name, kind->label ? "." : "",
		 kind->label ? kind->label(o->sink) : "");
	code = read_cursor(o);
	if (code < 0)
		return err_set(err, code, "%s: cannot read its place in the ledger", o->name);
	o->submitted_seq = o->sent_seq = o->acked_seq;
	o->stored_seq = kind->from_now ? -1 : o->acked_seq; /* where it began is kept */
	return 0;
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
static bool submit(struct outbox *o, const struct uuid *event_id, int64_t time_ns,
		   struct sink_event *event)
{
	char id[UUID_TEXT], time[TIMESTAMP_TEXT_MAX];

	event->id = span_of(uuid_format(event_id, id));
	event->time = span_of(timestamp_format(time_ns, time));
	event->json = buf_span(&o->json);
	event->host_name = o->host_name;
	if (!o->kind->submit(o->sink, event)) {
		o->full = true;
		return false;
	}
	o->submitted_seq = o->sent_seq = event->seq;
	return true;
}

static bool offer_call(void *ctx, int64_t seq, const struct verdict *v)
{
	struct sink_event event = { .seq = seq, .type = SPAN("io.outlay.usage.v1") };
	struct outbox *o = ctx;

	if (!v)
		return pass_over(o, seq);
	buf_reset(&o->json);
	verdict_json(&o->json, v, o->host_id, o->host_name);
	return submit(o, &v->charge.usage.event_id, v->charge.usage.time_end_ns, &event);
}

static bool offer_alert(void *ctx, int64_t seq, const struct alert *alert)
{
	struct sink_event event = { .seq = seq };
	struct outbox *o = ctx;

	if (!alert)
		return pass_over(o, seq);
	event.type = span_of(alert_type(alert->kind));
	event.level = alert->level;
	event.level_name = alert_level_name(alert->level);
	event.subject = alert->subject;
	event.text = alert->text;
	buf_reset(&o->json);
	alert_json(&o->json, alert, o->host_id, o->host_name);
	return submit(o, &alert->event_id, alert->time_ns, &event);
}

static int offer_more(struct outbox *o)
{
	struct ledger_query query = { .after_seq = o->submitted_seq,
				      .uid = UINT32_MAX,
				      .limit = PUMP_EVENTS };

	if (o->kind->stream == SINK_ALERTS)
		return journal_alerts(o->ledger, &query, offer_alert, o);
	return ledger_events(o->ledger, &query, offer_call, o);
}

void outbox_pump(struct outbox *o)
{
	bool resubmit = false;
	const char *why;
	int64_t before;

	o->kind->poll(o->sink, &o->acked_seq, &resubmit);
	if (o->kind->dead && !o->dead_seq && o->kind->dead(o->sink, &o->dead_seq, &why))
		snprintf(o->dead_why, sizeof(o->dead_why), "%s", why);
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
	int64_t now_ns = clock_system.now_ns(&clock_system);
	int code = 0;

	if (o->dead_seq)
		code = journal_add_dead(o->ledger, o->name, o->dead_seq, now_ns, o->dead_why);
	if (code < 0 || !outbox_moved(o))
		return code;
	return o->kind->stream == SINK_ALERTS ? journal_set_cursor(o->ledger, o->name, o->acked_seq)
					      : ledger_set_cursor(o->ledger, o->name, o->acked_seq);
}

void outbox_stored(struct outbox *o)
{
	o->stored_seq = o->acked_seq;
	o->dead_seq = 0;
}
