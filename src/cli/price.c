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
#include "cli/explain.h"

static const char usage_text[] =
    "usage: outlay price [--config DIR] [--catalog NAME] [--explain [--json]] FILE...\n"
    "\n"
    "Reads HAR 1.2 files, or JSON Lines with one HAR entry a line (\"-\" is standard input), and\n"
    "prints what each call used and cost: one usage event a line, in the order of the input.\n"
    "\n"
    "  --config DIR  where providers/ and prices/ are; else $OUTLAY_CONFIG, else /etc/outlay\n"
    "  --catalog NAME  prices by DIR/prices/NAME alone, such as seed-2025\n"
    "  --explain     how each figure came about, step by step, in place of the event: what was\n"
    "                called, what was read of it and by which expression, which entry of which\n"
    "                price list matched, rates times counts, the sum and its rounding\n"
    "  --json        of --explain: an object a call, for programs\n"
    "  -h, --help    this text\n";

static int explain_event(struct explain *explain, struct span text)
{
	json_t *event = json_loadb(text.ptr, text.len, 0, NULL);
	bool printed = explain_print(explain, event);

	json_decref(event);
	return printed && !ferror(stdout) ? 0 : -EPIPE;
}

static int print_event(void *ctx, struct span event)
{
	struct explain *explain = ctx;

	if (explain)
		return explain_event(explain, event);
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

struct wanted {
	const char *config, *catalog;
	bool explain, json, help;
};

static int read_options(int argc, char **argv, struct wanted *wanted)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "catalog", required_argument, NULL, 'n' },
		{ "explain", no_argument, NULL, 'e' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option;

	opterr = 0;
	optind = 0; /* getopt starts anew */
	for (;;) {
		option = getopt_long(argc, argv, "h", options, NULL);
		if (option < 0)
			break;
		if (option == '?')
			return args_misused(argv[0], "%s is no option here, or has no value",
					    argv[optind - 1]);
		if (option == 'c' || option == 'n')
			*(option == 'c' ? &wanted->config : &wanted->catalog) = optarg;
		wanted->explain |= option == 'e';
		wanted->json |= option == 'j';
		wanted->help |= option == 'h';
	}
	if (wanted->catalog && (!wanted->catalog[0] || strchr(wanted->catalog, '/')))
		return args_misused(argv[0], "%s is no name of a catalog", wanted->catalog);
	if (optind == argc && !wanted->help)
		return args_misused(argv[0], "expected a FILE");
	return CLI_OK;
}

int price_run(int argc, char **argv)
{
	struct wanted wanted = { .config = getenv("OUTLAY_CONFIG") };
	struct offline *offline = NULL;
	struct explain *explain = NULL;
	struct err err = { "" };
	int rc = read_options(argc, argv, &wanted);

	if (rc != CLI_OK)
		return rc;
	if (wanted.help) {
		fputs(usage_text, stdout);
		return CLI_OK;
	}
	if (!wanted.config || !wanted.config[0])
		wanted.config = "/etc/outlay";
	if (wanted.explain) {
		explain = explain_new(wanted.config, wanted.json);
		if (!explain)
			return CLI_FAILED;
	}
	rc = offline_new(wanted.config, wanted.catalog, print_event, explain, &offline, &err);
	rc = rc ? complain(&err) : price_files(offline, argv + optind);
	offline_free(offline);
	explain_free(explain);
	return rc;
}
