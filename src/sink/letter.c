/* Formats of hooks. To add one: a row. */
#include "sink/letter.h"

#include <string.h>

#include "base/emit.h"

typedef void put_fn(struct buf *out, const struct sink_event *event, const char *host_id);

static void put_json(struct buf *out, const struct sink_event *event, const char *host_id)
{
	(void)host_id;
	buf_put(out, event->json);
}

static void put_cloudevents(struct buf *out, const struct sink_event *event, const char *host_id)
{
	struct emit e = emit_to(out);

	emit_object(&e, NULL);
	emit_text(&e, "specversion", "1.0");
	emit_string(&e, "id", event->id);
	emit_text(&e, "source", host_id);
	emit_string(&e, "type", event->type);
	emit_string(&e, "time", event->time);
	emit_text(&e, "subject", event->subject);
	emit_text(&e, "datacontenttype", "application/json");
	emit_raw(&e, "data", event->json);
	emit_end_object(&e);
}

/* Three characters are control characters there: https://docs.slack.dev, "Escaping text". */
static void put_escaped(struct buf *out, const char *text)
{
	for (; *text; text++) {
		const char *name = *text == '&'   ? "&amp;"
				   : *text == '<' ? "&lt;"
				   : *text == '>' ? "&gt;"
						  : NULL;

		buf_put(out, name ? span_of(name) : (struct span){ text, 1 });
	}
}

static void put_slack(struct buf *out, const struct sink_event *event, const char *host_id)
{
	struct buf text = buf_with_max(4096);
	struct emit e = emit_to(out);

	(void)host_id;
	buf_put(&text, SPAN("*"));
	put_escaped(&text, event->level_name);
	buf_put(&text, SPAN("* on "));
	put_escaped(&text, event->host_name);
	buf_put(&text, SPAN(": "));
	put_escaped(&text, event->text);
	emit_object(&e, NULL);
	emit_string(&e, "text", buf_span(&text));
	emit_end_object(&e);
	buf_done(&text);
}

static const struct {
	const char *type;
	put_fn *put;
} formats[] = {
	[HOOK_JSON] = { "application/json", put_json },
	[HOOK_CLOUDEVENTS] = { "application/cloudevents+json", put_cloudevents },
	[HOOK_SLACK] = { "application/json", put_slack },
};

void letter_body(struct buf *out, const struct sink_hook *hook, const struct sink_event *event,
		 const char *host_id)
{
	formats[hook->format].put(out, event, host_id);
}

static void put_line(struct buf *out, struct span text)
{
	buf_put(out, text);
	buf_put(out, SPAN("\n"));
}

void letter_put(struct buf *out, const struct sink_hook *hook, const struct sink_event *event,
		const char *host_id)
{
	if (hook->url) {
		put_line(out, span_of(hook->url));
		put_line(out, span_of(formats[hook->format].type));
		put_line(out, event->id);
		put_line(out, span_of(hook->secret));
	}
	letter_body(out, hook, event, host_id);
}
