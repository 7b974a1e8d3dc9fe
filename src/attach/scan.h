/* Finds TLS libraries: in the usual directories and in the mappings of processes. A file is handed
 * on as an open fd, obtained through map_files (or a directory that only root writes), never by a
 * path that a process chose. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* `fd` is borrowed. `label` is what to call it to a person: the path as the mapping shows it. */
typedef void scan_found_fn(void *ctx, int fd, const char *label);

/* Whether the last component of a path is a libssl: "libssl.so", "libssl.so.3", "libssl.so.1.1",
 * also with " (deleted)" behind it. */
bool scan_is_library(struct span path);

void scan_directories(scan_found_fn *fn, void *ctx);
void scan_processes(const char *proc, scan_found_fn *fn, void *ctx);

/* The library mappings of one process. False when the process is gone. */
bool scan_process(const char *proc, uint32_t pid, scan_found_fn *fn, void *ctx);

/* One mapping, as a record of the kernel named it. False: not there (any more). */
bool scan_mapping(const char *proc, uint32_t pid, uint64_t start, uint64_t end, const char *label,
		  scan_found_fn *fn, void *ctx);
