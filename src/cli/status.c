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

static int print_table(const struct buf *body)
{
	struct show_table table = { .n_columns = 2 };
	json_t *json = json_loadb(body->data, body->len, 0, NULL), *value;
	const char *key;

	json_object_foreach(json, key, value) if (!json_is_object(value))
	    add_member(&table, "", key, value);
	json_object_foreach(json, key, value) if (json_is_object(value))
	    add_group(&table, key, value);
	show_table_print(&table);
	json_decref(json);
	return show_end();
}

int status_run(int argc, char **argv)
{
	return object_run(argc, argv, "Shows the agent's state and counters.", "/v1/status",
			  print_table);
}
