/* verdict -> the line that people read, at the width of the terminal. */
#include "agent/terminal.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/callline.h"

#define LINE_BYTES_MAX 4096

static unsigned width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return CALLLINE_WIDTH;
	return size.ws_col;
}

static void print(struct buf *line)
{
	buf_put(line, SPAN("\n"));
	fwrite(line->data, 1, line->len, stdout);
	fflush(stdout);
	buf_done(line);
}

void terminal_head(void)
{
	struct buf line = buf_with_max(LINE_BYTES_MAX);

	callline_heading(width(), &line);
	print(&line);
}

/* -1 when the provider said none of them. */
static int64_t sum(const struct usage *usage, enum usage_bucket first, enum usage_bucket last)
{
	int64_t total = -1;

	for (enum usage_bucket i = first; i <= last; i++)
		if (usage->present >> i & 1)
			total = (total < 0 ? 0 : total) + usage->counts[i];
	return total;
}

void terminal_show(const struct verdict *verdict)
{
	const struct charge *charge = &verdict->charge;
	const struct usage *usage = &charge->usage;
	struct buf text = buf_with_max(LINE_BYTES_MAX);
	struct callline line = {
		.time_ns = usage->time_end_ns,
		.pid = usage->process.pid,
		.process = span_of(usage->process.comm),
		.provider = span_of(usage->provider),
		.model = span_of(usage->model[0] ? usage->model : usage->model_requested),
		.status = usage->status,
		.tokens_in = sum(usage, USAGE_INPUT, USAGE_OUTPUT - 1),
		.tokens_out = sum(usage, USAGE_OUTPUT, USAGE_OUTPUT_IMAGE),
		.is_priced = charge->source != COST_UNPRICED,
		.cost_pico = charge->cost_pico,
		.duration_ns = usage->time_end_ns - usage->time_start_ns,
		.is_partial = usage->completeness != COMPLETENESS_COMPLETE,
		.is_estimated = charge->source == COST_ESTIMATED,
	};

	callline_format(&line, width(), &text);
	print(&text);
}
