/* Input that ends where memory ends: one byte read too far faults. */
#pragma once

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

#include "base/span.h"

#define GUARD_BYTES (1u << 17)

struct guard {
	char *map;
};

static inline struct guard guard_new(void)
{
	struct guard g = { mmap(NULL, GUARD_BYTES + 4096, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) };

	assert(g.map != MAP_FAILED);
	assert(mprotect(g.map + GUARD_BYTES, 4096, PROT_NONE) == 0);
	return g;
}

static inline struct span guard_put(struct guard *g, struct span text)
{
	char *at = g->map + GUARD_BYTES - text.len;

	assert(text.len <= GUARD_BYTES);
	memcpy(at, text.ptr, text.len);
	return (struct span){ at, text.len };
}

static inline void guard_done(struct guard *g)
{
	munmap(g->map, GUARD_BYTES + 4096);
}
