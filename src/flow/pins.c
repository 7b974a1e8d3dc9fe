/* The lock of a subfolder goes with its agent, however that ends: who can take it knows that nobody
 * is there. */
#include "flow/pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"

struct pins {
	const char *folder;
	char own[PATH_MAX];
	const char *left; /* there when we end; NULL: nothing is */
	int lock;
};

CLEANUP_FOR(pins, struct pins *, pins_free)
CLEANUP_FOR(dir, DIR *, closedir)

static int find(const char *path, const char *name)
{
	char full[PATH_MAX + 32];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", path, name);
	fd = bpf_obj_get(full);
	return fd < 0 ? -errno : fd;
}

static int open_locked(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int make_own(struct pins *p)
{
	long long now_ns = clock_system.monotonic_ns(&clock_system);

	if (mkdir(p->folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	snprintf(p->own, sizeof(p->own), "%s/%d-%lld", p->folder, getpid(), now_ns);
	if (mkdir(p->own, 0700) < 0)
		return -errno;
	p->lock = open_locked(p->own);
	return p->lock < 0 ? -errno : 0;
}

int pins_new(const char *folder, struct pins **ret_pins)
{
	CLEANUP(cleanup_pins) struct pins *p = calloc(1, sizeof(*p));
	int code;

	if (!p)
		return -ENOMEM;
	p->folder = folder;
	p->lock = -1;
	code = make_own(p);
	if (code == 0)
		*ret_pins = TAKE_PTR(p);
	return code;
}

/* To remove the last name of a link detaches it only when the kernel finds the time. */
static void detach(const char *folder, const char *name)
{
	CLOSE_FD int fd = find(folder, name);

	if (fd >= 0)
		(void)bpf_link_detach(fd); /* if it is a link */
}

/* `left` may be NULL. */
static void remove_all_but(const char *left, const char *path)
{
	CLEANUP(cleanup_dir) DIR *dir = opendir(path);
	struct dirent *entry = dir ? readdir(dir) : NULL;

	for (; entry; entry = readdir(dir)) {
		if (entry->d_type == DT_DIR || (left && !strcmp(entry->d_name, left)))
			continue;
		detach(path, entry->d_name);
		unlinkat(dirfd(dir), entry->d_name, 0);
	}
	rmdir(path); /* if it is empty */
}

void pins_free(struct pins *p)
{
	if (!p)
		return;
	remove_all_but(p->left, p->own);
	rmdir(p->folder);
	if (p->lock >= 0)
		close(p->lock);
	free(p);
}

int pins_put(const struct pins *p, const char *name, int fd)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", p->own, name);
	return bpf_obj_pin(fd, path) < 0 ? -errno : 0;
}

int pins_leave(struct pins *p, const char *name, int fd)
{
	p->left = name;
	return pins_put(p, name, fd);
}

/* Of those of dead agents, until `visit` finds something. */
static int visit_dead(const struct pins *p, int (*visit)(const char *path, const char *name),
		      const char *name)
{
	CLEANUP(cleanup_dir) DIR *dir = opendir(p->folder);
	struct dirent *entry = dir ? readdir(dir) : NULL;
	int found = -ENOENT;

	for (; entry && found < 0; entry = readdir(dir)) {
		CLOSE_FD int lock = -1;
		char path[PATH_MAX];
		int n = snprintf(path, sizeof(path), "%s/%s", p->folder, entry->d_name);

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || n >= (int)sizeof(path))
			continue;
		lock = open_locked(path);
		if (lock >= 0)
			found = visit(path, name);
	}
	return found;
}

int pins_find(const struct pins *p, const char *name)
{
	return visit_dead(p, find, name);
}

static int remove_dead(const char *path, const char *name)
{
	(void)name;
	remove_all_but(NULL, path);
	return -ENOENT;
}

void pins_take_over(const struct pins *p)
{
	(void)visit_dead(p, remove_dead, NULL);
	rmdir(p->folder);
}
