/* BPF_LINK_CREATE by hand: libbpf 1.1 knows neither multi nor session links. Perf links too are
 * made here, so that a link is an fd whatever its kind. */
#include "attach/link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/span.h"

/* include/uapi/linux/bpf.h of Linux 6.13; Debian 12's has none of it. */
#define ATTACH_UPROBE_MULTI   48
#define ATTACH_UPROBE_SESSION 57
#define FLAG_MULTI_RETURN     1

struct multi_link_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t n, multi_flags, pid, unused;
};

#define CLOSERS_MAX 64 /* threads */

#define PMU "/sys/bus/event_source/devices/uprobe/type"

const char *link_name(enum link_kind kind)
{
	static const char *const names[LINK_KINDS] = { "session", "multi", "perf" };

	return names[kind];
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && strcmp(name + n - m, suffix) == 0;
}

void link_prepare(struct bpf_object *object, enum link_kind kind)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		const char *name = bpf_program__name(program);
		bool session = has_suffix(name, "_session");

		if (bpf_program__type(program) != BPF_PROG_TYPE_KPROBE)
			continue;
		bpf_program__set_autoload(program, !session || kind == LINK_SESSION);
		if (kind != LINK_PERF)
			bpf_program__set_expected_attach_type(
			    program, session ? ATTACH_UPROBE_SESSION : ATTACH_UPROBE_MULTI);
	}
}

/* --- one link */

static int create_multi(uint32_t type, int program, int fd, const struct link_places *places,
			bool at_return)
{
	char path[32];
	struct multi_link_attr attr = {
		.prog_fd = (uint32_t)program,
		.attach_type = type,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)places->offsets,
		.cookies = (uintptr_t)places->cookies,
		.n = places->n,
		.multi_flags = at_return ? FLAG_MULTI_RETURN : 0,
	};
	long link;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	link = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return link < 0 ? -errno : (int)link;
}

/* Its number is the kernel's choice. 0: none. */
static uint32_t uprobe_pmu(void)
{
	CLOSE_FD int fd = open(PMU, O_RDONLY | O_CLOEXEC);
	char text[16];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	uint64_t type;

	if (n <= 0 || span_u64((struct span){ text, (size_t)n - 1 }, &type) < 0)
		return 0;
	return (uint32_t)type;
}

static int create_perf(int program, int fd, uint64_t offset, uint64_t cookie, bool at_return)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .perf_event.bpf_cookie = cookie);
	CLOSE_FD int event = -1;
	char path[32];
	struct perf_event_attr attr = {
		.type = uprobe_pmu(),
		.size = sizeof(attr),
		.config = at_return, /* format/retprobe: config:0 */
		.config1 = (uintptr_t)path,
		.config2 = offset,
	};
	int link;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	/* All processes; the CPU is not looked at by a uprobe. */
	event = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (event < 0)
		return -errno;
	link = bpf_link_create(program, event, BPF_PERF_EVENT, &opts);
	return link < 0 ? -errno : link; /* it keeps the event */
}

static int keep(struct links *links, int fd)
{
	unsigned room = links->room ? links->room * 2 : 8;
	int *fds =
	    links->n < links->room ? links->fds : realloc(links->fds, room * sizeof(*links->fds));

	if (fd < 0)
		return fd;
	if (!fds) {
		close(fd);
		return -ENOMEM;
	}
	if (links->n >= links->room)
		links->room = room;
	links->fds = fds;
	links->fds[links->n++] = fd;
	return 0;
}

int link_attach(enum link_kind kind, const struct bpf_program *program, int fd,
		const struct link_places *places, bool at_return, struct links *links)
{
	int program_fd = bpf_program__fd(program), code = 0;

	if (!places->n)
		return 0;
	if (kind == LINK_SESSION &&
	    bpf_program__expected_attach_type(program) == ATTACH_UPROBE_SESSION)
		return keep(links,
			    create_multi(ATTACH_UPROBE_SESSION, program_fd, fd, places, false));
	if (kind != LINK_PERF)
		return keep(links,
			    create_multi(ATTACH_UPROBE_MULTI, program_fd, fd, places, at_return));
	for (unsigned i = 0; i < places->n && code == 0; i++)
		code = keep(links, create_perf(program_fd, fd, places->offsets[i],
					       places->cookies[i], at_return));
	return code;
}

void link_move(struct links *from, struct links *to)
{
	while (from->n)
		(void)keep(to, from->fds[--from->n]);
	link_close(from);
}

struct closing {
	const struct links *links;
	_Atomic unsigned n;
};

static void *close_links(void *ctx)
{
	struct closing *closing = ctx;
	unsigned i;

	for (i = closing->n++; i < closing->links->n; i = closing->n++)
		close(closing->links->fds[i]);
	return NULL;
}

void link_close(struct links *links)
{
	struct closing closing = { .links = links };
	pthread_t threads[CLOSERS_MAX];
	unsigned n = 0;

	while (n < CLOSERS_MAX && n + 1 < links->n &&
	       pthread_create(&threads[n], NULL, close_links, &closing) == 0)
		n++;
	close_links(&closing);
	while (n)
		pthread_join(threads[--n], NULL);
	free(links->fds);
	*links = (struct links){ 0 };
}

int link_try(struct bpf_program *program, enum link_kind kind)
{
	const struct link_places head = { .n = 1 }; /* the ELF header: no code */
	CLOSE_FD int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct links links = { 0 };
	int code = self < 0 ? -errno : link_attach(kind, program, self, &head, false, &links);

	link_close(&links);
	return code;
}
