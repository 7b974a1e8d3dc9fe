/* PERF_RECORD_MMAP2 by a dummy software event on each CPU. Layouts: perf_event_open(2). */
#include "attach/mappings.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DATA_BYTES (64u << 10) /* of one CPU's ring */
#define CPUS_MAX   1024
/* A record is a head, at most PATH_MAX of name, and no samples. */
#define RECORD_MAX 8192

struct cpu_ring {
	int fd;
	void *map; /* the header page, then DATA_BYTES */
};

struct mappings {
	struct mappings_options options;
	unsigned n_rings;
	struct cpu_ring rings[];
};

struct mmap2_record {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t addr, len, pgoff;
	uint32_t major, minor;
	uint64_t inode, inode_generation;
	uint32_t prot, flags;
	char path[];
};

struct lost_record {
	struct perf_event_header header;
	uint64_t id, lost;
};

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static int open_ring(int cpu, struct cpu_ring *ret_ring)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.mmap = 1,
		.mmap2 = 1,
		.watermark = 1,
		.wakeup_watermark = 1,
	};
	CLOSE_FD int fd =
	    (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	void *map;

	if (fd < 0)
		return -errno;
	map = mmap(NULL, page_bytes() + DATA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret_ring = (struct cpu_ring){ .fd = TAKE_FD(fd), .map = map };
	return 0;
}

CLEANUP_FOR(mappings, struct mappings *, mappings_free)

int mappings_new(const struct mappings_options *options, struct mappings **ret_mappings,
		 struct err *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	CLEANUP(cleanup_mappings) struct mappings *m = NULL;

	if (cpus < 1 || cpus > CPUS_MAX)
		cpus = CPUS_MAX;
	m = calloc(1, sizeof(*m) + (size_t)cpus * sizeof(m->rings[0]));
	if (!m)
		return err_set(err, -ENOMEM, "out of memory");
	m->options = *options;
	for (int cpu = 0; cpu < cpus; cpu++) {
		int code = open_ring(cpu, &m->rings[m->n_rings]);

		if (code == -ENODEV) /* the CPU is offline */
			continue;
		if (code < 0)
			return err_set(
			    err, code,
			    "cannot watch for new libraries (perf_event_open: %s): needs "
			    "root or CAP_PERFMON, and CONFIG_PERF_EVENTS in the kernel",
			    strerror(-code));
		m->n_rings++;
	}
	*ret_mappings = TAKE_PTR(m);
	return 0;
}

void mappings_free(struct mappings *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->n_rings; i++) {
		munmap(m->rings[i].map, page_bytes() + DATA_BYTES);
		close(m->rings[i].fd);
	}
	free(m);
}

unsigned mappings_fds(const struct mappings *m, int *ret_fds, unsigned max)
{
	unsigned n = m->n_rings < max ? m->n_rings : max;

	for (unsigned i = 0; i < n; i++)
		ret_fds[i] = m->rings[i].fd;
	return n;
}

/* The ring wraps anywhere, so a record is copied out to be read in one piece. */
static void copy_out(const char *data, uint64_t at, void *out, size_t n)
{
	size_t start = at % DATA_BYTES;
	size_t first = n < DATA_BYTES - start ? n : DATA_BYTES - start;

	memcpy(out, data + start, first);
	memcpy((char *)out + first, data, n - first);
}

static bool take_record(struct mappings *m, char *record, size_t bytes)
{
	const struct perf_event_header *header = (const void *)record;

	record[bytes] = '\0';
	if (header->type == PERF_RECORD_LOST && bytes >= sizeof(struct lost_record)) {
		counter_add(m->options.lost, ((const struct lost_record *)(void *)record)->lost);
		return true;
	}
	if (header->type == PERF_RECORD_MMAP2 && bytes > offsetof(struct mmap2_record, path)) {
		const struct mmap2_record *r = (const void *)record;
		struct mapping mapping = { r->pid, r->addr, r->addr + r->len, r->inode, r->path };

		counter_add(m->options.seen, 1);
		m->options.mapped(m->options.ctx, &mapping);
	}
	return false;
}

static bool drain_ring(struct mappings *m, struct cpu_ring *ring)
{
	struct perf_event_mmap_page *page = ring->map;
	const char *data = (const char *)ring->map + page_bytes();
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = page->data_tail;
	_Alignas(8) char record[RECORD_MAX + 1];
	bool lost = false;

	while (tail < head) {
		struct perf_event_header header;

		copy_out(data, tail, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > RECORD_MAX) {
			lost = true;
			tail = head;
			break;
		}
		copy_out(data, tail, record, header.size);
		lost |= take_record(m, record, header.size);
		tail += header.size;
	}
	__atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
	return lost;
}

bool mappings_poll(struct mappings *m)
{
	bool lost = false;

	for (unsigned i = 0; i < m->n_rings; i++)
		lost |= drain_ring(m, &m->rings[i]);
	return lost;
}
