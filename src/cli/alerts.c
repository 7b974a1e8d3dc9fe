/* outlay alerts: what people were told, oldest first; with --json the alerts as they are. */
#include <stdio.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/show.h"

#define LINE_BYTES_MAX 1024
#define FORMAT         "%-19.19s  %-8s  %-11s  "

static enum show_color color_of(const char *level)
{
	return span_eq(span_of(level), SPAN("critical"))  ? SHOW_RED
	       : span_eq(span_of(level), SPAN("warning")) ? SHOW_YELLOW
							  : SHOW_PLAIN;
}

static void heading(unsigned width)
{
	struct buf line = buf_with_max(LINE_BYTES_MAX);

	(void)width;
	buf_printf(&line, FORMAT "TEXT", "TIME (UTC)", "LEVEL", "KIND");
	show_line(SHOW_BOLD, buf_span(&line));
	buf_done(&line);
}

/* The sentence is never cut: it is what the line is for. */
static bool print(struct span json, unsigned width)
{
	json_t *alert = json_loadb(json.ptr, json.len, 0, NULL);
	struct buf line = buf_with_max(LINE_BYTES_MAX);

	(void)width;
	buf_printf(&line, FORMAT "%s", show_member(alert, "time"), show_member(alert, "level"),
		   show_member(alert, "kind"), show_member(alert, "text"));
	show_line(color_of(show_member(alert, "level")), buf_span(&line));
	buf_done(&line);
	json_decref(alert);
	return true;
}

int alerts_run(int argc, char **argv)
{
	static const struct listing alerts = { .about =
						   "Shows what people were told, oldest first.",
					       .path = "/v1/alerts",
					       .none = "No alert.",
					       .heading = heading,
					       .print = print };

	return listing_run(argc, argv, &alerts);
}
