/* `outlay price FILE...`: recorded exchanges in, one usage event a line out. Needs no agent and no
 * rights: the work is in agent/offline; here are the options, the files and the exit status. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/offline.h"
#include "base/cleanup.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/explain.h"

static const char about[] =
    "Reads HAR 1.2 files, or JSON Lines with one HAR entry a line (\"-\" is standard input), and\n"
    "prints what each call used and cost: one usage event a line, in the order of the input.\n"
    "--explain prints how each figure came about in place of the event, step by step: what was\n"
    "called, what was read of it and by which expression, which entry of which price list\n"
    "matched, rates times counts, the sum and its rounding.";

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

int price_run(int argc, char **argv)
{
	struct args_value config = { .n = 0 }, catalog = { .n = 0 }, steps = { .n = 0 };
	struct args_value json = { .n = 0 };
	const struct args_option options[] = {
		{ NULL, "FILE", NULL, true, NULL },
		{ "config", "DIR",
		  "where providers/ and prices/ are (OUTLAY_CONFIG; " ARGS_CONFIG_DIR ")", false,
		  &config },
		{ "catalog", "NAME", "prices by DIR/prices/NAME alone, such as seed-2025", false,
		  &catalog },
		{ "explain", NULL, "the steps in place of the event", false, &steps },
		{ "json", NULL, "of --explain: an object a call, for programs", false, &json },
	};
	const char *name = NULL;
	struct offline *offline = NULL;
	struct explain *explain = NULL;
	struct err err = { "" };
	struct args args;
	int rc = args_parse_local(argv[0], argc, argv, about, options, 5, &args);

	if (rc != ARGS_GO)
		return rc;
	name = args_text(&catalog, NULL);
	if (name && (!name[0] || strchr(name, '/')))
		return args_misused(argv[0], "%s is no name of a catalog", name);
	if (steps.n) {
		explain = explain_new(args_config(&config), json.n > 0);
		if (!explain)
			return CLI_FAILED;
	}
	rc = offline_new(args_config(&config), name, print_event, explain, &offline, &err);
	rc = rc ? complain(&err) : price_files(offline, args.operands);
	offline_free(offline);
	explain_free(explain);
	return rc;
}
