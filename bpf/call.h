/* Reads and writes, whatever the library: entered with a buffer, left with a count of bytes, which
 * then go to user space in pieces. Reported at the end: then the bytes have moved, and a retry of
 * the same buffer is not seen twice. */
#pragma once

#include "connection.h"
#include "reserve.h"

/* What is left to report of one call. */
struct report {
	struct event_head head;
	__u64 offset;
	__u64 from;
	__u64 left;
	__u32 host_id;
	__u32 direction;
};

static long report_piece(__u32 index, struct report *r)
{
	__u32 length = r->left < EVENT_CHUNK_MAX ? r->left : EVENT_CHUNK_MAX;
	struct event_data *e = reserve(length);

	(void)index;
	if (e) {
		e->head = r->head;
		e->offset = r->offset;
		e->length = length;
		e->captured = length;
		e->host_id = r->host_id;
		e->direction = r->direction;
		if (bpf_probe_read_user(e->bytes, length, (void *)r->from)) {
			count(EVENT_COUNTER_READ_FAULT, 1);
			e->captured = 0;
		}
		count(EVENT_COUNTER_BYTES_CAPTURED, e->captured);
		submit(e);
	} else {
		count(EVENT_COUNTER_RING_FULL, 1);
		count(EVENT_COUNTER_RING_FULL_BYTES, length);
	}
	r->offset += length;
	r->from += length;
	r->left -= length;
	return !r->left; /* 1 ends the loop */
}

/* `n` > 0 bytes at `buffer` of the current process have moved. */
static __always_inline void report_call(const struct connection_id *id,
					struct connection_state *state, __u32 direction,
					__u64 buffer, __u64 n)
{
	__u64 *moved = direction == EVENT_SENT ? &state->sent : &state->received;
	struct report r = {
		.offset = *moved,
		.from = buffer,
		.left = n,
		.host_id = state->host_id,
		.direction = direction,
	};

	*moved += n;
	fill_head(&r.head, EVENT_DATA, id, state);
	bpf_loop(EVENT_CALL_CHUNKS, report_piece, &r, 0);
	if (r.left)
		count(EVENT_COUNTER_CALL_TOO_LONG_BYTES, r.left);
}

/* --- calls that one thread enters and leaves */

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
