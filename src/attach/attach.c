/* The privileged edge: loads the programs, keeps the host filter, and shows every file that is
 * mapped as code to the table of libraries, which puts the probes on. */
#include "attach/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "attach/libraries.h"
#include "attach/mappings.h"
#include "attach/scan.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/span.h"
#include "bpf/tls.skel.h"

#define PROC "/proc"

struct attach {
	struct attach_options options;
	struct attach_counters counters;
	struct probe_means means;
	struct mappings *mappings;
	struct libraries *libraries;
	struct scan_visitor visitor;
	unsigned turns;
};

static bool want_file(void *ctx, const struct stat *st)
{
	return libraries_want(ctx, st);
}

static void found_file(void *ctx, int fd, const char *label)
{
	libraries_found(ctx, fd, label);
}

static void mapped(void *ctx, const struct mapping *mapping)
{
	struct attach *a = ctx;

	if (!mapping->inode)
		return;
	/* The mapping may have been split since: then the process's own list has it. */
	if (!scan_mapping(PROC, mapping->pid, mapping->start, mapping->end, mapping->path,
			  &a->visitor) &&
	    !scan_process(PROC, mapping->pid, &a->visitor))
		counter_add(&a->counters.mappings_gone, 1);
}

static int check_kernel(struct err *err)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return err_set(
		    err, -ENOTSUP,
		    "the kernel has no BTF (/sys/kernel/btf/vmlinux): outlay needs Linux "
		    "5.17 or newer with CONFIG_DEBUG_INFO_BTF=y");
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK) < 0)
		return err_set(err, -ENOTSUP,
			       "the kernel has no uprobes: outlay needs CONFIG_UPROBE_EVENTS=y");
	return 0;
}

/* Linux 6.11 made a system call of the end of a return probe, 6.14 let it pass every seccomp
 * filter; which stable versions have that is not looked at. */
static bool returns_may_kill(void)
{
	unsigned major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major == 6 && minor >= 11 && minor <= 13;
}

static uint64_t boottime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * NS_PER_SEC + (uint64_t)t.tv_nsec;
}

static int load_for(struct attach *a, enum link_kind kind)
{
	struct tls_bpf *skeleton = tls_bpf__open();
	int code;

	if (!skeleton)
		return -errno;
	bpf_map__set_max_entries(skeleton->maps.events, a->options.ring_bytes);
	skeleton->rodata->agent_start_ns = boottime_ns();
	skeleton->rodata->request_keep_bytes = a->options.request_keep_bytes;
	link_prepare(skeleton->obj, kind);
	code = tls_bpf__load(skeleton);
	if (code == 0)
		code = link_try(kind == LINK_SESSION ? skeleton->progs.call_session
						     : skeleton->progs.call_enter,
				kind);
	if (code < 0) {
		tls_bpf__destroy(skeleton);
		return code;
	}
	a->means.skeleton = skeleton;
	a->means.links = kind;
	return 0;
}

static int load_programs(struct attach *a, struct err *err)
{
	const char *links = a->options.links, *returns = a->options.returns;
	int code = -EINVAL;

	libbpf_set_print(NULL);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	for (unsigned kind = 0; kind < LINK_KINDS && code < 0; kind++)
		if (!links || strcmp(links, link_name(kind)) == 0)
			code = load_for(a, kind);
	a->means.at_rets = returns ? strcmp(returns, "ret") == 0 : returns_may_kill();
	if (code < 0 && geteuid() != 0)
		return err_set(err, -EPERM,
			       "not root: run it with sudo, or give it CAP_BPF, CAP_PERFMON, "
			       "CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and CAP_CHECKPOINT_RESTORE");
	if (code < 0)
		return err_set(
		    err, code,
		    "the kernel refused the BPF programs: %s (outlay needs Linux 5.17 or "
		    "newer, and lockdown below `confidentiality`)",
		    strerror(-code));
	return 0;
}

CLEANUP_FOR(attach, struct attach *, attach_free)

int attach_new(const struct attach_options *options, struct attach **ret_attach, struct err *err)
{
	CLEANUP(cleanup_attach) struct attach *a = calloc(1, sizeof(*a));
	struct mappings_options watch = { .mapped = mapped, .ctx = a };
	int code;

	if (!a)
		return err_set(err, -ENOMEM, "out of memory");
	a->options = *options;
	code = check_kernel(err);
	if (code == 0)
		code = load_programs(a, err);
	if (code < 0)
		return code;
	a->libraries = libraries_new(&(struct libraries_options){
	    .means = a->means, .note = options->note, .ctx = options->ctx });
	if (!a->libraries)
		return err_set(err, -ENOMEM, "out of memory");
	a->visitor = (struct scan_visitor){ want_file, found_file, a->libraries };
	watch.seen = &a->counters.mappings_seen;
	watch.lost = &a->counters.mappings_lost;
	code = mappings_new(&watch, &a->mappings, err);
	if (code < 0)
		return code;
	*ret_attach = TAKE_PTR(a);
	return 0;
}

void attach_free(struct attach *a)
{
	if (!a)
		return;
	mappings_free(a->mappings);
	libraries_free(a->libraries);
	tls_bpf__destroy(a->means.skeleton);
	free(a);
}

void attach_sweep(struct attach *a)
{
	libraries_begin_sweep(a->libraries);
	scan_directories(&a->visitor);
	scan_processes(PROC, &a->visitor);
	libraries_end_sweep(a->libraries);
}

unsigned attach_fds(const struct attach *a, int *ret_fds, unsigned max)
{
	return mappings_fds(a->mappings, ret_fds, max);
}

void attach_poll(struct attach *a)
{
	if (mappings_poll(a->mappings))
		attach_sweep(a);
}

/* --- the host filter */

static uint64_t hash_host(const char *name)
{
	uint64_t h = EVENT_FNV_OFFSET;

	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c + 'a' - 'A');
		h = (h ^ c) * EVENT_FNV_PRIME;
	}
	return h;
}

static bool wanted(const char *const *patterns, unsigned n, uint64_t hash, bool wildcard)
{
	for (unsigned i = 0; i < n; i++) {
		bool is_wildcard = patterns[i][0] == '*';

		if (is_wildcard == wildcard && hash_host(patterns[i] + is_wildcard) == hash)
			return true;
	}
	return false;
}

static void drop_stale(int map, const char *const *patterns, unsigned n, bool wildcard)
{
	uint64_t key, next;
	int more = bpf_map_get_next_key(map, NULL, &next);

	while (more == 0) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next);
		if (!wanted(patterns, n, key, wildcard))
			bpf_map_delete_elem(map, &key);
	}
}

int attach_set_hosts(struct attach *a, const char *const *patterns, unsigned n, struct err *err)
{
	int hosts = bpf_map__fd(a->means.skeleton->maps.hosts);
	int wildcards = bpf_map__fd(a->means.skeleton->maps.wildcards);

	if (n > EVENT_HOSTS_MAX)
		return err_set(err, -E2BIG, "%u provider hosts: the limit is %d", n,
			       EVENT_HOSTS_MAX);
	/* New ones first: a host that stays is never missing in between. */
	for (unsigned i = 0; i < n; i++) {
		bool wildcard = patterns[i][0] == '*';
		uint64_t key = hash_host(patterns[i] + wildcard);

		if (bpf_map_update_elem(wildcard ? wildcards : hosts, &key, &i, BPF_ANY) < 0)
			return err_set(err, -errno, "host filter: %s", strerror(errno));
	}
	drop_stale(hosts, patterns, n, false);
	drop_stale(wildcards, patterns, n, true);
	return 0;
}

/* --- what others need of the programs */

int attach_ring_fd(const struct attach *a)
{
	return bpf_map__fd(a->means.skeleton->maps.events);
}

_Atomic uint32_t *attach_wait_bytes(struct attach *a)
{
	return (_Atomic uint32_t *)&a->means.skeleton->bss->reader_waits_for;
}

struct attach_shared attach_shared(const struct attach *a)
{
	const struct tls_bpf *skeleton = a->means.skeleton;

	return (struct attach_shared){
		.hosts_fd = bpf_map__fd(skeleton->maps.hosts),
		.wildcards_fd = bpf_map__fd(skeleton->maps.wildcards),
		.connections_fd = bpf_map__fd(skeleton->maps.connections),
		.handshakes_fd = bpf_map__fd(skeleton->maps.handshakes),
	};
}

void attach_each(struct attach *a, libraries_each_fn *fn, void *ctx)
{
	libraries_each(a->libraries, fn, ctx);
}

unsigned attach_report(const struct attach *a, struct library_report *ret_reports, unsigned max)
{
	return libraries_report(a->libraries, ret_reports, max);
}

void attach_read_counters(const struct attach *a, uint64_t ret[static EVENT_COUNTER_MAX])
{
	int n_cpus = libbpf_num_possible_cpus();
	FREE_PTR uint64_t *values = n_cpus > 0 ? calloc((size_t)n_cpus, sizeof(*values)) : NULL;

	memset(ret, 0, EVENT_COUNTER_MAX * sizeof(*ret));
	for (uint32_t i = 0; values && i < EVENT_COUNTER_MAX; i++) {
		if (bpf_map_lookup_elem(bpf_map__fd(a->means.skeleton->maps.counters), &i, values) <
		    0)
			continue;
		for (int cpu = 0; cpu < n_cpus; cpu++)
			ret[i] += values[cpu];
	}
}

static void forget_dead(struct attach *a)
{
	struct {
		uint64_t ssl;
		uint32_t tgid, unused;
	} key, next;
	__u64 *live = &a->means.skeleton->bss->connections_live;
	int map = bpf_map__fd(a->means.skeleton->maps.connections);
	int more = bpf_map_get_next_key(map, NULL, &next);

	while (more == 0) {
		key = next;
		more = bpf_map_get_next_key(map, &key, &next);
		if (kill((pid_t)key.tgid, 0) < 0 && errno == ESRCH &&
		    bpf_map_delete_elem(map, &key) == 0)
			__atomic_sub_fetch(live, 1, __ATOMIC_RELAXED);
	}
}

void attach_tend(struct attach *a)
{
	forget_dead(a);
	if (++a->turns % ATTACH_SWEEP_TURNS == 0)
		attach_sweep(a);
}

const char *attach_links(const struct attach *a)
{
	return link_name(a->means.links);
}

const char *attach_returns(const struct attach *a)
{
	return a->means.at_rets ? "ret" : "probe";
}

const struct attach_counters *attach_counters(const struct attach *a)
{
	return &a->counters;
}

const struct libraries_counters *attach_libraries(const struct attach *a)
{
	return libraries_counters(a->libraries);
}
