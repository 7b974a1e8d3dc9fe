/* The files with TLS inside that have been met: one entry an inode, whatever the number of
 * processes and names, with its probes. A file is opened, told by its content, and spoken of once.
 *
 * An entry holds the file open, so its inode's number cannot come to mean another file. It goes,
 * with its probes, when a sweep finds that no process maps it: at once if the file has been
 * unlinked, after LIBRARIES_IDLE_SWEEPS if not (its mount may be waiting to go). A file that was
 * overwritten in place is taken off at once: breakpoints would stand between other instructions. */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "attach/image.h"
#include "attach/probe.h"
#include "attach/version.h"
#include "base/counter.h"

#define LIBRARIES_MAX         1024
#define LIBRARIES_IDLE_SWEEPS 60

struct libraries;

struct libraries_counters {
	struct counter watched;   /* files that got probes */
	struct counter failed;    /* have TLS inside, but could not be probed */
	struct counter released;  /* nothing maps them any more */
	struct counter full;      /* not watched: LIBRARIES_MAX are */
	struct counter examined;  /* files opened to see what they are */
	struct counter forgotten; /* files without TLS that will have to be examined again */
};

struct libraries_options {
	struct probe_means means;
	void (*note)(void *ctx, const char *line);
	void *ctx;
};

/* NULL: out of memory. */
struct libraries *libraries_new(const struct libraries_options *options);
void libraries_free(struct libraries *libraries);

/* Whether a file that a process maps has to be opened and found: false when it is known. */
bool libraries_want(struct libraries *libraries, const struct stat *st);
/* `fd` is borrowed; `label` is what to call it to a person. */
void libraries_found(struct libraries *libraries, int fd, const char *label);

/* Around a look at all processes: what was not wanted or found in between is mapped by none. */
void libraries_begin_sweep(struct libraries *libraries);
void libraries_end_sweep(struct libraries *libraries);

/* What there is to say of one file. */
struct library_report {
	char path[160];                 /* by which it was first met, in whatever mount namespace */
	char build[IMAGE_BUILD_MAX];    /* its build id; empty: it says none */
	char why[160];                  /* it could not be probed; empty: it was */
	char version[VERSION_TEXT_MAX]; /* of the library; empty: not known */
	uint64_t dev, ino;
	unsigned number; /* in struct event_open; 0: EVENT_FILES_MAX had one before */
	unsigned kinds;  /* bits of enum image_kind */
	struct probe_facts facts;
};

/* Of at most `max` files; returns how many. */
unsigned libraries_report(const struct libraries *libraries, struct library_report *ret_reports,
			  unsigned max);

/* Every file that has probes; `fd` is borrowed. */
typedef void libraries_each_fn(void *ctx, int fd);
void libraries_each(struct libraries *libraries, libraries_each_fn *fn, void *ctx);

const struct libraries_counters *libraries_counters(const struct libraries *libraries);
