/* A file of recording.h -> exchanges, as http handed them on. Anything else in it is refused.
 * Exchanges that the file does not end are truncated at its end. */
#pragma once

#include <stdio.h>

#include "http/recording.h"

#define PLAYBACK_OPEN_MAX 65536 /* exchanges at a time */

struct playback_counts {
	uint64_t exchanges;
	uint64_t left_out_bytes; /* seen and not stored */
};

/* Up to the end or the first bad record, for which it is -EINVAL with "NAME: byte N: what was
 * expected"; -EIO, -ENOMEM. `ret_counts` is filled in any case. */
int playback_read(FILE *file, const char *name, const struct exchange_handler *next, void *ctx,
		  struct playback_counts *ret_counts, struct err *err);
