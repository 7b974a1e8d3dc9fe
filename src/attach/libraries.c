/* Table of libraries by inode, and beside it the memory of files that are none. */
#include "attach/libraries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "attach/inodes.h"
#include "base/cleanup.h"
#include "base/span.h"
#include "bpf/event.h"

struct inode_key {
	uint64_t dev, ino;
};

struct library {
	UT_hash_handle hh;
	struct inode_key key;
	struct inode_id id;
	int fd;
	struct probes *probes; /* NULL: could not be probed; remembered so that it is said once */
	uint64_t sweep;        /* the last one that saw it mapped */
	struct library_report report;
};

struct libraries {
	struct libraries_options options;
	struct libraries_counters counters;
	struct inodes *others;
	struct library *table;
	uint64_t sweep;
	unsigned numbers; /* given to files: each one of its own */
};

CLEANUP_FOR(libraries, struct libraries *, libraries_free)

struct libraries *libraries_new(const struct libraries_options *options)
{
	CLEANUP(cleanup_libraries) struct libraries *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->options = *options;
	l->others = inodes_new(&l->counters.forgotten);
	return l->others ? TAKE_PTR(l) : NULL;
}

static void drop(struct libraries *l, struct library *library, struct links *links)
{
	HASH_DEL(l->table, library);
	probe_release(library->probes, links);
	close(library->fd);
	free(library);
}

void libraries_free(struct libraries *l)
{
	struct library *library, *next;
	struct links links = { 0 };

	if (!l)
		return;
	HASH_ITER(hh, l->table, library, next)
		drop(l, library, &links);
	link_close(&links);
	inodes_free(l->others);
	free(l);
}

__attribute__((format(printf, 2, 3))) static void note(struct libraries *l, const char *format, ...)
{
	char line[512];
	va_list args;

	if (!l->options.note)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	l->options.note(l->options.ctx, line);
}

static struct library *find(struct libraries *l, const struct inode_id *id)
{
	struct inode_key key;
	struct library *library;

	memset(&key, 0, sizeof(key));
	key.dev = id->dev;
	key.ino = id->ino;
	HASH_FIND(hh, l->table, &key, sizeof(key), library);
	return library;
}

bool libraries_want(struct libraries *l, const struct stat *st)
{
	struct inode_id id = inodes_id(st);
	struct links links = { 0 };
	struct library *library;

	if (!S_ISREG(st->st_mode))
		return false;
	library = find(l, &id);
	if (!library)
		return !inodes_has(l->others, &id);
	library->sweep = l->sweep;
	if (inodes_same(&library->id, &id))
		return false;
	drop(l, library, &links);
	link_close(&links);
	return true;
}

/* -ENOSPC: the table is full, or the process has no more descriptors. */
static int add(struct libraries *l, int fd, const struct inode_id *id, struct probes *probes,
	       const struct library_report *report)
{
	struct library *library =
	    HASH_COUNT(l->table) < LIBRARIES_MAX ? calloc(1, sizeof(*library)) : NULL;
	int held = library ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (held < 0) {
		free(library);
		return -ENOSPC;
	}
	library->key.dev = id->dev;
	library->key.ino = id->ino;
	library->id = *id;
	library->fd = held;
	library->probes = probes;
	library->report = *report;
	library->sweep = l->sweep;
	HASH_ADD(hh, l->table, key, sizeof(library->key), library);
	return 0;
}

/* -ENODATA: there is nothing to watch. */
static int try_probes(struct libraries *l, int fd, const struct library_report *r,
		      struct probes **ret_probes, struct err *err)
{
	unsigned kinds = r->kinds;
	int code = kinds ? probe_attach(&l->options.means, fd, kinds, r->number, ret_probes, err)
			 : -ENODATA;

	/* Nothing is wrong with a Go program that does without TLS. */
	return code == -ENOENT && kinds == IMAGE_GO ? -ENODATA : code;
}

static void note_watched(struct libraries *l, const char *label, const struct probe_facts *facts)
{
	note(l, "watching %s (%u probes, %u of them emulated%s)", label, facts->places,
	     facts->cheap,
	     facts->inner_read && facts->inner_write ? "; at its internal read and write" : "");
}

static void fill_report(struct library_report *r, int fd, const struct probes *probes,
			const struct err *err)
{
	image_build(fd, r->build);
	version_read(fd, r->version);
	if (probes)
		r->facts = *probe_facts(probes);
	else
		span_copy(span_of(err->text), r->why, sizeof(r->why));
}

void libraries_found(struct libraries *l, int fd, const char *label)
{
	struct library_report report = { .kinds = 0 };
	struct probes *probes = NULL;
	struct err err = { 0 };
	struct inode_id id;
	struct stat st;
	int code;

	if (fstat(fd, &st) < 0 || !libraries_want(l, &st))
		return;
	id = inodes_id(&st);
	counter_add(&l->counters.examined, 1);
	report =
	    (struct library_report){ .dev = id.dev, .ino = id.ino, .kinds = image_classify(fd) };
	report.number = l->numbers + 1 < EVENT_FILES_MAX ? l->numbers + 1 : 0;
	span_copy(span_of(label), report.path, sizeof(report.path));
	code = try_probes(l, fd, &report, &probes, &err);
	if (code == -ENODATA) {
		inodes_add(l->others, &id);
		return;
	}
	l->numbers += report.number > 0;
	fill_report(&report, fd, probes, &err);
	if (add(l, fd, &id, probes, &report) < 0) {
		probe_detach(probes);
		counter_add(&l->counters.full, 1);
		return;
	}
	counter_add(code < 0 ? &l->counters.failed : &l->counters.watched, 1);
	if (code < 0)
		note(l, "cannot watch %s: %s", label, err.text);
	else
		note_watched(l, label, probe_facts(probes));
}

void libraries_begin_sweep(struct libraries *l)
{
	l->sweep++;
}

static bool is_over(const struct libraries *l, const struct library *library)
{
	uint64_t idle = l->sweep - library->sweep;
	struct stat st;

	return idle > LIBRARIES_IDLE_SWEEPS ||
	       (idle && fstat(library->fd, &st) == 0 && !st.st_nlink);
}

void libraries_end_sweep(struct libraries *l)
{
	struct library *library, *next;
	struct links links = { 0 };

	HASH_ITER(hh, l->table, library, next) {
		if (!is_over(l, library))
			continue;
		counter_add(&l->counters.released, 1);
		drop(l, library, &links);
	}
	link_close(&links);
}

void libraries_each(struct libraries *l, libraries_each_fn *fn, void *ctx)
{
	struct library *library, *next;

	HASH_ITER(hh, l->table, library, next)
		if (library->probes)
			fn(ctx, library->fd);
}

unsigned libraries_report(const struct libraries *l, struct library_report *ret_reports,
			  unsigned max)
{
	struct library *library, *next;
	unsigned n = 0;

	HASH_ITER(hh, l->table, library, next)
		if (n < max)
			ret_reports[n++] = library->report;
	return n;
}

const struct libraries_counters *libraries_counters(const struct libraries *l)
{
	return &l->counters;
}
