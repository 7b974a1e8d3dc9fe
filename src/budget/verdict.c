/* The field table of the usage event and the JSON writer that walks it. What is published, stored
 * and documented is what stands in this table, in this order. */
#include "budget/verdict.h"

#include "base/emit.h"
#include "base/timestamp.h"
#include "budget/event.h"
#include "budget/origin.h"
#include "budget/touches.h"

static const char *const source_names[] = {
	[COST_PROVIDER] = "provider",
	[COST_CATALOG] = "catalog",
	[COST_ESTIMATED] = "estimated",
	[COST_UNPRICED] = "unpriced",
};

static const char *const completeness_names[] = {
	[COMPLETENESS_COMPLETE] = "complete", [COMPLETENESS_TRUNCATED] = "truncated",
	[COMPLETENESS_GAP] = "gap",           [COMPLETENESS_PRE_ATTACH] = "pre_attach",
	[COMPLETENESS_REPORTED] = "reported",
};

static const char *const correlation_names[] = {
	[CORRELATION_NONE] = "",
	[CORRELATION_ORDER] = "order",
	[CORRELATION_TOKEN] = "token",
	[CORRELATION_AMBIGUOUS] = "ambiguous",
	[CORRELATION_BAD_TOKEN] = "bad_token",
};

#define NAME(label) .name = (label), .key = { ",\"" label "\":", sizeof(label) + 3 }
#define MEMBER(label, kind_, member)                                                               \
	NAME(label), .kind = (kind_), .offset = offsetof(struct verdict, member),                  \
		     .size = sizeof(((struct verdict *)NULL)->member)
#define PLAIN(label, kind_, member)                                                                \
	{                                                                                          \
		MEMBER(label, kind_, member)                                                       \
	}
#define TEXT(label, member)   PLAIN(label, FIELD_TEXT, member)
#define UINT16(label, member) PLAIN(label, FIELD_UINT16, member)
#define UINT32(label, member) PLAIN(label, FIELD_UINT32, member)
#define UINT64(label, member) PLAIN(label, FIELD_UINT64, member)
#define COUNT(label, member)  PLAIN(label, FIELD_COUNT, member)
#define BOOL(label, member)   PLAIN(label, FIELD_BOOL, member)
#define TIME(label, member)   PLAIN(label, FIELD_TIME, member)
#define UUID(label, member)   PLAIN(label, FIELD_UUID, member)
#define ENUM(label, member, table)                                                                 \
	{                                                                                          \
		MEMBER(label, FIELD_ENUM, member), .names = (table),                               \
						   .n_names = sizeof(table) / sizeof((table)[0])   \
	}
#define CUSTOM(label, write_fn, read_fn)                                                           \
	{                                                                                          \
		NAME(label), .kind = FIELD_CUSTOM, .write = (write_fn), .read = (read_fn)          \
	}

/* The order is the order of the event's members. To add a field: see verdict.h. */
const struct verdict_field verdict_fields[] = {
	UUID("event_id", charge.usage.event_id),
	TIME("time_start", charge.usage.time_start_ns),
	TIME("time_end", charge.usage.time_end_ns),
	UINT32("pid", charge.usage.process.pid),
	UINT32("ns_pid", charge.usage.process.ns_pid),
	TEXT("exe", charge.usage.process.exe),
	TEXT("comm", charge.usage.process.comm),
	UINT32("uid", charge.usage.process.uid),
	TEXT("user", charge.usage.process.user),
	UINT64("cgroup", charge.usage.process.cgroup_id),
	TEXT("cgroup_path", charge.usage.process.cgroup),
	CUSTOM("container_id", origin_write_container, NULL),
	CUSTOM("unit", origin_write_unit, NULL),
	CUSTOM("labels", origin_write_labels, origin_read_labels),
	TEXT("provider", charge.usage.provider),
	TEXT("server", charge.usage.server),
	TEXT("operation", charge.usage.operation),
	TEXT("route", charge.usage.route),
	TEXT("method", charge.usage.method),
	UINT16("status", charge.usage.status),
	TEXT("error", charge.usage.error),
	TEXT("model_requested", charge.usage.model_requested),
	TEXT("model", charge.usage.model),
	TEXT("service_tier", charge.usage.service_tier),
	BOOL("streaming", charge.usage.streaming),
	TEXT("request_id", charge.usage.request_id),
	TEXT("response_id", charge.usage.response_id),
	UINT16("attempt", charge.usage.attempt),
	TEXT("api_key_hash", charge.usage.api_key_hash),
	CUSTOM("usage", event_write_usage, event_read_usage),
	COUNT("total_tokens", charge.usage.total_tokens),
	CUSTOM("usage_doubt", event_write_usage_doubt, NULL),
	CUSTOM("cost_usd", event_write_cost_usd, event_read_cost_usd),
	CUSTOM("cost_pico", event_write_cost_pico, event_read_cost_pico),
	ENUM("cost_source", charge.source, source_names),
	CUSTOM("unpriced_reason", event_write_unpriced_reason, event_read_unpriced_reason),
	TEXT("catalog", charge.catalog),
	TEXT("effective_from", charge.effective_from),
	TEXT("matched", charge.matched),
	TEXT("context", charge.context),
	CUSTOM("rates", event_write_rates, event_read_rates),
	ENUM("completeness", charge.usage.completeness, completeness_names),
	UINT64("lost_bytes", charge.usage.lost_bytes),
	CUSTOM("duration_ms", event_write_duration, NULL),
	CUSTOM("ttfb_ms", event_write_ttfb, event_read_ttfb),
	UINT64("request_bytes", charge.usage.request_bytes),
	UINT64("response_bytes", charge.usage.response_bytes),
	CUSTOM("limits", event_write_limits, event_read_limits),
	CUSTOM("budgets", touches_write, touches_read),
	CUSTOM("budget_cost_usd", event_write_budget_cost, event_read_budget_cost),
	UUID("decision_id", decision_id),
	ENUM("correlation", correlation, correlation_names),
};

const unsigned verdict_n_fields = sizeof(verdict_fields) / sizeof(verdict_fields[0]);

const struct verdict_field verdict_parts[] = {
	CUSTOM("spent_usd", touches_write_spent, touches_read_spent),
	CUSTOM("windows", touches_write_windows, touches_read_windows),
};

const unsigned verdict_n_parts = sizeof(verdict_parts) / sizeof(verdict_parts[0]);

/* The host is not of the call: it stands after the times and comes from the caller. */
#define HOST_PLACE 3

static void put_text(struct buf *out, struct span text)
{
	struct emit e = emit_to(out);

	if (text.len)
		emit_string(&e, NULL, text);
	else
		emit_null(&e, NULL);
}

static void put_uuid(struct buf *out, const struct uuid *id)
{
	char text[UUID_TEXT];

	if (uuid_is_zero(id))
		buf_put(out, SPAN("null"));
	else
		event_put_quoted(out, uuid_format(id, text));
}

static void put_unsigned(struct buf *out, uint64_t value, uint64_t null)
{
	if (value == null)
		buf_put(out, SPAN("null"));
	else
		event_put_u64(out, value);
}

static void put_value(struct buf *out, const struct verdict_field *field, const struct verdict *v)
{
	const void *at = (const char *)v + field->offset;
	char text[TIMESTAMP_TEXT_MAX];

	switch (field->kind) {
	case FIELD_TEXT:
		put_text(out, (struct span){ at, strnlen(at, field->size) });
		break;
	case FIELD_UINT16:
		put_unsigned(out, *(const uint16_t *)at, 0);
		break;
	case FIELD_UINT32:
		put_unsigned(out, *(const uint32_t *)at, UINT32_MAX);
		break;
	case FIELD_UINT64:
		event_put_u64(out, *(const uint64_t *)at);
		break;
	case FIELD_COUNT:
		put_unsigned(out, *(const uint64_t *)at, 0);
		break;
	case FIELD_BOOL:
		buf_put(out, *(const bool *)at ? SPAN("true") : SPAN("false"));
		break;
	case FIELD_TIME:
		event_put_quoted(out, timestamp_format(*(const int64_t *)at, text));
		break;
	case FIELD_UUID:
		put_uuid(out, at);
		break;
	case FIELD_ENUM:
		put_text(out, span_of(field->names[*(const unsigned *)at]));
		break;
	case FIELD_CUSTOM:
		field->write(out, v);
		break;
	}
}

static void put_host(struct buf *out, const char *host_id, const char *host_name)
{
	buf_put(out, SPAN(",\"host_id\":"));
	put_text(out, span_of(host_id));
	buf_put(out, SPAN(",\"host_name\":"));
	put_text(out, span_of(host_name));
}

void verdict_json(struct buf *out, const struct verdict *v, const char *host_id,
		  const char *host_name)
{
	buf_put(out, SPAN("{"));
	for (unsigned i = 0; i < verdict_n_fields; i++) {
		if (i == HOST_PLACE)
			put_host(out, host_id, host_name);
		buf_put(out, span_skip(verdict_fields[i].key, i == 0));
		put_value(out, &verdict_fields[i], v);
	}
	buf_put(out, SPAN("}"));
}
