/* Our own consumer instead of libbpf's: it takes a bounded batch, so that the loop stays in charge,
 * and it can tell "empty" from "being written", which the sleep protocol needs. */
#include "capture/ring.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"

struct ring {
	unsigned long *consumer; /* ours to write */
	unsigned long *producer; /* read-only, followed by the data */
	const unsigned char *data;
	size_t page_bytes;
	size_t data_bytes;
};

CLEANUP_FOR(ring, struct ring *, ring_close)

int ring_open(int map_fd, struct ring **ret_ring)
{
	CLEANUP(cleanup_ring) struct ring *ring = calloc(1, sizeof(*ring));
	struct bpf_map_info info = { 0 };
	uint32_t info_bytes = sizeof(info);
	void *map;

	if (!ring)
		return -ENOMEM;
	if (bpf_obj_get_info_by_fd(map_fd, &info, &info_bytes) < 0)
		return -errno;
	if (info.type != BPF_MAP_TYPE_RINGBUF)
		return -EINVAL;
	ring->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	map = mmap(NULL, ring->page_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	ring->consumer = map;
	map = mmap(NULL, ring->page_bytes + 2 * (size_t)info.max_entries, PROT_READ, MAP_SHARED,
		   map_fd, (off_t)ring->page_bytes);
	if (map == MAP_FAILED)
		return -errno;
	ring->data_bytes = info.max_entries;
	ring->producer = map;
	ring->data = (const unsigned char *)map + ring->page_bytes;
	*ret_ring = TAKE_PTR(ring);
	return 0;
}

void ring_close(struct ring *ring)
{
	if (!ring)
		return;
	if (ring->producer)
		munmap(ring->producer, ring->page_bytes + 2 * ring->data_bytes);
	if (ring->consumer)
		munmap(ring->consumer, ring->page_bytes);
	free(ring);
}

size_t ring_bytes(const struct ring *ring)
{
	return ring->data_bytes;
}

bool ring_holds_any(const struct ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) != *ring->consumer;
}

unsigned ring_drain(struct ring *ring, unsigned max, ring_record_fn *fn, void *ctx)
{
	unsigned long at = *ring->consumer;
	unsigned long end = __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE);
	unsigned n = 0;

	while (n < max && at < end) {
		const unsigned char *head = ring->data + (at & (ring->data_bytes - 1));
		uint32_t length =
		    __atomic_load_n((const uint32_t *)(const void *)head, __ATOMIC_ACQUIRE);

		if (length & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(length & BPF_RINGBUF_DISCARD_BIT)) {
			fn(ctx, head + BPF_RINGBUF_HDR_SZ, length);
			n++;
		}
		length &= ~BPF_RINGBUF_DISCARD_BIT;
		at += (length + BPF_RINGBUF_HDR_SZ + 7) & ~7UL;
		/* Given back record by record: a batch may take long. */
		__atomic_store_n(ring->consumer, at, __ATOMIC_RELEASE);
	}
	return n;
}
