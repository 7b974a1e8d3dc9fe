/* A file of record.h -> connections and chunks, as capture handed them on. Anything else in it is
 * refused. Connections that the file does not close are closed at its end. */
#pragma once

#include "capture/record.h"

struct playback_counts {
	uint64_t connections, chunks;
	uint64_t left_out_bytes; /* seen and not stored */
};

/* Up to the end or the first bad record, for which it is -EINVAL with "NAME: byte N: what was
 * expected"; -EIO, -ENOMEM. `ret_counts` is filled in any case. */
int playback_read(FILE *file, const char *name, const struct chunk_handler *next, void *ctx,
		  struct playback_counts *ret_counts, struct err *err);
