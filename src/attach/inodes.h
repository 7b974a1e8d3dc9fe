/* A bounded memory of files that were looked at and have nothing to watch, so that the thousands of
 * them on a host cost one stat(2) each time they are mapped. A file that was changed or replaced
 * is another file: its number, size or time differ. The least recently seen is forgotten when
 * room is needed, and then looked at again: never wrong, at worst slow. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/counter.h"

#define INODES_MAX 8192

struct inode_id {
	uint64_t dev, ino, size;
	int64_t modified_ns;
};

struct inodes;

struct inode_id inodes_id(const struct stat *st);
bool inodes_same(const struct inode_id *a, const struct inode_id *b);

/* `evicted` counts what was forgotten for want of room. NULL: out of memory. */
struct inodes *inodes_new(struct counter *evicted);
void inodes_free(struct inodes *inodes);
bool inodes_has(struct inodes *inodes, const struct inode_id *id);
void inodes_add(struct inodes *inodes, const struct inode_id *id);
