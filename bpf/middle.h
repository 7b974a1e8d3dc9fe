/* The middle of a big request, which need not be copied. */
#pragma once

#include "connection.h"

/* Bytes at each end of one write that are copied; what is between them is only counted. A request
 * is priced by its head and by what follows its text. 0: all is copied. */
const volatile __u32 request_keep_bytes;

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
