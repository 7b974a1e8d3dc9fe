/* A command that shows lines of the ledger as they come: all or the newest, since when, and with
 * --json as they are. */
#pragma once

#include "base/span.h"

struct listing {
	const char *about; /* a sentence */
	const char *path;
	const char *none;                /* what a person reads when there is nothing */
	void (*heading)(unsigned width); /* before the first line */
	bool (*print)(struct span json, unsigned width);
};

/* The command's exit code. */
int listing_run(int argc, char **argv, const struct listing *listing);
