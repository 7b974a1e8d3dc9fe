/* What a budget stops: bytes to a provider's host of all, a user, a cgroup or a process. The map is
 * written before anything else is done, so no request passes from that instant. An agent that does
 * not answer stops nobody: its links go with it when it dies, and its beat ends when it hangs. By
 * option it keeps the links (flow/pins.h) and needs no beat. */
#pragma once

#include "flow_block.h"
#include "flow_maps.h"
#include "spare.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, FLOW_BLOCKS_MAX);
	__type(key, struct flow_block);
	__type(value, __u32);
} blocks SEC(".maps");

struct flow_control control;

static __always_inline void block_raise(__u32 *mode, __u32 scope, __u64 id, __u64 host)
{
	struct flow_block key = { .scope = scope, .id = id, .host = host };
	__u32 *found = bpf_map_lookup_elem(&blocks, &key);

	if (found && *found > *mode)
		*mode = *found;
}

static __always_inline __u32 block_judge(const struct flow_socket *s)
{
	struct flow_block known = { .scope = FLOW_PROCESS,
				    .id = flow_process_id(s->tgid, s->start_ns) };
	__u32 mode = FLOW_PASS;

	block_raise(&mode, FLOW_ALL, 0, s->host);
	block_raise(&mode, FLOW_UID, s->uid, s->host);
	block_raise(&mode, FLOW_CGROUP, s->cgroup_id, s->host);
	block_raise(&mode, FLOW_PROCESS, known.id, s->host);
	if (mode == FLOW_ASK && bpf_map_lookup_elem(&blocks, &known))
		mode = FLOW_PASS;
	return mode;
}

/* The generation is read first: what is written while we judge is judged by the next packet. What a
 * dead agent stopped stays so until its process is known to the next one. */
static __always_inline __u32 block_mode(struct flow_socket *s)
{
	__u32 generation = *(volatile __u32 *)&control.generation, mode;

	if (s->generation != generation) {
		mode = block_judge(s);
		if (mode != FLOW_ASK || s->mode < mode)
			s->mode = mode;
		s->generation = generation;
	}
	return s->mode;
}

static __always_inline bool block_holds(void)
{
	if (control.fail_closed || bpf_ktime_get_ns() - control.beat_ns < control.patience_ns)
		return true;
	count(FLOW_COUNTER_FAILED_OPEN);
	return false;
}

static __always_inline void block_report(struct __sk_buff *skb, const struct flow_socket *s,
					 const struct packet *packet)
{
	struct flow_refused *e = bpf_ringbuf_reserve(&records, sizeof(*e), 0);

	if (!e) {
		count(FLOW_COUNTER_RING_FULL);
		return;
	}
	e->head.type = FLOW_REFUSED;
	e->head.unused = 0;
	e->head.cookie = bpf_get_socket_cookie(skb);
	e->head.time_ns = bpf_ktime_get_ns();
	e->tgid = s->tgid;
	e->remote_port = packet->port;
	e->local_port = packet->local_port;
	packet_addresses(skb, (void *)e->local, (void *)e->remote);
	submit(e, true);
}

/* The verdict on a packet of a provider's socket: 1 it goes, 0 it is dropped. A small one waits
 * also where all is cut: it may be said in a call that ends, of which nobody knows. */
static __always_inline int block_packet(struct __sk_buff *skb, const struct flow_socket *s,
					const struct packet *packet, __u32 mode)
{
	enum size size;

	if (!packet->length || (mode == FLOW_ASK && !s->is_asked) || !block_holds())
		return 1;
	size = spare_size(skb, packet);
	if (size == BARE || (size == SMALL && spare_passes(skb, packet)))
		return 1;
	count(mode >= FLOW_CUT ? FLOW_COUNTER_REFUSED : FLOW_COUNTER_HELD);
	if (mode >= FLOW_CUT && size == LARGE)
		block_report(skb, s, packet);
	return 0;
}
