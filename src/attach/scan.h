/* Finds the files that processes map as code. A file is handed on as an open fd, obtained through
 * map_files (or a directory that only root writes), never by a path that a process chose: names
 * are for people only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct scan_visitor {
	/* Asked before a file is opened; most are known already. */
	bool (*want)(void *ctx, const struct stat *st);
	/* `fd` is borrowed. `label`: the path as the mapping shows it, safe to print. */
	void (*found)(void *ctx, int fd, const char *label);
	void *ctx;
};

/* TLS libraries where packages put them, so that the first program that uses one finds it watched.
 * Only root writes there. All others are found when they are mapped. */
void scan_directories(const struct scan_visitor *visitor);

void scan_processes(const char *proc, const struct scan_visitor *visitor);

/* The executable mappings of one process. False when the process is gone. */
bool scan_process(const char *proc, uint32_t pid, const struct scan_visitor *visitor);

/* One mapping, as a record of the kernel named it. False: not there (any more). */
bool scan_mapping(const char *proc, uint32_t pid, uint64_t start, uint64_t end, const char *path,
		  const struct scan_visitor *visitor);
