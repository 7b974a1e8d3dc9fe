/* A list of blocks; what does not fit into the latest begins a new one. */
#include "base/arena.h"

#include <stdint.h>

#include "base/pages.h"

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(16) char bytes[];
};

static struct arena_block *add_block(struct arena *arena, size_t bytes)
{
	size_t least = ARENA_BLOCK_BYTES - sizeof(struct arena_block);
	size_t size = bytes > least ? bytes : least;
	struct arena_block *block = pages_new(sizeof(*block) + size);

	if (!block)
		return NULL;
	block->next = arena->blocks;
	block->size = size;
	arena->blocks = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t bytes, size_t alignment)
{
	struct arena_block *block = arena->blocks;
	size_t from = block ? (block->used + alignment - 1) & -alignment : 0;

	if (!block || from > block->size || block->size - from < bytes) {
		block = bytes < SIZE_MAX / 2 ? add_block(arena, bytes) : NULL;
		from = 0;
	}
	if (!block)
		return NULL;
	block->used = from + bytes;
	return block->bytes + from;
}

void arena_done(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;

		arena->blocks = block->next;
		pages_free(block, sizeof(*block) + block->size);
	}
}
