/* The kernel's stream of executable mappings, system-wide (PERF_RECORD_MMAP2, one small ring a
 * CPU): how a library is found the moment a process maps it, also by a late dlopen. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/err.h"

struct mappings;

struct mapping {
	uint32_t pid;
	uint64_t start, end;
	uint64_t inode;   /* 0: no file */
	const char *path; /* borrowed; NUL-terminated; chosen by the process: never open it */
};

struct mappings_options {
	void (*mapped)(void *ctx, const struct mapping *mapping);
	void *ctx;
	struct counter *seen, *lost;
};

int mappings_new(const struct mappings_options *options, struct mappings **ret_mappings,
		 struct err *err);
void mappings_free(struct mappings *mappings);

/* Readable when there are records. Returns how many fds there are. */
unsigned mappings_fds(const struct mappings *mappings, int *ret_fds, unsigned max);

/* Reads all that is there. True when the kernel lost some: then a sweep is due. */
bool mappings_poll(struct mappings *mappings);
