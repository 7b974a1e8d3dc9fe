/* What a probe tells its program about the function it stands on: the cookie of its link. Shared by
 * the programs and src/attach/probe.c. */
#pragma once

#include "event.h"

union probe_cookie {
	__u64 word;
	struct {
		__u8 direction; /* enum event_direction */
		__u8
		    count_argument; /* 4, 5: points at where the byte count goes, the result is 1 */
		__u8 wide_result;   /* the result has 64 bits, else 32 */
		__u8 unseen : 1;    /* the bytes do not pass through a buffer of the caller's */
		__u8 all : 1;       /* the result 0 says that all of the length has moved */
		__u16 name_at;      /* in the object: pointer to the server name; 0: not known */
		__u16 server_at;    /* in the object: int, not 0 in a server's; 0: not known */
	};
};
