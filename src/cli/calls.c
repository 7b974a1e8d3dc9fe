/* outlay calls: what the ledger holds, oldest first; with --json the events as they are. */
#include "cli/cli.h"
#include "cli/event.h"
#include "cli/listing.h"

int calls_run(int argc, char **argv)
{
	static const struct listing calls = { .about = "Shows calls of the ledger, oldest first.",
					      .path = "/v1/calls",
					      .none = "No call.",
					      .heading = event_print_heading,
					      .print = event_print };

	return listing_run(argc, argv, &calls);
}
