/* What people get to see: tables whose columns stand below each other, in colours on a terminal
 * that has them and for readers who want them (NO_COLOR). */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/span.h"

enum show_color { SHOW_PLAIN, SHOW_GREEN, SHOW_YELLOW, SHOW_RED, SHOW_BOLD, SHOW_DIM };

unsigned show_width(void); /* columns of the terminal on stdout; CALLLINE_WIDTH without one */

/* Safe text without the newline; `color` only where it belongs. */
void show_text(enum show_color color, struct span text);
void show_line(enum show_color color, struct span text); /* and a newline */

/* A table of texts: the first row is the heading. */
#define SHOW_COLUMNS_MAX 12
#define SHOW_CELL_MAX    48 /* columns of the terminal */

struct show_table {
	unsigned n_columns, n_rows;
	bool right[SHOW_COLUMNS_MAX]; /* aligned */
	char **cells;                 /* row by row */
	enum show_color *colors;      /* of rows */
};

void show_table_add(struct show_table *table, enum show_color color, const char *const *cells);
void show_table_print(struct show_table *table); /* and free */

/* The text of a member, or "-". */
const char *show_member(const json_t *object, const char *key);

/* Whether all that was printed got out; else tells so and returns CLI_FAILED. */
int show_end(void);
