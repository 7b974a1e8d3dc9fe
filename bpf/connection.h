/* Connections, whatever the library: opened when the server name is known and a provider's, closed
 * when their object goes. A connection is known by the address of its object in the process. */
#pragma once

#include "handshake.h"
#include "host.h"
#include "process.h"
#include "record.h"

__u64 connections_live; /* in the map; user space takes off what it deletes */

#define STRANGER_LOOKS 8 /* at an object, before it is left alone */

/* NULL: not followed. A reused pid is another process. */
static __always_inline struct connection_state *connection_find(const struct connection_id *id)
{
	struct connection_state *state = bpf_map_lookup_elem(&connections, id);

	return state && state->start_ns == process_start_ns() ? state : NULL;
}

/* The bytes so far: the offset of the next one. */
static __always_inline __u64 *connection_moved(struct connection_state *state, __u32 direction)
{
	return direction == EVENT_SENT ? &state->sent : &state->received;
}

/* From now on the object talks to `name`, whose host is `host_id`: by a probe with `cookie`. */
static __always_inline void connection_open(const struct connection_id *id, __u32 host_id,
					    const char *name, __u64 offset, __u64 cookie)
{
	struct connection_state state = {
		.start_ns = process_start_ns(),
		.generation_ns = bpf_ktime_get_ns(),
		.sent = offset,
		.received = offset,
		.host_id = host_id,
		.whole = offset != 0, /* a late one may speak anything */
	};
	bool is_known = bpf_map_lookup_elem(&connections, id);

	if (bpf_map_update_elem(&connections, id, &state, BPF_ANY)) {
		count(EVENT_COUNTER_CONNECTIONS_FULL, 1);
		return;
	}
	if (!is_known && __sync_fetch_and_add(&connections_live, 1) >= CONNECTIONS_MAX) {
		__sync_fetch_and_add(&connections_live, -1);
		count(EVENT_COUNTER_CONNECTIONS_EVICTED, 1);
	}
	handshake_named(id, state.generation_ns);
	report_open(id, &state, name, cookie);
}

static __always_inline void connection_forget(const struct connection_id *id)
{
	if (!bpf_map_delete_elem(&connections, id))
		__sync_fetch_and_add(&connections_live, -1);
}

#define HOST_UNKNOWN (~0u) /* the name could not be read when it was set */

/* The page of the name was not there yet. The library reads it now, and keeps a copy that is looked
 * at when bytes move. */
static __always_inline void connection_unnamed(const struct connection_id *id)
{
	struct connection_state state = {
		.start_ns = process_start_ns(),
		.host_id = HOST_UNKNOWN,
	};

	connection_forget(id);
	if (!bpf_map_update_elem(&connections, id, &state, BPF_ANY))
		__sync_fetch_and_add(&connections_live, 1);
}

/* The object is to talk to `name` (in EVENT_NAME_MAX bytes, with its NUL): followed from now on
 * when that is a provider's host, else forgotten. */
static __always_inline void connection_named(const struct connection_id *id, const char *name,
					     __u64 cookie)
{
	struct connection_state *old;
	__u32 *host_id = find_host(name);

	if (!host_id) {
		struct stranger no = { process_start_ns(), STRANGER_LOOKS };

		connection_forget(id);
		if (process_has_past())
			bpf_map_update_elem(&strangers, id, &no, BPF_ANY);
		return;
	}
	old = connection_find(id);
	/* Set twice before any byte moved: still the same connection. */
	if (old && old->host_id == *host_id && !old->sent && !old->received)
		return;
	connection_open(id, *host_id, name, 0, cookie);
}

/* The object begins again, for the same name. Bytes of the generation before that were lost behind
 * the last record are in the counters of the kernel alone. */
static __always_inline void connection_renewed(const struct connection_id *id, __u64 cookie)
{
	struct connection_state *state = connection_find(id);

	if (state && (state->sent || state->received))
		connection_open(id, state->host_id, NULL, 0, cookie);
}

/* The object ends. */
static __always_inline void connection_gone(const struct connection_id *id)
{
	struct connection_state *state = connection_find(id);

	if (process_has_past())
		bpf_map_delete_elem(&strangers, id);
	if (!state)
		return;
	report_close(id, state);
	connection_forget(id);
}
