/* The sweep: /proc/PID/maps names the mappings, /proc/PID/map_files opens the very inode that is
 * mapped, whatever its path says, in whichever mount namespace, deleted or not. */
#include "attach/scan.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"

CLEANUP_FOR(dir, DIR *, closedir)

bool scan_is_library(struct span path)
{
	static const struct span stem = { "libssl.so", 9 };
	struct span name = path;

	for (size_t i = 0; i < path.len; i++)
		if (path.ptr[i] == '/')
			name = span_skip(path, i + 1);
	if (!span_starts(name, stem))
		return false;
	name = span_skip(name, stem.len);
	return !name.len || name.ptr[0] == '.' || name.ptr[0] == ' ';
}

void scan_directories(scan_found_fn *fn, void *ctx)
{
	/* Where packages put it; only root writes there. Others are found when they are mapped. */
	static const char *const patterns[] = { "/lib/libssl.so*",
						"/lib64/libssl.so*",
						"/usr/lib/libssl.so*",
						"/usr/lib64/libssl.so*",
						"/usr/lib/*-gnu*/libssl.so*",
						"/usr/local/lib/libssl.so*",
						"/usr/local/lib64/libssl.so*" };
	glob_t found = { 0 };

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		glob(patterns[i], i ? GLOB_APPEND : 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		CLOSE_FD int fd = open(found.gl_pathv[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);

		if (fd >= 0)
			fn(ctx, fd, found.gl_pathv[i]);
	}
	globfree(&found);
}

bool scan_mapping(const char *proc, uint32_t pid, uint64_t start, uint64_t end, const char *label,
		  scan_found_fn *fn, void *ctx)
{
	CLOSE_FD int fd = -1;
	char path[128];

	snprintf(path, sizeof(path), "%s/%" PRIu32 "/map_files/%" PRIx64 "-%" PRIx64, proc, pid,
		 start, end);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	fn(ctx, fd, label);
	return true;
}

/* "start-end perms offset dev inode   path": the path may hold anything but a newline. */
static void scan_line(const char *proc, uint32_t pid, struct span line, scan_found_fn *fn,
		      void *ctx)
{
	uint64_t start, end;
	char perms[5], label[256];
	int path_at = 0;

	if (sscanf(line.ptr, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %*s %n", &start, &end, perms,
		   &path_at) < 3 ||
	    perms[2] != 'x' || !path_at)
		return;
	line = span_skip(line, (size_t)path_at);
	if (!scan_is_library(line))
		return;
	span_copy(line, label, sizeof(label));
	scan_mapping(proc, pid, start, end, label, fn, ctx);
}

bool scan_process(const char *proc, uint32_t pid, scan_found_fn *fn, void *ctx)
{
	CLOSE_FILE FILE *maps = NULL;
	FREE_PTR char *line = NULL;
	size_t room = 0;
	char path[64];

	snprintf(path, sizeof(path), "%s/%" PRIu32 "/maps", proc, pid);
	maps = fopen(path, "re");
	if (!maps)
		return false;
	for (;;) {
		ssize_t n = getline(&line, &room, maps);

		if (n <= 0)
			return true;
		if (line[n - 1] == '\n')
			line[--n] = '\0';
		scan_line(proc, pid, (struct span){ line, (size_t)n }, fn, ctx);
	}
}

void scan_processes(const char *proc, scan_found_fn *fn, void *ctx)
{
	CLEANUP(cleanup_dir) DIR *dir = opendir(proc);

	for (;;) {
		struct dirent *entry = dir ? readdir(dir) : NULL;
		uint64_t pid;

		if (!entry)
			return;
		if (span_u64(span_of(entry->d_name), &pid) == 0 && pid <= UINT32_MAX)
			scan_process(proc, (uint32_t)pid, fn, ctx);
	}
}
