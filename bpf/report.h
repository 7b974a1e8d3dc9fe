/* Bytes of a read or write on their way to user space, in pieces that fit the ring. Of a big
 * request both ends go, and of what is between them the count. */
#pragma once

#include "connection.h"
#include "reserve.h"

/* Bytes at each end of one write that are copied; what is between them is only counted. A request
 * is priced by its head and by what follows its text. 0: all is copied. */
const volatile __u32 request_keep_bytes;

/* What is left to report of one call. */
struct report {
	struct event_head head;
	__u64 offset;
	__u64 from;
	__u64 left;
	__u32 direction;
	__u32 unused;
};

static __always_inline void fill_data(struct event_data *e, const struct report *r, __u32 length)
{
	e->head = r->head;
	e->offset = r->offset;
	e->length = length;
	e->direction = r->direction;
}

static long report_piece(__u32 index __attribute__((unused)), struct report *r)
{
	__u32 length = r->left < EVENT_CHUNK_MAX ? r->left : EVENT_CHUNK_MAX;
	struct event_data *e = reserve(length);

	if (e) {
		fill_data(e, r, length);
		e->captured = length;
		e->cut = 0;
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

/* The next bytes are left out. */
static __always_inline void report_cut(struct report *r, __u32 length)
{
	struct event_data *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (e) {
		fill_data(e, r, length);
		e->captured = 0;
		e->cut = 1;
		submit(e);
	} else {
		count(EVENT_COUNTER_RING_FULL, 1);
	}
	r->offset += length;
	r->from += length;
}

/* The first bytes that a client sends tell the protocol. Those of HTTP/2 are frames: one that is
 * left out would take the place of all after it. */
static __always_inline void tell_protocol(struct connection_state *state, __u64 buffer)
{
	char preface[4] = {};

	if (bpf_probe_read_user(preface, sizeof(preface), (void *)buffer) == 0 &&
	    preface[0] == 'P' && preface[1] == 'R' && preface[2] == 'I' && preface[3] == ' ')
		state->whole = 1;
}

/* Bytes between the two ends of a write that need not be copied. */
static __always_inline __u64 middle_of(struct connection_state *state, __u32 direction,
				       __u64 buffer, __u64 n)
{
	if (!request_keep_bytes || direction != EVENT_SENT)
		return 0;
	if (!state->sent)
		tell_protocol(state, buffer);
	if (state->whole || n <= 2ULL * request_keep_bytes || n > EVENT_CUT_MAX)
		return 0;
	return n - 2ULL * request_keep_bytes;
}

/* `n` > 0 bytes at `buffer` of the current process have moved. */
static __always_inline void report_call(const struct connection_id *id,
					struct connection_state *state, __u32 direction,
					__u64 buffer, __u64 n)
{
	__u64 *moved = direction == EVENT_SENT ? &state->sent : &state->received;
	__u64 middle = middle_of(state, direction, buffer, n);
	struct report r = {
		.offset = *moved,
		.from = buffer,
		.left = middle ? request_keep_bytes : n,
		.direction = direction,
	};

	*moved += n;
	fill_head(&r.head, EVENT_DATA, id, state);
	bpf_loop(EVENT_CALL_CHUNKS, report_piece, &r, 0);
	if (middle) {
		report_cut(&r, middle);
		r.left = request_keep_bytes;
		bpf_loop(EVENT_CALL_CHUNKS, report_piece, &r, 0);
	}
	if (r.left)
		count(EVENT_COUNTER_CALL_TOO_LONG_BYTES, r.left);
}
