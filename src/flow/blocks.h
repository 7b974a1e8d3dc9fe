/* blocks: what each budget orders for a key, and the strictest of it in the kernel's map. A key of
 * FLOW_PROCESS belongs to a list of its process, so that all of them can go with it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bpf/flow_block.h"

#define BLOCK_WHO_MAX 48

struct block;
struct blocks;

/* Writes a key of the map, or removes it with a NULL. 0 or -errno. */
typedef int blocks_write_fn(void *ctx, const struct flow_block *key, const uint32_t *mode);

struct blocks *blocks_new(blocks_write_fn *write, void *ctx); /* NULL: out of memory */
void blocks_free(struct blocks *blocks);

/* The order of `who` for the key, in the place of a former one. `list`: NULL, or of the process.
 * -ENOSPC, -ENOMEM, or what `write` says; then there is no order for the key. */
int blocks_put(struct blocks *blocks, const char *who, const struct flow_block *key,
	       enum flow_mode mode, bool at_once, struct block **list);
/* The mark of a process that was judged: FLOW_PASS for host 0. */
int blocks_mark(struct blocks *blocks, uint64_t process_id, struct block **list);
/* Takes back all orders of `who`, or of "" all there are; returns how many. */
unsigned blocks_release(struct blocks *blocks, const char *who);
/* All of the list, marks too. */
void blocks_clear(struct blocks *blocks, struct block **list);

bool blocks_any(const struct blocks *blocks);

/* The strictest so far, and whether one of those is `at_once`. */
struct block_judgement {
	uint32_t mode;
	bool at_once;
};
void blocks_judge(const struct blocks *blocks, const struct flow_block *key,
		  struct block_judgement *judgement);
