/* `outlay price FILE...`: recorded exchanges in, one usage event a line out. Needs no agent and no
 * rights: the work is in agent/offline; here are the options, the files and the exit status. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/offline.h"
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/cli.h"

static const char usage_text[] =
    "usage: outlay price [--config DIR] [--catalog NAME] FILE...\n"
    "\n"
    "Reads HAR 1.2 files, or JSON Lines with one HAR entry a line (\"-\" is standard input), and\n"
    "prints what each call used and cost: one usage event a line, in the order of the input.\n"
    "\n"
    "  --config DIR  where providers/ and prices/ are; else $OUTLAY_CONFIG, else /etc/outlay\n"
    "  --catalog NAME  prices by DIR/prices/NAME alone, such as seed-2025\n"
    "  -h, --help    this text\n";

static int print_event(void *ctx, struct span event)
{
	(void)ctx;
	if (fwrite(event.ptr, 1, event.len, stdout) != event.len || putchar('\n') == EOF)
		return -EPIPE;
	return 0;
}

static int complain(const struct err *err)
{
	fprintf(stderr, "outlay price: %s\n", err->text);
	return CLI_USAGE;
}

static int price_file(struct offline *offline, const char *path, struct err *err)
{
	CLOSE_FILE FILE *opened = NULL;

	if (strcmp(path, "-") == 0)
		return offline_file(offline, stdin, "standard input", err);
	opened = fopen(path, "re");
	if (!opened)
		return err_set(err, -errno, "%s: %m", path);
	return offline_file(offline, opened, path, err);
}

static int price_files(struct offline *offline, char **paths)
{
	struct err err = { "" };
	int rc = 0;

	while (!rc && *paths)
		rc = price_file(offline, *paths++, &err);
	/* What was priced before the broken place stands. */
	if (fflush(stdout) == EOF || rc == -EPIPE) {
		fprintf(stderr, "outlay price: standard output: cannot be written\n");
		return CLI_FAILED;
	}
	return rc ? complain(&err) : CLI_OK;
}

int price_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "catalog", required_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *config = getenv("OUTLAY_CONFIG"), *catalog = NULL;
	struct offline *offline = NULL;
	struct err err = { "" };
	int option, rc;

	opterr = 0;
	optind = 0; /* getopt starts anew */
	while (true) {
		option = getopt_long(argc, argv, "h", options, NULL);
		if (option < 0)
			break;
		if (option == 'h') {
			fputs(usage_text, stdout);
			return CLI_OK;
		}
		if (option != 'c' && option != 'n')
			return args_misused(argv[0], "%s is no option here, or has no value",
					    argv[optind - 1]);
		*(option == 'c' ? &config : &catalog) = optarg;
	}
	if (catalog && (!catalog[0] || strchr(catalog, '/')))
		return args_misused(argv[0], "%s is no name of a catalog", catalog);
	if (optind == argc)
		return args_misused(argv[0], "expected a FILE");
	rc = offline_new_catalog(config && config[0] ? config : "/etc/outlay", catalog, print_event,
				 NULL, &offline, &err);
	if (rc)
		return complain(&err);
	rc = price_files(offline, argv + optind);
	offline_free(offline);
	return rc;
}
