/* The compiled set of pointers, as the scanner sees it: a tree in which each value of a document
 * is at one node at most. Wildcards are resolved when a pointer is added: a named child holds what
 * the wildcard beside it holds, so a scan never follows two branches. Private to base/json*.c. */
#pragma once

#include <stddef.h>

#include "base/json.h"

#define JSON_NODE_NONE 0 /* wants nothing and leads nowhere */
#define JSON_NODE_ROOT 1 /* the document */

struct json_node {
	uint64_t ids[JSON_POINTERS_MAX / 64]; /* pointers that end here, a bit each */
	uint64_t lengths;                     /* of the children's tokens, bit = length % 64 */
	struct span token;                    /* owned, but for `texts` */
	int64_t index;                        /* the token as an array index, or -1 */
	uint16_t child;                       /* first named one */
	uint16_t next;                        /* named sibling */
	uint16_t other;                       /* the wildcard's: every child without a name here */
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
	return node->child || node->other;
}

/* The node of an object's member. */
static inline uint16_t json_paths_member(const struct json_paths *paths, uint16_t parent,
					 struct span key)
{
	const struct json_node *nodes = paths->nodes;

	if (nodes[parent].lengths >> (key.len % 64) & 1)
		for (uint16_t at = nodes[parent].child; at; at = nodes[at].next)
			if (span_eq(nodes[at].token, key))
				return at;
	return nodes[parent].other;
}

/* The node of an array's element. */
static inline uint16_t json_paths_element(const struct json_paths *paths, uint16_t parent,
					  int64_t index)
{
	const struct json_node *nodes = paths->nodes;

	for (uint16_t at = nodes[parent].child; at; at = nodes[at].next)
		if (nodes[at].index == index)
			return at;
	return nodes[parent].other;
}
