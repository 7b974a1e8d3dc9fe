/* Options, the path that they make, and the pieces of the answer put together to lines. */
#include "cli/listing.h"

#include <stdio.h>

#include "base/timestamp.h"
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/lines.h"
#include "cli/show.h"
#include "cli/since.h"

#define SHOWN 50 /* for people who do not say how many */

struct printing {
	const struct listing *listing;
	struct lines lines;
	unsigned width;
	bool json, has_heading;
};

static bool print_line(void *ctx, struct span line)
{
	struct printing *printing = ctx;

	if (!printing->has_heading)
		printing->listing->heading(printing->width);
	printing->has_heading = true;
	printing->listing->print(line, printing->width);
	return !ferror(stdout);
}

static bool on_piece(void *ctx, struct span piece)
{
	struct printing *printing = ctx;

	if (!printing->json)
		return lines_feed(&printing->lines, piece, print_line, printing);
	return fwrite(piece.ptr, 1, piece.len, stdout) == piece.len;
}

/* "?since=...&limit=..." of what was given. */
static int make_path(const char *command, const struct args *args, const struct args_value *since,
		     const struct args_value *limit, const struct listing *listing, char *path,
		     size_t size)
{
	char time[TIMESTAMP_TEXT_MAX];
	long long count = since->n || args->json ? 0 : SHOWN;
	int64_t since_ns;
	int n = snprintf(path, size, "%s", listing->path);

	if (limit->n && (!args_count(limit->texts[0], &count) || count < 1))
		return args_misused(command, "--limit: \"%s\" is no number of 1 or more",
				    limit->texts[0]);
	if (since->n) {
		if (since_parse(since->texts[0], clock_system.now_ns(&clock_system), &since_ns) < 0)
			return args_misused(command, "--since: \"%s\" is no time", since->texts[0]);
		n += snprintf(path + n, size - (size_t)n, "?since=%s",
			      timestamp_format(since_ns, time));
	}
	if (count)
		snprintf(path + n, size - (size_t)n, "%climit=%lld", since->n ? '&' : '?', count);
	return ARGS_GO;
}

int listing_run(int argc, char **argv, const struct listing *listing)
{
	struct args_value since = { .n = 0 }, limit = { .n = 0 };
	const struct args_option options[] = {
		{ "since", "TIME", "RFC 3339, a date, or how long ago: 15m, 2h, 7d", false,
		  &since },
		{ "limit", "N", "the newest N (else 50, or all with --json or --since)", false,
		  &limit },
	};
	struct printing printing = { .listing = listing, .width = show_width() };
	struct args args;
	char path[160];
	int code = args_parse(argc, argv, listing->about, options, 2, &args);

	if (code == ARGS_GO)
		code = make_path(argv[0], &args, &since, &limit, listing, path, sizeof(path));
	if (code != ARGS_GO)
		return code;
	printing.json = args.json;
	code = client_stream(args.socket, path, on_piece, &printing);
	lines_done(&printing.lines);
	if (code == 0 && !args.json && !printing.has_heading)
		puts(listing->none);
	return show_end() == CLI_OK && code == 0 ? CLI_OK : CLI_FAILED;
}
