/* outlay status: the agent's own state and counters. Shows what the agent tells, member by member,
 * so that a new counter needs no change here. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/object.h"
#include "cli/show.h"

static void add_member(struct show_table *table, const char *prefix, const char *name,
		       const json_t *value)
{
	char *text = json_is_string(value)
			 ? NULL
			 : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
	char label[96];
	const char *cells[] = { label, json_is_string(value) ? json_string_value(value)
				       : text                ? text
							     : "" };

	snprintf(label, sizeof(label), "%s%s", prefix, name);
	show_table_add(table, SHOW_PLAIN, cells);
	free(text);
}

static void add_group(struct show_table *table, const char *name, json_t *group)
{
	const char *heading[] = { name, "" }, *key;
	json_t *value;

	show_table_add(table, SHOW_BOLD, heading);
	json_object_foreach(group, key, value) add_member(table, "  ", key, value);
}

/* A string is borrowed; a number or flag is written into `text`. */
static const char *cell_text(const json_t *value, char *text, size_t size)
{
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value))
		snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else
		snprintf(text, size, "%s", json_is_true(value) ? "yes" : "-");
	return text;
}

/* A list of objects is a table of its own: a column a member, as the first of them has them. */
static void print_list(const char *name, json_t *list)
{
	struct show_table table = { 0 };
	const char *keys[SHOW_COLUMNS_MAX], *cells[SHOW_COLUMNS_MAX], *key;
	json_t *row, *value;
	size_t i;

	json_object_foreach(json_array_get(list, 0), key, value)
	{
		if (table.n_columns == SHOW_COLUMNS_MAX)
			break;
		table.right[table.n_columns] = json_is_number(value);
		keys[table.n_columns++] = key;
	}
	if (!table.n_columns)
		return;
	putchar('\n');
	show_line(SHOW_BOLD, span_of(name));
	show_table_add(&table, SHOW_BOLD, keys);
	json_array_foreach(list, i, row)
	{
		char texts[SHOW_COLUMNS_MAX][SHOW_CELL_MAX + 1];

		for (unsigned column = 0; column < table.n_columns; column++)
			cells[column] = cell_text(json_object_get(row, keys[column]), texts[column],
						  sizeof(texts[column]));
		show_table_add(&table, SHOW_PLAIN, cells);
	}
	show_table_print(&table);
}

static int print_table(const struct buf *body)
{
	struct show_table table = { .n_columns = 2 };
	json_t *json = json_loadb(body->data, body->len, 0, NULL), *value;
	const char *key;

	json_object_foreach(json, key, value) if (!json_is_object(value) && !json_is_array(value))
	    add_member(&table, "", key, value);
	json_object_foreach(json, key, value) if (json_is_object(value))
	    add_group(&table, key, value);
	show_table_print(&table);
	json_object_foreach(json, key, value) if (json_is_array(value)) print_list(key, value);
	json_decref(json);
	return show_end();
}

int status_run(int argc, char **argv)
{
	return object_run(argc, argv, "Shows the agent's state and counters.", "/v1/status",
			  print_table);
}
