/* Whose socket it is, and whose ClientHello. */
#pragma once

#include "flow_maps.h"
#include "server.h"

static __always_inline void speaker_remember(struct flow_socket *s)
{
	const struct task_struct *task = bpf_get_current_task_btf();

	*s = (struct flow_socket){ .start_ns = task->group_leader->start_boottime,
				   .cgroup_id = bpf_get_current_cgroup_id(),
				   .tgid = task->tgid,
				   .uid = bpf_get_current_uid_gid() };
}

/* connect() in one process, the hello by its child: the child it is. Any other task that is current
 * is only the one that the packet interrupted. */
static __always_inline void speaker_find(struct flow_socket *s)
{
	const struct task_struct *leader = bpf_get_current_task_btf()->group_leader;
	__u32 tgid = leader->tgid; /* of the leader, so also its pid */

	if (tgid == s->tgid || (__u32)leader->real_parent->tgid != s->tgid)
		return;
	s->tgid = tgid;
	s->start_ns = leader->start_boottime;
}

/* The SSL object whose hello this is, when the speaker's thread is the one that is current. */
static __always_inline void speaker_join(const struct flow_socket *s, struct server *server)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	struct connection_id id = { .tgid = task->tgid };
	__u64 thread = (__u64)id.tgid << 32 | (__u32)task->pid;
	struct handshake *handshake = bpf_map_lookup_elem(&handshakes, &thread);
	struct connection_state *state;

	if (!handshake || handshake->is_unsure || id.tgid != s->tgid)
		return;
	id.ssl = handshake->ssl;
	state = bpf_map_lookup_elem(&connections, &id);
	if (!state || state->generation_ns != handshake->generation_ns ||
	    state->host_id != server->host_id || state->has_said_hello)
		return;
	state->has_said_hello = 1;
	server->ssl = id.ssl;
	server->generation_ns = state->generation_ns;
	count(FLOW_COUNTER_JOINED);
}

static __always_inline bool speaker_is_new(const struct flow_socket *s)
{
	__u64 process = s->start_ns ^ (__u64)s->tgid << 32;

	return !is_known(&announced, &process);
}
