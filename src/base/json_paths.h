/* The compiled set of pointers, as the scanner sees it: a tree in which each value of a document
 * is at one node at most. Wildcards are resolved when a pointer is added: a named child holds what
 * the wildcard beside it holds, so a scan never follows two branches. Private to base/json*.c. */
#pragma once

#include <stddef.h>

#include "base/json.h"

#define JSON_NODE_NONE 0 /* wants nothing and leads nowhere */
#define JSON_NODE_ROOT 1 /* the document */

#define JSON_NODE_BUCKETS 8

struct json_node {
	uint64_t ids[JSON_POINTERS_MAX / 64]; /* pointers that end here, a bit each */
	struct span token;                    /* owned, but for `texts` */
	int64_t index;                        /* the token as an array index, or -1 */
	uint16_t named[JSON_NODE_BUCKETS];    /* the first child of each bucket of names */
	uint16_t next;                        /* named sibling of the same bucket */
	uint16_t other;                       /* the wildcard's: every child without a name here */
	bool has_named, has_indexes;          /* children; and such that are indexes */
};

struct json_paths {
	struct json_node *nodes;
	size_t n_nodes, nodes_cap;
	struct span *pointers; /* owned, as their texts; position = id */
	unsigned n_pointers, pointers_cap;
	char *texts;       /* of all tokens, when no more pointers come; else NULL */
	size_t extra_from; /* of the nodes, or SIZE_MAX */
};

static inline bool json_node_is_wanted(const struct json_node *node)
{
	uint64_t any = 0;

	for (size_t i = 0; i < JSON_POINTERS_MAX / 64; i++)
		any |= node->ids[i];
	return any;
}

static inline bool json_node_leads_on(const struct json_node *node)
{
	return node->has_named || node->other;
}

/* By what siblings differ in, mostly. */
static inline unsigned json_node_bucket(struct span name)
{
	unsigned mix = (unsigned)name.len;

	if (name.len)
		mix ^= (unsigned char)name.ptr[0] ^ (unsigned char)name.ptr[name.len / 2];
	return mix % JSON_NODE_BUCKETS;
}

/* The node of an object's member. */
static inline uint16_t json_paths_member(const struct json_paths *paths, uint16_t parent,
					 struct span key)
{
	const struct json_node *nodes = paths->nodes;

	for (uint16_t at = nodes[parent].named[json_node_bucket(key)]; at; at = nodes[at].next)
		if (span_eq(nodes[at].token, key))
			return at;
	return nodes[parent].other;
}

/* The node of an array's element. */
static inline uint16_t json_paths_element(const struct json_paths *paths, uint16_t parent,
					  int64_t index)
{
	const struct json_node *nodes = paths->nodes;

	for (unsigned i = 0; i < JSON_NODE_BUCKETS && nodes[parent].has_indexes; i++)
		for (uint16_t at = nodes[parent].named[i]; at; at = nodes[at].next)
			if (nodes[at].index == index)
				return at;
	return nodes[parent].other;
}
