/* Room in the ring for a record of any length. */
#pragma once

#include "maps.h"

/* Room for a record of `length` bytes in the next power of two: the verifier wants constants, the
 * barriers keep the compiler from merging them into one variable. */
static __always_inline struct event_data *reserve(__u32 length)
{
#define SIZE_CLASS(n)                                                                              \
	if (length <= (n)) {                                                                       \
		void *room = bpf_ringbuf_reserve(&events, sizeof(struct event_data) + (n), 0);     \
		barrier_var(room);                                                                 \
		return room;                                                                       \
	}
	SIZE_CLASS(256)
	SIZE_CLASS(512)
	SIZE_CLASS(1024)
	SIZE_CLASS(2048)
	SIZE_CLASS(4096)
	SIZE_CLASS(8192)
	SIZE_CLASS(EVENT_CHUNK_MAX)
#undef SIZE_CLASS
	return NULL;
}
