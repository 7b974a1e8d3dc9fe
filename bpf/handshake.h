/* Which object a thread is about to say hello for. A thread that names one object and then another,
 * before the first has spoken, may speak for either: unsure, until it reads or writes one. */
#pragma once

#include "shared.h"

static __always_inline bool handshake_is_silent(const struct connection_state *state)
{
	return !state->has_said_hello && !state->sent && !state->received;
}

static __always_inline bool handshake_another_waits(const struct handshake *last,
						    const struct connection_id *id)
{
	struct connection_id other = { .ssl = last->ssl, .tgid = id->tgid };
	struct connection_state *state;

	if (last->ssl == id->ssl)
		return last->is_unsure;
	state = bpf_map_lookup_elem(&connections, &other);
	return state && state->generation_ns == last->generation_ns && handshake_is_silent(state);
}

static __always_inline void handshake_named(const struct connection_id *id, __u64 generation_ns)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct handshake next = { .ssl = id->ssl, .generation_ns = generation_ns };
	struct handshake *last = bpf_map_lookup_elem(&handshakes, &thread);

	next.is_unsure = last && handshake_another_waits(last, id);
	bpf_map_update_elem(&handshakes, &thread, &next, BPF_ANY);
}

/* The thread is in a read or write of this object: a hello that leaves now is its own. */
static __always_inline void handshake_used(const struct connection_id *id,
					   const struct connection_state *state)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct handshake now = { .ssl = id->ssl, .generation_ns = state->generation_ns };

	if (handshake_is_silent(state))
		bpf_map_update_elem(&handshakes, &thread, &now, BPF_ANY);
}
