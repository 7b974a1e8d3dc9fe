/* Reads and writes, whatever the library: entered with a buffer, left with a count of bytes, which
 * then go to user space in pieces. Reported at the end: then the bytes have moved, and a retry of
 * the same buffer is not seen twice. */
#pragma once

#include "report.h"

/* True: the connection is followed, so the end of the call matters. */
static __always_inline bool call_enter(__u64 ssl, __u32 direction, __u64 buffer, __u64 count_at)
{
	struct connection_id id = id_of(ssl);
	struct connection_state *state = bpf_map_lookup_elem(&connections, &id);
	struct call *call;

	if (!state)
		return false;
	handshake_used(&id, state);
	count(EVENT_COUNTER_CALLS_SEEN, 1);
	call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), NULL,
				    BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!call) {
		count(EVENT_COUNTER_CALLS_FULL, 1);
		return false;
	}
	call->ssl = ssl;
	call->buffer = buffer;
	call->count_at = count_at;
	call->direction = direction;
	return true;
}

/* `result` as the function returned it: the byte count, or 1 where call_enter was told where the
 * count is stored; <= 0 when nothing moved. */
static __always_inline void call_leave(__s64 result)
{
	struct call *call = bpf_task_storage_get(&calls, bpf_get_current_task_btf(), NULL, 0);
	struct connection_state *state;
	struct connection_id id;
	struct call at_hand;
	__u64 n = result;

	if (!call || !call->ssl)
		return;
	at_hand = *call;
	call->ssl = 0;
	id = id_of(at_hand.ssl);
	state = bpf_map_lookup_elem(&connections, &id);
	if (!state || result <= 0)
		return;
	if (at_hand.count_at && bpf_probe_read_user(&n, sizeof(n), (void *)at_hand.count_at)) {
		count(EVENT_COUNTER_READ_FAULT, 1);
		return;
	}
	if (n)
		report_call(&id, state, at_hand.direction, at_hand.buffer, n);
}
