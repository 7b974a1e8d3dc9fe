/* Loads the BPF programs and attaches them to every file with TLS inside on the host, once an
 * inode: those of the usual directories, those that running processes map, and those that are
 * mapped later (PERF_RECORD_MMAP2). What a file is, its content tells. Files are opened through
 * map_files, never by a path that a process chose. Owned by the main loop; needs root (CAP_BPF,
 * CAP_PERFMON, CAP_SYS_PTRACE and kin). */
#pragma once

#include "attach/libraries.h"
#include "base/counter.h"
#include "base/err.h"
#include "bpf/event.h"

struct attach;

struct attach_counters {
	struct counter mappings_seen;
	struct counter mappings_gone; /* the process had ended before its mapping was looked at */
	struct counter mappings_lost; /* the kernel's own count of dropped MMAP2 records */
};

struct attach_options {
	unsigned ring_bytes; /* power of two, whole pages */
	/* Bytes kept at each end of one write of a request, at most EVENT_KEEP_MAX; 0 keeps all. */
	unsigned request_keep_bytes;
	/* NULL: the best that the kernel has; else a link_name(). */
	const char *links;
	/* NULL: as the kernel's version demands; else "probe" or "ret" (probe.h, at_rets). */
	const char *returns;
	/* A line for the person at the terminal: which library, how many probes, or why not. */
	void (*note)(void *ctx, const char *line);
	void *ctx;
};

/* -EPERM, -ENOTSUP, ... with one line that says what is missing and how to get it. */
int attach_new(const struct attach_options *options, struct attach **ret_attach, struct err *err);
void attach_free(struct attach *attach);

/* The host filter: patterns as in provider files, "a.example.com" or "*.example.com". -E2BIG. */
int attach_set_hosts(struct attach *attach, const char *const *patterns, unsigned n,
		     struct err *err);

/* Looks at every process and the usual directories once, and takes probes off what nothing maps any
 * more. */
void attach_sweep(struct attach *attach);

#define ATTACH_SWEEP_TURNS 6
/* For a timer, every ten seconds or so: forgets connections in the kernel whose process is gone
 * without ending them, and sweeps every ATTACH_SWEEP_TURNS times. */
void attach_tend(struct attach *attach);

/* Fds (one a CPU) that become readable when a library was mapped; attach_poll then reads them. */
unsigned attach_fds(const struct attach *attach, int *ret_fds, unsigned max);
void attach_poll(struct attach *attach);

/* How probes are put on, for people: a link_name(), and "probe" or "ret". */
const char *attach_links(const struct attach *attach);
const char *attach_returns(const struct attach *attach);

/* For src/capture: the ring, and what in it is worth waking its reader for. */
int attach_ring_fd(const struct attach *attach);
_Atomic uint32_t *attach_wait_bytes(struct attach *attach);

/* Maps that the flow programs share (bpf/shared.h), borrowed. */
struct attach_shared {
	int hosts_fd, wildcards_fd, connections_fd, handshakes_fd;
};
struct attach_shared attach_shared(const struct attach *attach);

/* Files with TLS inside, watched or not: at most `max`, returns how many. */
unsigned attach_report(const struct attach *attach, struct library_report *ret_reports,
		       unsigned max);
/* Every file that has probes. */
void attach_each(struct attach *attach, libraries_each_fn *fn, void *ctx);

/* Sums the per-CPU counters. */
void attach_read_counters(const struct attach *attach, uint64_t ret[static EVENT_COUNTER_MAX]);
const struct attach_counters *attach_counters(const struct attach *attach);
const struct libraries_counters *attach_libraries(const struct attach *attach);
