/* The line of a call. Figures have fixed columns, so that they stand below each other; what the
 * terminal has more goes to the texts. */
#include "base/callline.h"

#include <stdio.h>
#include <time.h>

#include "base/cell.h"
#include "base/timestamp.h"

#define USD_DECIMALS 8
#define COUNT_DIGITS 7 /* columns of a count */
#define USD_COLUMNS  12
#define PROCESS_MIN  8
#define PID_FROM     14 /* a narrower column of the process has no room for its pid */

/* TIME, PROVIDER, STAT, IN, OUT, COST, mark, TOOK and the blanks before them. */
#define FIXED_COLUMNS (8 + 1 + 1 + 10 + 1 + 1 + 4 + 1 + 7 + 1 + 7 + 1 + USD_COLUMNS + 1 + 1 + 7)

struct columns {
	int process, model;
};

static struct columns split(unsigned width)
{
	int rest, process;

	if (width < CALLLINE_WIDTH_MIN)
		width = CALLLINE_WIDTH_MIN;
	if (width > CALLLINE_WIDTH_MAX)
		width = CALLLINE_WIDTH_MAX;
	rest = (int)width - FIXED_COLUMNS;
	process = rest * 2 / 5 < PROCESS_MIN ? PROCESS_MIN : rest * 2 / 5;
	return (struct columns){ .process = process, .model = rest - process };
}

char *callline_usd(money_wide pico, char out[static CALLLINE_PIECE_MAX])
{
	const money_wide unit = 10000; /* 10^-8 USD in picodollars */
	bool negative = pico < 0;
	unsigned __int128 amount = negative ? -(unsigned __int128)pico : (unsigned __int128)pico;
	unsigned __int128 rounded = amount / unit, rest = amount % unit;
	char digits[MONEY_TEXT_MAX];

	rounded += rest * 2 > (unsigned __int128)unit ||
		   (rest * 2 == (unsigned __int128)unit && rounded % 2);
	if (amount && !rounded) {
		snprintf(out, CALLLINE_PIECE_MAX, "<$0.00000001");
		return out;
	}
	money_format((money_wide)rounded, USD_DECIMALS, digits);
	snprintf(out, CALLLINE_PIECE_MAX, "%s$%s", negative ? "-" : "", digits);
	return out;
}

char *callline_count(int64_t count, char out[static CALLLINE_PIECE_MAX])
{
	static const char units[] = "kMGTPE";
	int64_t scale = 1000;
	int unit = 0;

	if (count < 10000000) {
		snprintf(out, CALLLINE_PIECE_MAX, "%lld", (long long)count);
		return out;
	}
	for (; count / scale >= 1000; scale *= 1000)
		unit++;
	snprintf(out, CALLLINE_PIECE_MAX, "%lld.%lld%c", (long long)(count / scale),
		 (long long)(count % scale / (scale / 10)), units[unit]);
	return out;
}

char *callline_duration(int64_t ns, char out[static CALLLINE_PIECE_MAX])
{
	long long ms = ns / NS_PER_MS, seconds = ns / NS_PER_SEC;

	if (ms < 1000)
		snprintf(out, CALLLINE_PIECE_MAX, "%lld ms", ms);
	else if (seconds < 100)
		snprintf(out, CALLLINE_PIECE_MAX, "%lld.%lld s", seconds, ms % 1000 / 100);
	else if (seconds < 6000)
		snprintf(out, CALLLINE_PIECE_MAX, "%lldm%02llds", seconds / 60, seconds % 60);
	else
		snprintf(out, CALLLINE_PIECE_MAX, "%lldh%02lldm", seconds / 3600,
			 seconds / 60 % 60);
	return out;
}

static void put_text(struct buf *out, const char *text, int columns)
{
	cell_put(out, span_of(text), columns);
}

static void put_time(struct buf *out, int64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / NS_PER_SEC);
	struct tm local;
	char text[16] = "--:--:--";

	if (localtime_r(&seconds, &local))
		strftime(text, sizeof(text), "%H:%M:%S", &local);
	put_text(out, text, 8);
}

static void put_process(struct buf *out, const struct callline *line, int columns)
{
	char pid[16] = "";
	int n = columns < PID_FROM ? 0 : snprintf(pid, sizeof(pid), "[%u]", line->pid);
	int width = (int)cell_width(line->process);

	/* A long name is cut, the pid is not. */
	if (width > columns - n)
		width = columns - n;
	if (width)
		cell_put(out, line->process, width);
	if (columns > width)
		put_text(out, pid, columns - width);
}

static void put_count(struct buf *out, int64_t count)
{
	char text[CALLLINE_PIECE_MAX];

	put_text(out, count < 0 ? "-" : callline_count(count, text), -COUNT_DIGITS);
}

/* Fixed decimals, so that the points stand below each other. */
static void put_cost(struct buf *out, const struct callline *line)
{
	char text[CALLLINE_PIECE_MAX];
	size_t n;

	if (!line->is_priced) {
		put_text(out, "unpriced", -USD_COLUMNS);
		return;
	}
	callline_usd(line->cost_pico, text);
	n = strlen(text);
	if (!strchr(text, '.'))
		text[n++] = '.';
	for (size_t decimals = n - (size_t)(strchr(text, '.') - text) - 1; decimals < USD_DECIMALS;
	     decimals++)
		text[n++] = '0';
	text[n] = '\0';
	/* Over 99 USD a call the last decimals give way. */
	while (n > USD_COLUMNS && strchr(text, '.'))
		text[--n] = '\0';
	put_text(out, text, -USD_COLUMNS);
}

void callline_format(const struct callline *line, unsigned width, struct buf *out)
{
	struct columns columns = split(width);
	char text[CALLLINE_PIECE_MAX];

	put_time(out, line->time_ns);
	buf_put(out, SPAN(" "));
	put_process(out, line, columns.process);
	buf_put(out, SPAN(" "));
	cell_put(out, line->provider, 10);
	buf_put(out, SPAN(" "));
	cell_put(out, line->model, columns.model);
	snprintf(text, sizeof(text), "%u", line->status);
	put_text(out, line->status ? text : "-", -5);
	buf_put(out, SPAN(" "));
	put_count(out, line->tokens_in);
	buf_put(out, SPAN(" "));
	put_count(out, line->tokens_out);
	buf_put(out, SPAN(" "));
	put_cost(out, line);
	buf_put(out, line->is_partial ? SPAN("!") : SPAN(" "));
	buf_put(out, line->is_estimated ? SPAN("~") : SPAN(" "));
	put_text(out, line->duration_ns < 0 ? "-" : callline_duration(line->duration_ns, text), -7);
}

void callline_heading(unsigned width, struct buf *out)
{
	struct columns columns = split(width);

	put_text(out, "TIME", 9);
	put_text(out, "PROCESS", columns.process + 1);
	put_text(out, "PROVIDER", 11);
	put_text(out, "MODEL", columns.model);
	put_text(out, "STAT", -5);
	put_text(out, "IN", -COUNT_DIGITS - 1);
	put_text(out, "OUT", -COUNT_DIGITS - 1);
	put_text(out, "COST", -USD_COLUMNS - 1);
	put_text(out, "TOOK", -9);
}
