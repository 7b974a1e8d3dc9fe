/* The only way between two loops: a bounded ring of structs by value, one producer thread, one
 * consumer thread, no lock. The consumer sleeps on `queue_fd`; the producer writes to it only
 * when the consumer said that it is about to sleep, and when the queue becomes half full, for a
 * consumer that lets items wait. A full queue is the caller's backpressure: queue_push says so and
 * nothing is dropped here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

/* `capacity` is rounded up to a power of two. -ENOMEM, or the eventfd's errno. */
int queue_new(size_t item_bytes, size_t capacity, struct queue **ret_queue);
void queue_free(struct queue *q);

/* Producer. False when full. */
bool queue_push(struct queue *q, const void *item);
/* The two halves of it, for a producer of several at once: waking costs more than all of them. */
bool queue_put(struct queue *q, const void *item);
void queue_wake(struct queue *q);
/* Producer: how many pushes are sure to succeed now. */
size_t queue_room(const struct queue *q);

/* Consumer. False when empty. */
bool queue_pop(struct queue *q, void *ret_item);
/* Consumer: an fd that becomes readable when there is something to pop after queue_sleep. */
int queue_fd(const struct queue *q);
/* Consumer: say so before waiting on the fd. True = sleep; false = an item came in between, pop
 * again. Clears the fd. */
bool queue_sleep(struct queue *q);

/* Any thread: items in it, for status. */
size_t queue_depth(const struct queue *q);
