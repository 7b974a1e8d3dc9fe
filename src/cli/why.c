/* outlay why EVENT_ID: how the figure of a captured call came about. The event comes from the
 * ledger through the agent's socket; the printer is that of `outlay price --explain`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/uuid.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/explain.h"
#include "cli/show.h"

#define EVENT_BYTES_MAX (1u << 20)

static const char about[] =
    "Shows how the figure of a captured call came about, step by step: what was called, what was\n"
    "read of it, which price matched, rates times counts, the sum and its rounding. The id of a\n"
    "call is its event_id in outlay calls --json. Rates and counts are those that its event has;\n"
    "the expressions are those of the provider's file as it is now.";

static bool on_piece(void *ctx, struct span piece)
{
	buf_put(ctx, piece);
	return true;
}

static int explain_one(const char *config, bool json, struct span line, const char *id)
{
	json_t *event = json_loadb(line.ptr, line.len, 0, NULL);
	struct explain *explain = explain_new(config, json);
	bool printed = explain && event && explain_print(explain, event);

	explain_free(explain);
	json_decref(event);
	if (printed)
		return show_end();
	fprintf(stderr, "outlay why: the ledger has no call %s, or none of yours\n", id);
	return CLI_FAILED;
}

int why_run(int argc, char **argv)
{
	struct args_value id = { .n = 0 }, config = { .n = 0 };
	const struct args_option options[] = {
		{ NULL, "EVENT_ID", "the event_id of the call", false, &id },
		{ "config", "DIR", "where providers/ is (OUTLAY_CONFIG; " ARGS_CONFIG_DIR ")",
		  false, &config },
	};
	struct buf line = buf_with_max(EVENT_BYTES_MAX);
	struct uuid parsed;
	struct args args;
	char path[80];
	int code = args_parse(argc, argv, about, options, 2, &args);

	if (code != ARGS_GO)
		return code;
	if (uuid_parse(span_of(id.texts[0]), &parsed) < 0)
		return args_misused(argv[0], "\"%s\" is no event_id", id.texts[0]);
	snprintf(path, sizeof(path), "/v1/calls?event_id=%s", id.texts[0]);
	code = client_stream(args.socket, path, on_piece, &line);
	if (code == 0)
		code = explain_one(args_config(&config), args.json, buf_span(&line), id.texts[0]);
	buf_done(&line);
	return code < 0 ? CLI_FAILED : code;
}
