/* UUID version 7 (RFC 9562, 5.7): 48 bits of UTC milliseconds, then random bits, so ids sort by
 * time. Within one maker and one millisecond they still rise (12 bits of counter, RFC 9562 6.2,
 * method 1). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define UUID_BYTES  16
#define UUID_TEXT   37   /* 36 characters and NUL */
#define UUID_RANDOM 10   /* the last bytes of an id, from the kernel */
#define UUID_AHEAD  1024 /* ids whose random bytes are fetched in one system call */

struct uuid {
	uint8_t bytes[UUID_BYTES];
};

/* One maker a thread. Zeroed is ready. */
struct uuid_maker {
	int64_t last_ms;
	uint16_t counter;
	uint16_t n_ahead;
	uint8_t ahead[UUID_AHEAD][UUID_RANDOM];
};

struct uuid uuid_make(struct uuid_maker *maker, int64_t utc_ns);
char *uuid_format(const struct uuid *id, char out[static UUID_TEXT]);
int uuid_parse(struct span text, struct uuid *ret_id); /* -EINVAL */

static inline bool uuid_is_zero(const struct uuid *id)
{
	static const struct uuid zero;

	return memcmp(id, &zero, sizeof(zero)) == 0;
}
