/* Compiles JSON pointers (RFC 6901) into the tree of json_paths.h. Copying what a wildcard holds
 * into each named sibling can multiply nodes, so their number has a limit; what a pointer added
 * before it was refused stays as nodes that nobody wants. Recursion goes by token, 16 deep. */
#include "base/json_paths.h"

#include <errno.h>
#include <stdlib.h>

#define NODES_MAX 8192

static int copy_text(struct span text, struct span *ret_copy)
{
	char *copy = malloc(text.len + 1);

	if (!copy)
		return -ENOMEM;
	if (text.len)
		memcpy(copy, text.ptr, text.len);
	*ret_copy = (struct span){ copy, text.len };
	return 0;
}

static int make_room(struct json_paths *paths)
{
	size_t cap = paths->nodes_cap ? paths->nodes_cap * 2 : 16;
	struct json_node *nodes;

	if (paths->n_nodes < paths->nodes_cap)
		return 0;
	if (cap > NODES_MAX)
		return -E2BIG;
	nodes = realloc(paths->nodes, cap * sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	paths->nodes = nodes;
	paths->nodes_cap = cap;
	return 0;
}

/* Appends a node and returns its number, or -errno. The nodes may move. */
static int new_node(struct json_paths *paths, struct span token, int64_t index)
{
	struct json_node node = { .index = index };
	int err;

	err = make_room(paths);
	if (!err)
		err = copy_text(token, &node.token);
	if (err)
		return err;
	paths->nodes[paths->n_nodes] = node;
	return (int)paths->n_nodes++;
}

/* "0" and "17" are array indexes; "017" and "-" are names only. */
static int64_t token_index(struct span token)
{
	uint64_t index;

	if (span_u64(token, &index) < 0 || index > INT64_MAX)
		return -1;
	return token.len > 1 && token.ptr[0] == '0' ? -1 : (int64_t)index;
}

static void link_child(struct json_paths *paths, uint16_t parent, uint16_t child)
{
	struct json_node *nodes = paths->nodes;
	uint16_t *first = &nodes[parent].named[json_node_bucket(nodes[child].token)];

	nodes[child].next = *first;
	*first = child;
	nodes[parent].has_named = true;
	nodes[parent].has_indexes |= nodes[child].index >= 0;
}

/* A node like `from`, with all below it, not linked to a parent. `from` may be none. */
static int copy_node(struct json_paths *paths, uint16_t from, struct span token, int64_t index)
{
	int to = new_node(paths, token, index), copy;

	if (to < 0 || !from)
		return to;
	memcpy(paths->nodes[to].ids, paths->nodes[from].ids, sizeof(paths->nodes[to].ids));
	for (unsigned i = 0; i < JSON_NODE_BUCKETS; i++) {
		for (uint16_t at = paths->nodes[from].named[i]; at; at = paths->nodes[at].next) {
			copy = copy_node(paths, at, paths->nodes[at].token, paths->nodes[at].index);
			if (copy < 0)
				return copy;
			link_child(paths, (uint16_t)to, (uint16_t)copy);
		}
	}
	if (paths->nodes[from].other) {
		copy = copy_node(paths, paths->nodes[from].other, SPAN("*"), -1);
		if (copy < 0)
			return copy;
		paths->nodes[to].other = (uint16_t)copy;
	}
	return to;
}

static int insert(struct json_paths *paths, uint16_t node, struct span pointer, unsigned id);

/* Under the wildcard of `parent`, and under each name beside it. */
static int insert_everywhere(struct json_paths *paths, uint16_t parent, struct span rest,
			     unsigned id)
{
	int other = paths->nodes[parent].other, err;

	if (!other) {
		other = new_node(paths, SPAN("*"), -1);
		if (other < 0)
			return other;
		paths->nodes[parent].other = (uint16_t)other;
	}
	err = insert(paths, (uint16_t)other, rest, id);
	for (unsigned i = 0; i < JSON_NODE_BUCKETS; i++)
		for (uint16_t at = paths->nodes[parent].named[i]; at && !err;
		     at = paths->nodes[at].next)
			err = insert(paths, at, rest, id);
	return err;
}

/* A name that is new starts with what the wildcard holds. It is linked when it is whole. */
static int insert_named(struct json_paths *paths, uint16_t parent, struct span token,
			struct span rest, unsigned id)
{
	int child = paths->nodes[parent].named[json_node_bucket(token)];

	while (child && !span_eq(paths->nodes[child].token, token))
		child = paths->nodes[child].next;
	if (!child) {
		child = copy_node(paths, paths->nodes[parent].other, token, token_index(token));
		if (child < 0)
			return child;
		link_child(paths, parent, (uint16_t)child);
	}
	return insert(paths, (uint16_t)child, rest, id);
}

/* "~1" is '/', "~0" is '~'. */
static int unescape(struct span raw, char out[static JSON_TEXT_MAX], struct span *ret_token)
{
	size_t n = 0;

	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.ptr[i];

		if (n == JSON_TEXT_MAX)
			return -E2BIG;
		if (c == '~') {
			i++;
			if (i == raw.len || (raw.ptr[i] != '0' && raw.ptr[i] != '1'))
				return -EINVAL;
			c = raw.ptr[i] == '0' ? '~' : '/';
		}
		out[n++] = c;
	}
	*ret_token = (struct span){ out, n };
	return 0;
}

/* `pointer` is empty (this node) or goes on with '/'. */
static int insert(struct json_paths *paths, uint16_t node, struct span pointer, unsigned id)
{
	char text[JSON_TEXT_MAX];
	struct span rest, token;
	const char *slash;
	int err;

	if (!pointer.len) {
		paths->nodes[node].ids[id / 64] |= 1ULL << (id % 64);
		return 0;
	}
	pointer = span_skip(pointer, 1);
	slash = memchr(pointer.ptr, '/', pointer.len);
	rest = span_skip(pointer, slash ? (size_t)(slash - pointer.ptr) : pointer.len);
	err = unescape(span_head(pointer, pointer.len - rest.len), text, &token);
	if (err)
		return err;
	if (span_eq(token, SPAN("*")))
		return insert_everywhere(paths, node, rest, id);
	return insert_named(paths, node, token, rest, id);
}

static void free_pointers(struct json_paths *paths)
{
	for (size_t i = 0; i < paths->n_pointers; i++)
		free((char *)paths->pointers[i].ptr);
	free(paths->pointers);
	paths->pointers = NULL;
	paths->n_pointers = 0;
}

void json_paths_free(struct json_paths *paths)
{
	if (!paths)
		return;
	for (size_t i = 0; i < paths->n_nodes && !paths->texts; i++)
		free((char *)paths->nodes[i].token.ptr);
	free_pointers(paths);
	free(paths->texts);
	free(paths->nodes);
	free(paths);
}

void json_paths_close(struct json_paths *paths)
{
	size_t bytes = 0, used = 0;
	struct json_node *nodes;

	for (size_t i = 0; i < paths->n_nodes; i++)
		bytes += paths->nodes[i].token.len;
	paths->texts = malloc(bytes + 1);
	if (!paths->texts)
		return;
	for (size_t i = 0; i < paths->n_nodes; i++) {
		struct span *token = &paths->nodes[i].token;

		memcpy(paths->texts + used, token->ptr, token->len);
		free((char *)token->ptr);
		token->ptr = paths->texts + used;
		used += token->len;
	}
	free_pointers(paths);
	nodes = realloc(paths->nodes, paths->n_nodes * sizeof(*nodes));
	paths->nodes = nodes ? nodes : paths->nodes;
}

int json_paths_new(struct json_paths **ret_paths)
{
	struct json_paths *paths = calloc(1, sizeof(*paths));

	if (!paths)
		return -ENOMEM;
	if (new_node(paths, SPAN(""), -1) != JSON_NODE_NONE ||
	    new_node(paths, SPAN(""), -1) != JSON_NODE_ROOT) {
		json_paths_free(paths);
		return -ENOMEM;
	}
	paths->extra_from = SIZE_MAX;
	*ret_paths = paths;
	return 0;
}

void json_paths_begin_extra(struct json_paths *paths)
{
	paths->extra_from = paths->n_nodes;
}

static size_t count_tokens(struct span pointer)
{
	size_t n = 0;

	for (size_t i = 0; i < pointer.len; i++)
		n += pointer.ptr[i] == '/';
	return n;
}

/* Room for one more: most sets have a handful, and there are hundreds of them. */
static int make_pointer_room(struct json_paths *paths)
{
	unsigned cap = paths->pointers_cap ? paths->pointers_cap * 2 : 8;
	struct span *pointers;

	if (paths->n_pointers < paths->pointers_cap)
		return 0;
	pointers = realloc(paths->pointers, cap * sizeof(*pointers));
	if (!pointers)
		return -ENOMEM;
	paths->pointers = pointers;
	paths->pointers_cap = cap;
	return 0;
}

int json_paths_add(struct json_paths *paths, struct span pointer, unsigned *ret_id)
{
	unsigned id = paths->n_pointers;
	struct span kept;
	int err;

	if (paths->texts || (pointer.len && pointer.ptr[0] != '/'))
		return -EINVAL;
	for (unsigned i = 0; i < id; i++) {
		if (span_eq(paths->pointers[i], pointer)) {
			*ret_id = i;
			return 0;
		}
	}
	if (id == JSON_POINTERS_MAX || count_tokens(pointer) > JSON_POINTER_MAX)
		return -E2BIG;
	err = make_pointer_room(paths);
	if (!err)
		err = copy_text(pointer, &kept);
	if (err)
		return err;
	err = insert(paths, JSON_NODE_ROOT, pointer, id);
	if (err) {
		for (size_t i = 0; i < paths->n_nodes; i++)
			paths->nodes[i].ids[id / 64] &= ~(1ULL << (id % 64));
		free((char *)kept.ptr);
		return err;
	}
	paths->pointers[paths->n_pointers++] = kept;
	*ret_id = id;
	return 0;
}
