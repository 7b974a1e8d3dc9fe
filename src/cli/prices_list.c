/* `outlay prices show` and `outlay prices diff`: what price lists say. Need no agent. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
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

static const char show_usage[] =
    "usage: outlay prices show [--provider NAME] [--at DATE] [--catalog LIST] [--config DIR]\n"
    "                          [--json] MODEL\n"
    "\n"
    "Prints every rate by which calls of MODEL are priced: from when on, of which tier, length of\n"
    "input and hours, and where it is from. MODEL is matched as that of a call; \"*\" is the "
    "entry\n"
    "for calls that name none. Dim lines are not in force. USD for a million tokens, or one unit.\n"
    "\n"
    "  --provider NAME  only this one\n"
    "  --at DATE        only what is in force then\n"
    "  --catalog LIST   a name such as seed-2025 (DIR/prices/seed-2025), a directory or a file;\n"
    "                   else DIR/prices\n"
    "  --config DIR     else $OUTLAY_CONFIG, else /etc/outlay\n"
    "  --json           one JSON array of entries\n"
    "  -h, --help       this text\n";

static const char diff_usage[] =
    "usage: outlay prices diff [--at DATE] [--config DIR] [--json] A B\n"
    "\n"
    "Lists the models and rates that B adds to A, lacks or changes, and each change's ratio, of\n"
    "the rates in force. A and B are each a name such as seed-2025 (DIR/prices/seed-2025), a\n"
    "directory or a file.\n"
    "\n"
    "  --at DATE     as of then; else now\n"
    "  --config DIR  else $OUTLAY_CONFIG, else /etc/outlay\n"
    "  --json        one JSON array of differences\n"
    "  -h, --help    this text\n";

struct asked {
	const char *command, *usage, *provider, *at, *catalog, *config;
	bool json;
	int64_t time_ns;
	char **operands;
};

static const struct option options[] = {
	{ "provider", required_argument, NULL, 'p' },
	{ "catalog", required_argument, NULL, 'n' },
	{ "at", required_argument, NULL, 'a' },
	{ "config", required_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* Sets one option; false: it is none of this command. */
static bool take(int option, struct asked *asked)
{
	bool is_show = asked->usage == show_usage;

	switch (option) {
	case 'a':
		asked->at = optarg;
		return true;
	case 'c':
		asked->config = optarg;
		return true;
	case 'j':
		asked->json = true;
		return true;
	case 'p':
		asked->provider = optarg;
		return is_show;
	case 'n':
		asked->catalog = optarg;
		return is_show;
	}
	return false;
}

/* ARGS_GO, or the exit code. */
static int parse(int argc, char **argv, int n_operands, struct asked *asked)
{
	const char *config = getenv("OUTLAY_CONFIG");

	asked->config = config && config[0] ? config : "/etc/outlay";
	opterr = 0;
	optind = 0; /* getopt starts anew */
	while (true) {
		int option = getopt_long(argc, argv, "h", options, NULL);

		if (option < 0)
			break;
		if (option == 'h') {
			fputs(asked->usage, stdout);
			return CLI_OK;
		}
		if (!take(option, asked))
			return args_misused(asked->command, "%s is no option here, or has no value",
					    argv[optind - 1]);
	}
	if (optind + n_operands != argc)
		return args_misused(asked->command, "expected %s",
				    n_operands == 1 ? "one MODEL" : "two price lists, A and B");
	asked->operands = argv + optind;
	asked->time_ns = clock_system.now_ns(&clock_system);
	if (asked->at && timestamp_parse(span_of(asked->at), &asked->time_ns) < 0)
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
		     : catalog_load_named(asked->config, name, &catalog, &err);
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
	char when[32], over[32] = "", least[32];
	const char *bucket;
	json_t *rate;

	snprintf(when, sizeof(when), "%s%.11s", json_object_get(entry, "weekdays") ? "days " : "",
		 json_string_value(json_object_get(entry, "hours")) ?: "");
	put_count(entry, "input_over", over);
	json_object_foreach(json_object_get(entry, group), bucket, rate)
	{
		put_count(minimum, bucket, least);
		show_table_add(table, in_force ? SHOW_PLAIN : SHOW_DIM,
			       (const char *[]){ show_member(entry, "from"),
						 show_member(entry, "tier"), over, when, bucket,
						 json_string_value(rate), per, least });
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
	struct show_table table = { .n_columns = 8,
				    .right = { [2] = true, [5] = true, [7] = true } };
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
					 "PER", "AT LEAST" });
	for (size_t i = 0; i < json_array_size(rates); i++) {
		put_rates(&table, json_array_get(rates, i), "per_million", "1M tokens");
		put_rates(&table, json_array_get(rates, i), "per_unit", "one");
	}
	show_table_print(&table);
}

int prices_show_run(int argc, char **argv)
{
	struct asked asked = { .command = "prices show", .usage = show_usage };
	struct catalog *catalog;
	json_t *found;
	int rc = parse(argc, argv, 1, &asked);

	if (rc != ARGS_GO)
		return rc;
	catalog = load(&asked, asked.catalog);
	if (!catalog)
		return CLI_USAGE;
	found = list_find(catalog, span_of(asked.provider), span_of(asked.operands[0]),
			  asked.time_ns, asked.at);
	catalog_unref(catalog);
	rc = json_array_size(found) ? CLI_OK : CLI_FAILED;
	for (size_t i = 0; !asked.json && i < json_array_size(found); i++)
		print_entry(json_array_get(found, i), asked.operands[0]);
	if (rc)
		fprintf(stderr, "outlay prices show: no price list has %s%s%s\n", asked.operands[0],
			asked.provider ? " of " : "", asked.provider ?: "");
	else
		rc = asked.json ? print_json(found) : show_end();
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
	struct asked asked = { .command = "prices diff", .usage = diff_usage };
	struct catalog *a, *b;
	int rc = parse(argc, argv, 2, &asked);

	if (rc != ARGS_GO)
		return rc;
	a = load(&asked, asked.operands[0]);
	b = a ? load(&asked, asked.operands[1]) : NULL;
	rc = CLI_USAGE;
	if (b) {
		FREE_JSON json_t *rows = list_diff(a, b, asked.time_ns);

		for (size_t i = 0; !asked.json && i < json_array_size(rows); i++)
			print_difference(json_array_get(rows, i));
		rc = asked.json ? print_json(rows) : show_end();
	}
	catalog_unref(a);
	catalog_unref(b);
	return rc;
}
