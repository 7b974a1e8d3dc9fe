/* What a hook's child is told on its standard input: a command the alert as JSON and nothing else;
 * a URL's the lines URL, CONTENT-TYPE, ID, SECRET (empty: unsigned), and the body behind them. */
#pragma once

#include "base/buf.h"
#include "sink/sink.h"

/* Appends the body in the hook's format:
 *   json         the alert (include/outlay/alert.schema.json)
 *   cloudevents  CloudEvents 1.0, JSON format, structured mode; the alert is `data`
 *   slack        {"text"}, for an incoming webhook of Slack, Mattermost or Rocket.Chat */
void letter_body(struct buf *out, const struct sink_hook *hook, const struct sink_event *event,
		 const char *host_id);
void letter_put(struct buf *out, const struct sink_hook *hook, const struct sink_event *event,
		const char *host_id);
