/* The sweep: /proc/PID/maps names the mappings, /proc/PID/map_files opens the very inode that is
 * mapped, whatever its path says, in whichever mount namespace, deleted or not. */
#include "attach/scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/span.h"

CLEANUP_FOR(dir, DIR *, closedir)

static void visit(const struct scan_visitor *visitor, const char *path, const char *name)
{
	CLOSE_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char label[256];

	if (fd < 0)
		return;
	span_copy(span_of(name), label, sizeof(label));
	visitor->found(visitor->ctx, fd, label);
}

void scan_directories(const struct scan_visitor *visitor)
{
	static const char *const directories[] = {
		"/lib",           "/lib64",          "/usr/lib", "/usr/lib64", "/usr/lib/*-gnu*",
		"/usr/local/lib", "/usr/local/lib64"
	};
	static const char *const names[] = { "libssl.so*", "libgnutls.so*" };
	glob_t found = { 0 };
	char pattern[64];

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
			snprintf(pattern, sizeof(pattern), "%s/%s", directories[i], names[j]);
			glob(pattern, found.gl_pathv ? GLOB_APPEND : 0, NULL, &found);
		}
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		visit(visitor, found.gl_pathv[i], found.gl_pathv[i]);
	globfree(&found);
}

bool scan_mapping(const char *proc, uint32_t pid, uint64_t start, uint64_t end, const char *path,
		  const struct scan_visitor *visitor)
{
	char link[128];
	struct stat st;

	snprintf(link, sizeof(link), "%s/%" PRIu32 "/map_files/%" PRIx64 "-%" PRIx64, proc, pid,
		 start, end);
	if (stat(link, &st) < 0)
		return false;
	/* A file that is no regular one may act when it is opened. */
	if (S_ISREG(st.st_mode) && visitor->want(visitor->ctx, &st))
		visit(visitor, link, path);
	return true;
}

/* "start-end perms offset dev inode   path": the path may hold anything but a newline. */
static void scan_line(const char *proc, uint32_t pid, char *line,
		      const struct scan_visitor *visitor)
{
	uint64_t start, end, inode;
	char perms[5];
	int path_at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %" SCNu64 " %n", &start, &end, perms,
		   &inode, &path_at) < 4 ||
	    perms[2] != 'x' || !inode)
		return;
	scan_mapping(proc, pid, start, end, line + path_at, visitor);
}

bool scan_process(const char *proc, uint32_t pid, const struct scan_visitor *visitor)
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
			line[n - 1] = '\0';
		scan_line(proc, pid, line, visitor);
	}
}

void scan_processes(const char *proc, const struct scan_visitor *visitor)
{
	CLEANUP(cleanup_dir) DIR *dir = opendir(proc);

	for (;;) {
		struct dirent *entry = dir ? readdir(dir) : NULL;
		uint64_t pid;

		if (!entry)
			return;
		if (span_u64(span_of(entry->d_name), &pid) == 0 && pid <= UINT32_MAX)
			scan_process(proc, (uint32_t)pid, visitor);
	}
}
