/* outlay limits: what the providers last told of their limits on the rate of calls. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/object.h"
#include "cli/show.h"

/* A count, or "-" where it was not told. */
static const char *count_text(const json_t *limit, const char *key, char text[static 24])
{
	const json_t *count = json_object_get(limit, key);

	snprintf(text, 24, "-");
	if (json_is_integer(count))
		snprintf(text, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(count));
	return text;
}

/* To the second, "-" where it was not told. */
static const char *time_text(const json_t *limit, const char *key, char text[static 24])
{
	bool told = json_is_string(json_object_get(limit, key));

	snprintf(text, 24, told ? "%.19sZ" : "%s", show_member(limit, key));
	return text;
}

static void add_limit(struct show_table *table, const json_t *limit)
{
	json_int_t left = json_integer_value(json_object_get(limit, "remaining"));
	bool none = json_is_integer(json_object_get(limit, "remaining")) && !left;
	char texts[4][24];
	const char *cells[] = {
		show_member(limit, "provider"),
		show_member(limit, "model"),
		show_member(limit, "name"),
		count_text(limit, "limit", texts[0]),
		count_text(limit, "remaining", texts[1]),
		time_text(limit, "resets", texts[2]),
		time_text(limit, "seen", texts[3]),
	};

	show_table_add(table, none ? SHOW_RED : SHOW_PLAIN, cells);
}

static int print_table(const struct buf *body)
{
	static const char *const heading[] = { "PROVIDER", "MODEL",  "LIMIT ON", "LIMIT",
					       "LEFT",     "RESETS", "TOLD" };
	struct show_table table = { .n_columns = 7, .right = { [3] = true, [4] = true } };
	json_t *json = json_loadb(body->data, body->len, 0, NULL), *limit;
	size_t i;

	if (!json_array_size(json_object_get(json, "limits"))) {
		puts("No provider has told of a limit.");
		json_decref(json);
		return show_end();
	}
	show_table_add(&table, SHOW_BOLD, heading);
	json_array_foreach(json_object_get(json, "limits"), i, limit) add_limit(&table, limit);
	show_table_print(&table);
	json_decref(json);
	return show_end();
}

int limits_run(int argc, char **argv)
{
	return object_run(argc, argv,
			  "Shows what answers to your calls told of the providers' limits.",
			  "/v1/limits", print_table);
}
