/* outlay tail: calls as they happen, and what is held, cut and let go, from the agent's event
 * stream. It ends when the agent does. */
#include <stdio.h>

#include "base/buf.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/event.h"
#include "cli/lines.h"
#include "cli/show.h"

struct tailing {
	struct lines lines;
	unsigned width;
	bool json;
	char event[16]; /* name of the event at hand */
};

/* "09:26:53 budget team: cut, by outlayd: it is spent" */
static void print_action(struct span data)
{
	json_t *json = json_loadb(data.ptr, data.len, 0, NULL);
	struct span time = span_head(span_skip(span_of(show_member(json, "time")), 11), 8);
	struct buf line = buf_with_max(1024);

	buf_printf(&line, "%.*s budget %s: %s, by %s: %s", (int)time.len, time.ptr,
		   show_member(json_object_get(json, "budget"), "name"),
		   show_member(json, "action"), show_member(json, "who"), show_member(json, "why"));
	show_line(SHOW_YELLOW, buf_span(&line));
	buf_done(&line);
	json_decref(json);
}

static void print_data(const struct tailing *tailing, struct span data)
{
	if (strcmp(tailing->event, "dropped") == 0) {
		fflush(stdout);
		fprintf(stderr, "outlay tail: too slow, some events were dropped\n");
	} else if (strcmp(tailing->event, "call") == 0 && tailing->json) {
		fwrite(data.ptr, 1, data.len, stdout);
		putchar('\n');
	} else if (strcmp(tailing->event, "call") == 0) {
		event_print(data, tailing->width);
	} else if (strcmp(tailing->event, "enforcement") == 0 && !tailing->json) {
		print_action(data);
	}
	fflush(stdout);
}

/* The agent writes each event's data in one line, behind its name. */
static bool on_line(void *ctx, struct span line)
{
	struct tailing *tailing = ctx;

	if (span_starts(line, SPAN("event: ")))
		span_copy(span_skip(line, 7), tailing->event, sizeof(tailing->event));
	else if (span_starts(line, SPAN("data: ")))
		print_data(tailing, span_skip(line, 6));
	return !ferror(stdout);
}

static bool on_piece(void *ctx, struct span piece)
{
	struct tailing *tailing = ctx;

	return lines_feed(&tailing->lines, piece, on_line, tailing);
}

int tail_run(int argc, char **argv)
{
	struct tailing tailing = { .width = show_width() };
	struct args args;
	int code = args_parse(argc, argv, "Prints calls as they happen, until the agent stops.",
			      NULL, 0, &args);

	if (code != ARGS_GO)
		return code;
	tailing.json = args.json;
	if (!args.json)
		event_print_heading(tailing.width);
	fflush(stdout);
	code = client_stream(args.socket, "/v1/watch", on_piece, &tailing);
	lines_done(&tailing.lines);
	if (show_end() == CLI_OK && code == 0)
		fprintf(stderr, "outlay tail: the agent has stopped\n");
	return CLI_FAILED;
}
