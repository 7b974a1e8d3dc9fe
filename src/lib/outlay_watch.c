/* liboutlay: the stream of server-sent events, on a connection of its own. An event is lines up to
 * an empty one; the agent writes one `event:` and one `data:` line in each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/outlay.h"

struct outlay_watch {
	struct channel *channel;
	char *next; /* the first byte in the channel that was not given out */
};

static const char request[] = "GET /v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n";

static int read_head(struct channel *channel, int64_t deadline_ns, char **ret_next)
{
	int code = 0;
	char *end = NULL;

	while (code == 0 && !end) {
		code = channel_more(channel, deadline_ns);
		end = strstr(channel->in, "\r\n\r\n");
	}
	if (code < 0)
		return code;
	if (strncmp(channel->in, "HTTP/1.1 200 ", 13) != 0)
		return strncmp(channel->in, "HTTP/1.1 503 ", 13) == 0 ? -EAGAIN : -EPROTO;
	*ret_next = end + 4;
	return 0;
}

OUTLAY_API int outlay_watch_open(struct outlay *outlay, struct outlay_watch **ret_watch)
{
	int64_t deadline_ns = channel_now_ns() + outlay->deadline_ns;
	struct outlay_watch *watch = calloc(1, sizeof(*watch));
	int code;

	if (!watch)
		return -ENOMEM;
	code = channel_open(outlay->socket, deadline_ns, &watch->channel);
	if (code == 0)
		code = channel_send(watch->channel, request, sizeof(request) - 1, deadline_ns);
	if (code == 0)
		code = read_head(watch->channel, deadline_ns, &watch->next);
	if (code < 0) {
		outlay_watch_close(watch);
		return code;
	}
	*ret_watch = watch;
	return 0;
}

OUTLAY_API void outlay_watch_close(struct outlay_watch *watch)
{
	if (!watch)
		return;
	channel_close(watch->channel);
	free(watch);
}

/* The event in the lines from `at`, whose ends become NUL. False: only comments. */
static int read_event(char *at, struct outlay_event *event)
{
	event->name = "message"; /* as server-sent events name what has no name */
	event->json = NULL;
	while (at) {
		char *line = strsep(&at, "\n");

		if (strncmp(line, "event: ", 7) == 0)
			event->name = line + 7;
		else if (strncmp(line, "data: ", 6) == 0)
			event->json = line + 6;
	}
	return event->json != NULL;
}

OUTLAY_API int outlay_watch_next(struct outlay_watch *watch, unsigned deadline_ms,
				 struct outlay_event *ret_event)
{
	int64_t deadline_ns = channel_now_ns() + deadline_ms * INT64_C(1000000);
	struct channel *channel = watch->channel;

	for (;;) {
		char *at = watch->next, *end = strstr(at, "\n\n");
		int code;

		if (end) {
			*end = '\0';
			watch->next = end + 2;
			if (read_event(at, ret_event))
				return 0;
			continue;
		}
		channel->len -= (size_t)(at - channel->in);
		memmove(channel->in, at, channel->len + 1);
		watch->next = channel->in;
		code = channel_more(channel, deadline_ns);
		if (code < 0)
			return code;
	}
}
