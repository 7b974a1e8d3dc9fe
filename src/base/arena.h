/* Many small things that end together: no header and no free() each. Its blocks are mappings of
 * their own, apart from what is allocated and freed meanwhile. */
#pragma once

#include <stddef.h>

#define ARENA_BLOCK_BYTES (256 << 10)

/* Zeroed is an empty one. */
struct arena {
	struct arena_block *blocks; /* the latest first */
};

/* Zeroed bytes at a multiple of `alignment`, a power of two up to 16; NULL: no memory. */
void *arena_alloc(struct arena *arena, size_t bytes, size_t alignment);
void arena_done(struct arena *arena);
