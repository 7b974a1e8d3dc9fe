/* A counter with one writing thread and any readers: no lock, no read-modify-write. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct counter {
	_Atomic uint64_t value;
};

static inline void counter_add(struct counter *c, uint64_t n)
{
	uint64_t value = atomic_load_explicit(&c->value, memory_order_relaxed);

	atomic_store_explicit(&c->value, value + n, memory_order_relaxed);
}

/* Of what is there now. */
static inline void counter_set(struct counter *c, uint64_t value)
{
	atomic_store_explicit(&c->value, value, memory_order_relaxed);
}

static inline uint64_t counter_read(const struct counter *c)
{
	return atomic_load_explicit(&c->value, memory_order_relaxed);
}
