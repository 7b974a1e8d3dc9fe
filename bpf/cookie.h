/* What a probe tells its program about the function it stands on: the cookie of its link. Shared by
 * the programs and src/attach/probe.c. */
#pragma once

#include "event.h"

/* In every cookie: the number of the file that the probe is in. */
#define EVENT_COOKIE_FILE(cookie) ((cookie) >> 48)

/* Cookie on Go programs, where fields of crypto/tls.Conn are: done is isHandshakeComplete. */
#define EVENT_GO_LAYOUT(done, config, name, in_config)                                             \
	((__u64)(done) | (__u64)(config) << 12 | (__u64)(name) << 24 | (__u64)(in_config) << 36)
#define EVENT_GO_HANDSHAKE(layout)   ((layout)&0xfff)
#define EVENT_GO_CONFIG(layout)      ((layout) >> 12 & 0xfff)
#define EVENT_GO_NAME(layout)        ((layout) >> 24 & 0xfff)
#define EVENT_GO_CONFIG_NAME(layout) ((layout) >> 36 & 0xfff)

union probe_cookie {
	__u64 word;
	struct {
		__u16 direction : 1;      /* enum event_direction */
		__u16 count_argument : 3; /* 4, 5: points at where the byte count goes, the
					   * result is 1 */
		__u16 wide_result : 1;    /* the result has 64 bits, else 32 */
		__u16 unseen : 1; /* the bytes do not pass through a buffer of the caller's */
		__u16 all : 1;    /* the result 0 says that all of the length has moved */
		__u16 name_at;    /* in the object: pointer to the server name; 0: not known */
		__u16 server_at;  /* in the object: int, not 0 in a server's; 0: not known */
		__u16 file;       /* EVENT_COOKIE_FILE */
	};
};
