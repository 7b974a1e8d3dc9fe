/* `outlay prices ...`: finds the command; import is here: catalogs of others into the directory of
 * price lists. Needs no agent. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/cli.h"
#include "cli/prices.h"
#include "price/import.h"

static const char usage_text[] =
    "usage: outlay prices show [OPTIONS] MODEL       every rate of a model; --help tells more\n"
    "       outlay prices diff [OPTIONS] A B         how two price lists differ\n"
    "       outlay prices import --from SOURCE [--version V] [--date DATE]\n"
    "                            [--provider NAME] [--into DIR] [--missing] [--force] FILE\n"
    "\n"
    "import adds the models and tiers of a foreign catalog to DIR, one file a provider. Lists what "
    "two\n"
    "sources say differently: the first one stays. A rate that its own source changed begins on\n"
    "DATE.\n"
    "\n"
    "  --from SOURCE    litellm, genai-prices or models.dev\n"
    "  --version V      of the source, recorded; else \"unknown\"\n"
    "  --date DATE      such as 2026-11-25; else today\n"
    "  --provider NAME  only this one\n"
    "  --into DIR       else /etc/outlay/prices\n"
    "  --missing        only models that DIR has not, from an old version of a source\n"
    "  --force          takes rates that change by 100-fold and more\n"
    "  -h, --help       this text\n";

static const struct option options[] = {
	{ "from", required_argument, NULL, 'f' },
	{ "version", required_argument, NULL, 'v' },
	{ "date", required_argument, NULL, 'd' },
	{ "provider", required_argument, NULL, 'p' },
	{ "into", required_argument, NULL, 'i' },
	{ "force", no_argument, NULL, 'F' },
	{ "missing", no_argument, NULL, 'm' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

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

/* Sets one option; false: it is none. */
static bool take(int option, struct import_options *import, const char **dir)
{
	switch (option) {
	case 'f':
		import->from = optarg;
		return true;
	case 'v':
		import->version = optarg;
		return true;
	case 'd':
		import->date = optarg;
		return true;
	case 'p':
		import->provider = optarg;
		return true;
	case 'i':
		*dir = optarg;
		return true;
	case 'm':
		import->only_missing = true;
		return true;
	case 'F':
		import->force = true;
		return true;
	}
	return false;
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
	char date[11];
	struct import_options import = { .version = "unknown", .say = print_line };
	const char *dir = "/etc/outlay/prices";

	import.date = today(date);
	opterr = 0;
	optind = 0; /* getopt starts anew */
	while (true) {
		int option = getopt_long(argc, argv, "h", options, NULL);

		if (option < 0)
			break;
		if (option == 'h') {
			fputs(usage_text, stdout);
			return CLI_OK;
		}
		if (!take(option, &import, &dir))
			return args_misused(argv[0], "%s is no option here, or has no value",
					    argv[optind - 1]);
	}
	if (optind + 2 != argc || strcmp(argv[optind], "import") != 0)
		return args_misused(argv[0], "expected show, diff, or import and one FILE");
	if (!import.from)
		return args_misused(argv[0], "expected --from SOURCE");
	return run_import(&import, argv[optind + 1], dir);
}

int prices_run(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "show") == 0)
		return prices_show_run(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "diff") == 0)
		return prices_diff_run(argc - 1, argv + 1);
	return import_run(argc, argv);
}
