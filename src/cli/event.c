/* From the JSON of an event (include/outlay/event.schema.json) to the columns of a line. */
#include "cli/event.h"

#include "base/callline.h"
#include "base/timestamp.h"
#include "cli/show.h"

#define LINE_BYTES_MAX 4096

static struct span text_of(const json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));

	return text ? span_of(text) : SPAN("-");
}

/* All buckets of one side; -1 when there is none. */
static int64_t sum_of(json_t *usage, struct span side)
{
	int64_t sum = -1;
	const char *name;
	json_t *count;

	json_object_foreach(usage, name, count)
	{
		if (!span_starts(span_of(name), side) || !json_is_integer(count))
			continue;
		sum = (sum < 0 ? 0 : sum) + json_integer_value(count);
	}
	return sum;
}

static int64_t duration_of(const json_t *event)
{
	const json_t *ms = json_object_get(event, "duration_ms");

	if (json_is_integer(ms))
		return json_integer_value(ms) * NS_PER_MS;
	return json_is_real(ms) ? (int64_t)(json_real_value(ms) * NS_PER_MS) : -1;
}

static struct callline line_of(const json_t *event)
{
	json_t *usage = json_object_get(event, "usage");
	const char *cost = json_string_value(json_object_get(event, "cost_usd"));
	struct span model = text_of(event, "model");
	struct callline line = {
		.pid = (uint32_t)json_integer_value(json_object_get(event, "pid")),
		.process = text_of(event, "comm"),
		.provider = text_of(event, "provider"),
		.model = span_eq(model, SPAN("-")) ? text_of(event, "model_requested") : model,
		.status = (unsigned)json_integer_value(json_object_get(event, "status")),
		.tokens_in = sum_of(usage, SPAN("input")),
		.tokens_out = sum_of(usage, SPAN("output")),
		.duration_ns = duration_of(event),
		.is_partial = !span_eq(text_of(event, "completeness"), SPAN("complete")),
		.is_estimated = span_eq(text_of(event, "cost_source"), SPAN("estimated")),
	};
	money_wide pico;

	timestamp_parse(text_of(event, "time_start"), &line.time_ns);
	line.is_priced = cost && money_parse(span_of(cost), MONEY_PICO_DIGITS, &pico) == 0 &&
			 pico <= INT64_MAX && pico >= INT64_MIN;
	if (line.is_priced)
		line.cost_pico = (int64_t)pico;
	return line;
}

bool event_print(struct span json, unsigned width)
{
	json_t *event = json_loadb(json.ptr, json.len, 0, NULL);
	struct buf text = buf_with_max(LINE_BYTES_MAX);
	struct callline line;

	if (!json_is_object(event)) {
		json_decref(event);
		return false;
	}
	line = line_of(event);
	callline_format(&line, width, &text);
	show_line(line.status == 0 || line.status >= 400 ? SHOW_RED
		  : !line.is_priced                      ? SHOW_YELLOW
							 : SHOW_PLAIN,
		  buf_span(&text));
	buf_done(&text);
	json_decref(event);
	return true;
}

void event_print_heading(unsigned width)
{
	struct buf text = buf_with_max(LINE_BYTES_MAX);

	callline_heading(width, &text);
	show_line(SHOW_BOLD, buf_span(&text));
	buf_done(&text);
}
