/* `outlay prices show` and `outlay prices diff`: what price lists say. Need no agent. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/document.h"
#include "base/timestamp.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/prices.h"
#include "cli/show.h"
#include "price/list.h"

static const char show_about[] =
    "Prints every rate by which calls of MODEL are priced: from when on, of which tier, length of\n"
    "input and hours, and where it is from. MODEL is matched as that of a call; \"*\" is the "
    "entry\n"
    "for calls that name none. Dim lines are not in force. USD for a million tokens, or one unit.\n"
    "LIST is a name such as seed-2025 (DIR/prices/seed-2025), a directory or a file.";

static const char diff_about[] =
    "Lists the models and rates that B adds to A, lacks or changes, and each change's ratio, of\n"
    "the rates in force. A and B are each a name such as seed-2025 (DIR/prices/seed-2025), a\n"
    "directory or a file.";

struct asked {
	const char *command;
	struct args_value provider, at, catalog, config, json;
	int64_t time_ns;
	char **operands;
};

/* ARGS_GO, or the exit code. */
static int parse(int argc, char **argv, const char *about, const struct args_option *own,
		 unsigned n_own, struct asked *asked)
{
	struct args_option options[8] = {
		{ "at", "DATE", "as of then; else now", false, &asked->at },
		{ "config", "DIR", "where prices/ is (OUTLAY_CONFIG; " ARGS_CONFIG_DIR ")", false,
		  &asked->config },
		{ "json", NULL, "one JSON array", false, &asked->json },
	};
	struct args args;
	int rc;

	memcpy(options + 3, own, n_own * sizeof(*own));
	rc = args_parse_local(asked->command, argc, argv, about, options, 3 + n_own, &args);
	if (rc != ARGS_GO)
		return rc;
	asked->operands = args.operands;
	asked->time_ns = clock_system.now_ns(&clock_system);
	if (asked->at.n && timestamp_parse(span_of(asked->at.texts[0]), &asked->time_ns) < 0)
		return args_misused(asked->command, "--at: expected a date such as 2026-11-25");
	return ARGS_GO;
}

/* NULL after a complaint. */
static struct catalog *load(const struct asked *asked, const char *name)
{
	struct catalog *catalog = NULL;
	struct err err = { "" };
	struct stat st;
	bool is_path = name && (strchr(name, '/') || stat(name, &st) == 0);
	int rc;

	rc = is_path ? catalog_load(name, &catalog, &err)
		     : catalog_load_named(args_config(&asked->config), name, &catalog, &err);
	if (rc < 0)
		fprintf(stderr, "outlay %s: %s\n", asked->command, err.text);
	return catalog;
}

static int print_json(const json_t *value)
{
	FREE_PTR char *text = json_dumps(value, JSON_COMPACT);

	puts(text ?: "");
	return show_end();
}

/* --- show */

static void put_count(const json_t *object, const char *key, char out[static 32])
{
	const json_t *count = json_object_get(object, key);

	snprintf(out, 32, "%lld", json_integer_value(count));
	if (!count)
		out[0] = '\0';
}

static void put_rates(struct show_table *table, const json_t *entry, const char *group,
		      const char *per)
{
	bool in_force = json_is_true(json_object_get(entry, "in_force"));
	const json_t *minimum = json_object_get(entry, "minimum");
	const json_t *maximum = json_object_get(entry, "maximum");
	char when[32], over[32] = "", least[32], most[32];
	const char *bucket;
	json_t *rate;

	snprintf(when, sizeof(when), "%s%.11s", json_object_get(entry, "weekdays") ? "days " : "",
		 json_string_value(json_object_get(entry, "hours")) ?: "");
	put_count(entry, "input_over", over);
	json_object_foreach(json_object_get(entry, group), bucket, rate)
	{
		put_count(minimum, bucket, least);
		put_count(maximum, bucket, most);
		show_table_add(table, in_force ? SHOW_PLAIN : SHOW_DIM,
			       (const char *[]){ show_member(entry, "from"),
						 show_member(entry, "tier"), over, when, bucket,
						 json_string_value(rate), per, least, most });
	}
}

static void print_uplifts(const json_t *entry)
{
	const char *condition;
	json_t *factor;

	json_object_foreach(json_object_get(entry, "uplifts"), condition, factor)
	{
		char line[160];

		snprintf(line, sizeof(line), "tokens x %s where %s", json_string_value(factor),
			 condition);
		show_line(SHOW_DIM, span_of(line));
	}
}

static void print_entry(const json_t *entry, const char *asked)
{
	const json_t *rates = json_object_get(entry, "rates");
	struct show_table table = { .n_columns = 9,
				    .right = { [2] = true, [5] = true, [7] = true, [8] = true } };
	char head[512];

	snprintf(head, sizeof(head), "%s/%s", show_member(entry, "provider"),
		 show_member(entry, "model"));
	show_line(SHOW_BOLD, span_of(head));
	snprintf(head, sizeof(head), "asked for %s; catalog %s%s; from %s", asked,
		 show_member(entry, "catalog"),
		 json_is_true(json_object_get(entry, "contracted")) ? ", contracted" : "",
		 show_member(entry, "source"));
	show_line(SHOW_DIM, span_of(head));
	print_uplifts(entry);
	show_table_add(&table, SHOW_BOLD,
		       (const char *[]){ "FROM", "TIER", "INPUT OVER", "HOURS", "WHAT", "USD",
					 "PER", "AT LEAST", "AT MOST" });
	for (size_t i = 0; i < json_array_size(rates); i++) {
		put_rates(&table, json_array_get(rates, i), "per_million", "1M tokens");
		put_rates(&table, json_array_get(rates, i), "per_unit", "one");
	}
	show_table_print(&table);
}

int prices_show_run(int argc, char **argv)
{
	struct asked asked = { .command = "prices show" };
	const struct args_option own[] = {
		{ NULL, "MODEL", NULL, false, NULL },
		{ "provider", "NAME", "only this one", false, &asked.provider },
		{ "catalog", "LIST", "else DIR/prices", false, &asked.catalog },
	};
	const char *provider, *model;
	struct catalog *catalog;
	json_t *found;
	int rc = parse(argc, argv, show_about, own, 3, &asked);

	if (rc != ARGS_GO)
		return rc;
	catalog = load(&asked, args_text(&asked.catalog, NULL));
	if (!catalog)
		return CLI_USAGE;
	provider = args_text(&asked.provider, NULL);
	model = asked.operands[0];
	found =
	    list_find(catalog, span_of(provider), span_of(model), asked.time_ns, asked.at.n > 0);
	catalog_unref(catalog);
	rc = json_array_size(found) ? CLI_OK : CLI_FAILED;
	for (size_t i = 0; !asked.json.n && i < json_array_size(found); i++)
		print_entry(json_array_get(found, i), model);
	if (rc)
		fprintf(stderr, "outlay prices show: no price list has %s%s%s\n", model,
			provider ? " of " : "", provider ?: "");
	else
		rc = asked.json.n ? print_json(found) : show_end();
	json_decref(found);
	return rc;
}

/* --- diff */

static void print_difference(const json_t *row)
{
	const char *old = json_string_value(json_object_get(row, "old"));
	const char *new = json_string_value(json_object_get(row, "new"));
	const char *ratio = json_string_value(json_object_get(row, "ratio"));
	const char *context = json_string_value(json_object_get(row, "context")) ?: "";
	char line[512], change[192] = "";

	if (old || new)
		snprintf(change, sizeof(change), " %s: %s%s%s%s%s", show_member(row, "bucket"),
			 old ?: "", old && new ? " -> " : "", new ?: "", ratio ? ", x " : "",
			 ratio ?: "");
	snprintf(line, sizeof(line), "%-7s %s/%s%s%s%s", show_member(row, "what"),
		 show_member(row, "provider"), show_member(row, "model"), context[0] ? " " : "",
		 context, change);
	show_line(SHOW_PLAIN, span_of(line));
}

int prices_diff_run(int argc, char **argv)
{
	struct asked asked = { .command = "prices diff" };
	const struct args_option own[] = {
		{ NULL, "A", NULL, false, NULL },
		{ NULL, "B", NULL, false, NULL },
	};
	struct catalog *a, *b;
	int rc = parse(argc, argv, diff_about, own, 2, &asked);

	if (rc != ARGS_GO)
		return rc;
	a = load(&asked, asked.operands[0]);
	b = a ? load(&asked, asked.operands[1]) : NULL;
	rc = CLI_USAGE;
	if (b) {
		FREE_JSON json_t *rows = list_diff(a, b, asked.time_ns);

		for (size_t i = 0; !asked.json.n && i < json_array_size(rows); i++)
			print_difference(json_array_get(rows, i));
		rc = asked.json.n ? print_json(rows) : show_end();
	}
	catalog_unref(a);
	catalog_unref(b);
	return rc;
}
