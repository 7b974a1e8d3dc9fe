/* Single-producer single-consumer ring. head is written by the producer, tail by the consumer, each
 * on a cache line of its own. `asleep` closes the race between "empty" and "sleep": both sides put
 * a full fence between their own store and the load of the other's. */
#include "base/queue.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/pages.h"

struct queue {
	alignas(64) _Atomic size_t head;
	alignas(64) _Atomic size_t tail;
	alignas(64) _Atomic bool asleep;
	size_t mask;
	size_t item_bytes;
	int fd;
	unsigned char items[];
};

int queue_new(size_t item_bytes, size_t capacity, struct queue **ret_queue)
{
	size_t slots = 2, bytes;
	struct queue *q;
	int fd;

	while (slots < capacity)
		if (__builtin_mul_overflow(slots, 2, &slots))
			return -ENOMEM;
	if (__builtin_mul_overflow(slots, item_bytes, &bytes) ||
	    __builtin_add_overflow(bytes, sizeof(*q), &bytes))
		return -ENOMEM;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	q = pages_new(bytes);
	if (!q) {
		close(fd);
		return -ENOMEM;
	}
	q->mask = slots - 1;
	q->item_bytes = item_bytes;
	q->fd = fd;
	*ret_queue = q;
	return 0;
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	close(q->fd);
	pages_free(q, sizeof(*q) + (q->mask + 1) * q->item_bytes);
}

static unsigned char *slot(struct queue *q, size_t index)
{
	return q->items + (index & q->mask) * q->item_bytes;
}

size_t queue_depth(const struct queue *q)
{
	/* The tail first: a third thread must not see a tail that has passed its head. The head may
	 * run ahead meanwhile, which only the caller of either side knows that it did not. */
	size_t tail = atomic_load_explicit(&q->tail, memory_order_acquire);
	size_t depth = atomic_load_explicit(&q->head, memory_order_acquire) - tail;

	return depth <= q->mask ? depth : q->mask + 1;
}

size_t queue_room(const struct queue *q)
{
	return q->mask + 1 - queue_depth(q);
}

static void ring(struct queue *q)
{
	uint64_t one = 1;

	(void)!write(q->fd, &one, sizeof(one));
}

bool queue_put(struct queue *q, const void *item)
{
	size_t head = atomic_load_explicit(&q->head, memory_order_relaxed), room = queue_room(q);

	if (!room)
		return false;
	memcpy(slot(q, head), item, q->item_bytes);
	atomic_store_explicit(&q->head, head + 1, memory_order_release);
	if (room - 1 == (q->mask + 1) / 2)
		ring(q);
	return true;
}

void queue_wake(struct queue *q)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (queue_depth(q) && atomic_load_explicit(&q->asleep, memory_order_relaxed) &&
	    atomic_exchange_explicit(&q->asleep, false, memory_order_relaxed))
		ring(q);
}

bool queue_push(struct queue *q, const void *item)
{
	bool put = queue_put(q, item);

	if (put)
		queue_wake(q);
	return put;
}

bool queue_pop(struct queue *q, void *ret_item)
{
	size_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);

	if (atomic_load_explicit(&q->head, memory_order_acquire) == tail)
		return false;
	memcpy(ret_item, slot(q, tail), q->item_bytes);
	atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
	return true;
}

int queue_fd(const struct queue *q)
{
	return q->fd;
}

bool queue_sleep(struct queue *q)
{
	uint64_t count;

	(void)!read(q->fd, &count, sizeof(count));
	atomic_store_explicit(&q->asleep, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	if (!queue_depth(q))
		return true;
	atomic_store_explicit(&q->asleep, false, memory_order_relaxed);
	return false;
}
