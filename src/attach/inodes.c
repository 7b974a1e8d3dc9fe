/* A set-associative table as a processor's cache has it: a hash picks a set, the oldest of its ways
 * makes room. No allocation after the start. */
#include "attach/inodes.h"

#include "base/clock.h"
#include "base/pages.h"

#define WAYS 8
#define SETS (INODES_MAX / WAYS)

struct way {
	struct inode_id id;
	uint64_t used; /* tick of the last sight; 0: empty */
};

struct inodes {
	struct counter *evicted;
	uint64_t tick;
	struct way ways[SETS][WAYS];
};

struct inode_id inodes_id(const struct stat *st)
{
	return (struct inode_id){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.modified_ns = (int64_t)((uint64_t)st->st_mtim.tv_sec * NS_PER_SEC +
					 (uint64_t)st->st_mtim.tv_nsec),
	};
}

bool inodes_same(const struct inode_id *a, const struct inode_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->modified_ns == b->modified_ns;
}

struct inodes *inodes_new(struct counter *evicted)
{
	struct inodes *inodes = pages_new(sizeof(*inodes));

	if (inodes)
		inodes->evicted = evicted;
	return inodes;
}

void inodes_free(struct inodes *inodes)
{
	pages_free(inodes, sizeof(*inodes));
}

/* Fibonacci hashing of what names the inode; its size and time are compared only. */
static struct way *set_of(struct inodes *inodes, const struct inode_id *id)
{
	uint64_t h = (id->ino ^ id->dev << 32) * 0x9e3779b97f4a7c15u;

	return inodes->ways[(h >> 32) % SETS];
}

bool inodes_has(struct inodes *inodes, const struct inode_id *id)
{
	struct way *set = set_of(inodes, id);

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].used && inodes_same(&set[i].id, id)) {
			set[i].used = ++inodes->tick;
			return true;
		}
	}
	return false;
}

void inodes_add(struct inodes *inodes, const struct inode_id *id)
{
	struct way *set = set_of(inodes, id), *oldest = set;

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].id.dev == id->dev && set[i].id.ino == id->ino) {
			oldest = &set[i]; /* what it was before is gone */
			break;
		}
		if (set[i].used < oldest->used)
			oldest = &set[i];
	}
	if (oldest->used && (oldest->id.dev != id->dev || oldest->id.ino != id->ino))
		counter_add(inodes->evicted, 1);
	*oldest = (struct way){ .id = *id, .used = ++inodes->tick };
}
