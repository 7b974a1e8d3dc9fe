/* Output for people. Everything that came from elsewhere passes cell_put on its way. */
#include "cli/show.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/callline.h"
#include "base/cell.h"
#include "cli/cli.h"

#define LINE_BYTES_MAX 65536

unsigned show_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return CALLLINE_WIDTH;
	return size.ws_col;
}

/* no-color.org: any value that is not empty. */
static bool wants_color(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static const char *sequence(enum show_color color)
{
	static const char *const sequences[] = {
		[SHOW_PLAIN] = "",       [SHOW_GREEN] = "\x1b[32m", [SHOW_YELLOW] = "\x1b[33m",
		[SHOW_RED] = "\x1b[31m", [SHOW_BOLD] = "\x1b[1m",   [SHOW_DIM] = "\x1b[2m",
	};

	return sequences[color];
}

static void put_colored(enum show_color color, struct span safe)
{
	bool colored = color != SHOW_PLAIN && wants_color();

	fputs(colored ? sequence(color) : "", stdout);
	fwrite(safe.ptr, 1, safe.len, stdout);
	fputs(colored ? "\x1b[0m" : "", stdout);
}

void show_text(enum show_color color, struct span text)
{
	struct buf safe = buf_with_max(LINE_BYTES_MAX);

	cell_put(&safe, text, 0);
	if (safe.len)
		put_colored(color, buf_span(&safe));
	buf_done(&safe);
}

void show_line(enum show_color color, struct span text)
{
	show_text(color, text);
	putchar('\n');
}

void show_table_add(struct show_table *table, enum show_color color, const char *const *cells)
{
	size_t n = (size_t)table->n_rows + 1;
	char **grown = realloc(table->cells, n * table->n_columns * sizeof(*grown));
	enum show_color *colors = realloc(table->colors, n * sizeof(*colors));

	if (!grown || !colors)
		abort();
	table->cells = grown;
	table->colors = colors;
	for (unsigned i = 0; i < table->n_columns; i++) {
		grown[table->n_rows * table->n_columns + i] = strdup(cells[i]);
		if (!grown[table->n_rows * table->n_columns + i])
			abort();
	}
	colors[table->n_rows++] = color;
}

static int width_of(const struct show_table *table, unsigned column)
{
	unsigned widest = 0;

	for (unsigned row = 0; row < table->n_rows; row++) {
		unsigned width = cell_width(span_of(table->cells[row * table->n_columns + column]));

		if (width > widest)
			widest = width;
	}
	return (int)(widest < SHOW_CELL_MAX ? widest : SHOW_CELL_MAX);
}

static void print_row(const struct show_table *table, unsigned row, const int *widths)
{
	struct buf line = buf_with_max(LINE_BYTES_MAX);

	for (unsigned i = 0; i < table->n_columns; i++) {
		if (i)
			buf_put(&line, SPAN("  "));
		if (widths[i])
			cell_put(&line, span_of(table->cells[row * table->n_columns + i]),
				 table->right[i] ? -widths[i] : widths[i]);
	}
	while (line.len && line.data[line.len - 1] == ' ')
		line.len--;
	put_colored(table->colors[row], buf_span(&line));
	putchar('\n');
	buf_done(&line);
}

void show_table_print(struct show_table *table)
{
	int widths[SHOW_COLUMNS_MAX];

	for (unsigned i = 0; i < table->n_columns; i++)
		widths[i] = width_of(table, i);
	for (unsigned row = 0; row < table->n_rows; row++)
		print_row(table, row, widths);
	for (unsigned i = 0; i < table->n_rows * table->n_columns; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table->colors);
}

const char *show_member(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "-";
}

int show_end(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CLI_OK;
	fprintf(stderr, "outlay: the output could not be written: %s\n", strerror(errno));
	return CLI_FAILED;
}
