/* By option: connect() fails at once for an address at which only one provider host was ever met,
 * while that host is cut for who connects. A hint before the cut of its hello, and no more: what
 * stands behind an address may change, and is learned from hellos alone. */
#pragma once

#include "block.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct address);
	__type(value, __u64); /* the host's key; 0: others too */
} homes SEC(".maps");

/* A hello went there; host 0: with another name. */
static __always_inline void refuse_learn(struct __sk_buff *skb, __u64 host)
{
	struct address local, remote;
	__u64 *known;

	if (!control.refuse_connect)
		return;
	packet_addresses(skb, &local, &remote);
	known = bpf_map_lookup_elem(&homes, &remote);
	if (!known)
		bpf_map_update_elem(&homes, &remote, &host, BPF_ANY);
	else if (*known != host)
		*known = 0;
}

static __always_inline bool refuse_is_due(const struct flow_socket *s, const struct address *remote)
{
	struct flow_socket there = *s;
	__u64 *host;

	if (!control.refuse_connect)
		return false;
	host = bpf_map_lookup_elem(&homes, remote);
	if (!host || !*host)
		return false;
	there.host = *host;
	if (block_judge(&there) < FLOW_CUT || !block_holds())
		return false;
	count(FLOW_COUNTER_NOT_CONNECTED);
	return true;
}
