/* `outlay prices ...`: finds the command; import is here: catalogs of others into the directory of
 * price lists. Needs no agent. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/prices.h"
#include "price/import.h"

static const char about[] =
    "Adds the models and tiers of a foreign catalog to the price lists, one file a provider. "
    "Lists\n"
    "what two sources say differently: the first one stays. A rate that its own source changed\n"
    "begins on DATE.";

#define DIRECTORY ARGS_CONFIG_DIR "/prices"

static void print_line(void *ctx, const char *line)
{
	(void)ctx;
	puts(line);
}

static const char *today(char out[static 11])
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(out, 11, "%Y-%m-%d", &utc);
	return out;
}

static int run_import(const struct import_options *import, const char *file, const char *dir)
{
	struct import_counts counts = { 0 };
	struct err err = { "" };

	if (import_file(import, file, dir, &counts, &err) < 0) {
		fprintf(stderr, "outlay prices: %s\n", err.text);
		return CLI_FAILED;
	}
	printf("%s %s: %u models added, %u changed, %u disputed, %u without a price left out\n",
	       import->from, import->version, counts.added, counts.changed, counts.disputed,
	       counts.left_out);
	return CLI_OK;
}

static int import_run(int argc, char **argv)
{
	struct args_value from = { .n = 0 }, version = { .n = 0 }, date = { .n = 0 };
	struct args_value provider = { .n = 0 }, into = { .n = 0 };
	struct args_value missing = { .n = 0 }, force = { .n = 0 };
	const struct args_option options[] = {
		{ NULL, "FILE", NULL, false, NULL },
		{ "from", "SOURCE", "litellm, genai-prices or models.dev", false, &from },
		{ "version", "V", "of the source, recorded; else \"unknown\"", false, &version },
		{ "date", "DATE", "such as 2026-11-25; else today", false, &date },
		{ "provider", "NAME", "only this one", false, &provider },
		{ "into", "DIR", "else " DIRECTORY, false, &into },
		{ "missing", NULL, "only models that DIR has not, from an old version of a source",
		  false, &missing },
		{ "force", NULL, "takes rates that change by 100-fold and more", false, &force },
	};
	char now[11];
	struct import_options import = { .say = print_line };
	struct args args;
	int rc = args_parse_local("prices import", argc, argv, about, options, 8, &args);

	if (rc != ARGS_GO)
		return rc;
	if (!from.n)
		return args_misused("prices import", "expected --from SOURCE");
	import.from = from.texts[0];
	import.version = args_text(&version, "unknown");
	import.date = args_text(&date, today(now));
	import.provider = args_text(&provider, NULL);
	import.only_missing = missing.n > 0;
	import.force = force.n > 0;
	return run_import(&import, args.operands[0], args_text(&into, DIRECTORY));
}

/* To add a command: a row here, see cli/prices.h. */
static const struct cli_command commands[] = {
	{ "show", "show MODEL", "every rate of a model", prices_show_run },
	{ "diff", "diff A B", "how two price lists differ", prices_diff_run },
	{ "import", "import --from SOURCE FILE", "takes a catalog of others", import_run },
};

int prices_run(int argc, char **argv)
{
	bool help = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	if (!help)
		return args_misused(argv[0], "expected show, diff or import");
	printf(
	    "Usage: outlay prices COMMAND [OPTIONS]; outlay prices COMMAND --help tells more.\n\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		printf("  %-40s %s\n", commands[i].usage, commands[i].help);
	return CLI_OK;
}
