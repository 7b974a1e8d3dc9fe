/* Bytes of a read or write on their way to user space, in pieces that fit the ring. Of a big
 * request both ends go, and of what is between them the count. */
#pragma once

#include "middle.h"
#include "reserve.h"

#define CALL_MAX (EVENT_CALL_CHUNKS * EVENT_CHUNK_MAX)

/* Bytes of one call. */
struct report {
	struct event_head head;
	__u64 offset; /* of the first one in the connection */
	__u64 from;
	__u64 length;
	__u32 direction;
	__u32 unused;
};

static __always_inline void fill_data(struct event_data *e, const struct report *r, __u32 at,
				      __u32 length)
{
	e->head = r->head;
	e->offset = r->offset + at;
	e->length = length;
	e->direction = r->direction;
}

/* What changes comes from the index alone: so the verifier sees one piece, not each. */
static long report_piece(__u32 index, const struct report *r)
{
	__u32 at = index * EVENT_CHUNK_MAX;
	__u64 left = r->length - at;
	__u32 length = left < EVENT_CHUNK_MAX ? left : EVENT_CHUNK_MAX;
	struct event_data *e = reserve(length);

	if (e) {
		fill_data(e, r, at, length);
		e->captured = length;
		e->cut = 0;
		if (bpf_probe_read_user(e->bytes, length, (void *)r->from + at)) {
			count(EVENT_COUNTER_READ_FAULT, 1);
			e->captured = 0;
		}
		count(EVENT_COUNTER_BYTES_CAPTURED, e->captured);
		submit(e);
	} else {
		count(EVENT_COUNTER_RING_FULL, 1);
		count(EVENT_COUNTER_RING_FULL_BYTES, length);
	}
	return left <= EVENT_CHUNK_MAX; /* 1 ends the loop */
}

static __always_inline void report_bytes(struct report *r, __u64 length)
{
	r->length = length;
	bpf_loop(EVENT_CALL_CHUNKS, report_piece, r, 0);
	if (length > CALL_MAX)
		count(EVENT_COUNTER_CALL_TOO_LONG_BYTES, length - CALL_MAX);
	r->offset += length;
	r->from += length;
}

/* The next bytes are left out. */
static __always_inline void report_cut(struct report *r, __u32 length)
{
	struct event_data *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (e) {
		fill_data(e, r, 0, length);
		e->captured = 0;
		e->cut = 1;
		submit(e);
	} else {
		count(EVENT_COUNTER_RING_FULL, 1);
	}
	r->offset += length;
	r->from += length;
}

/* `n` > 0 bytes at `buffer` of the current process have moved. */
static __always_inline void report_call(const struct connection_id *id,
					struct connection_state *state, __u32 direction,
					__u64 buffer, __u64 n)
{
	__u64 *moved = connection_moved(state, direction);
	__u64 middle = middle_of(state, direction, buffer, n);
	struct report r = {
		.offset = *moved,
		.from = buffer,
		.direction = direction,
	};

	*moved += n;
	fill_head(&r.head, EVENT_DATA, id, state);
	if (middle) {
		report_bytes(&r, request_keep_bytes);
		report_cut(&r, middle);
		n = request_keep_bytes;
	}
	report_bytes(&r, n);
}
