/* Objects that more than one holds: such a one ends when the last lets go, be it followed or not
 * yet, for its name may be set later. What is pushed out of the map ends with its next holder. */
#pragma once

#include "process.h"
#include "shared.h"

struct holders {
	__u64 start_ns; /* of the process */
	__u64 n;        /* besides the first */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct connection_id);
	__type(value, struct holders);
} held SEC(".maps");

static __always_inline struct holders *holders_of(const struct connection_id *id)
{
	struct holders *holders = bpf_map_lookup_elem(&held, id);

	return holders && holders->start_ns == process_start_ns() ? holders : NULL;
}

/* One more. */
static __always_inline void holders_add(const struct connection_id *id)
{
	struct holders *known = holders_of(id), first = { process_start_ns(), 1 };

	if (known)
		__sync_fetch_and_add(&known->n, 1);
	else
		bpf_map_update_elem(&held, id, &first, BPF_ANY);
}

/* One lets go. False: there is no other. */
static __always_inline bool holders_drop(const struct connection_id *id)
{
	struct holders *known = holders_of(id);
	__u64 n = known ? __sync_fetch_and_add(&known->n, -1) : 0;

	if (n == 1)
		bpf_map_delete_elem(&held, id);
	return n;
}
