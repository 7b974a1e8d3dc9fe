/* uthash keeps the order in which items were added: one that is used is added anew. */
#include "base/lru.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* before uthash.h: an element that found no room has no table */
#include <uthash.h>

struct lru_node {
	UT_hash_handle hh;
	_Alignas(max_align_t) unsigned char item[];
};

static void drop_oldest(struct lru *lru)
{
	struct lru_node *oldest = lru->nodes;

	HASH_DEL(lru->nodes, oldest);
	free(oldest);
}

void lru_done(struct lru *lru)
{
	while (lru->nodes)
		drop_oldest(lru);
}

static struct lru_node *find(const struct lru *lru, const void *key)
{
	struct lru_node *node;

	HASH_FIND(hh, lru->nodes, key, lru->key_bytes, node);
	return node;
}

void *lru_find(const struct lru *lru, const void *key)
{
	struct lru_node *node = find(lru, key);

	return node ? node->item : NULL;
}

void *lru_use(struct lru *lru, const void *key, bool *ret_is_new)
{
	struct lru_node *node = find(lru, key);

	*ret_is_new = !node;
	if (node) {
		HASH_DEL(lru->nodes, node);
	} else {
		if (HASH_COUNT(lru->nodes) >= lru->max)
			drop_oldest(lru);
		node = calloc(1, sizeof(*node) + lru->item_bytes);
		if (!node)
			return NULL;
		memcpy(node->item, key, lru->key_bytes);
	}
	HASH_ADD_KEYPTR(hh, lru->nodes, node->item, lru->key_bytes, node);
	if (node->hh.tbl)
		return node->item;
	free(node);
	return NULL;
}

void *lru_next(const struct lru *lru, const void *item)
{
	const struct lru_node *node = lru->nodes;

	if (item)
		node = ((const struct lru_node *)((const char *)item -
						  offsetof(struct lru_node, item)))
			   ->hh.next;
	return node ? (void *)node->item : NULL;
}
