/* The consumer side of a BPF ring buffer (Documentation/bpf/ringbuf.rst): one page of our position,
 * one of the kernel's, then the data, mapped twice so that a record never wraps. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct ring;

/* `map_fd` is borrowed and must stay open; it is what to poll. */
int ring_open(int map_fd, struct ring **ret_ring);
void ring_close(struct ring *ring);

typedef void ring_record_fn(void *ctx, const void *record, size_t bytes);

/* Hands on at most `max` finished records; returns how many. */
unsigned ring_drain(struct ring *ring, unsigned max, ring_record_fn *fn, void *ctx);

size_t ring_bytes(const struct ring *ring); /* that it holds when full */

/* Whether anything is in it, also a record that is still being written. */
bool ring_holds_any(const struct ring *ring);
