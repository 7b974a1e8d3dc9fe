/* A connection to the agent's socket on which nothing waits beyond a deadline, and the whole HTTP
 * responses that come over it. Of liboutlay: libc and include/outlay only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CHANNEL_BYTES (256u << 10) /* of one response; a longer one is -EPROTO */

struct channel {
	int fd;
	size_t len; /* bytes in `in`, which always ends in NUL behind them */
	struct channel *next;
	char in[CHANNEL_BYTES + 1];
};

struct channel_reply {
	unsigned status;
	const char *body; /* ends in NUL; borrowed until the channel is used again */
	int stays;        /* the server keeps the connection */
};

int64_t channel_now_ns(void); /* the clock of deadlines */

int channel_open(const char *path, int64_t deadline_ns, struct channel **ret_channel);
void channel_close(struct channel *channel); /* NULL is allowed */

int channel_send(struct channel *channel, const char *bytes, size_t n, int64_t deadline_ns);
/* Until there is something to read. */
int channel_wait(struct channel *channel, int64_t deadline_ns);
/* Waits for more bytes behind what is there. -EPIPE: the end. */
int channel_more(struct channel *channel, int64_t deadline_ns);
/* Takes one whole response with a Content-Length. */
int channel_reply(struct channel *channel, int64_t deadline_ns, struct channel_reply *ret_reply);
/* Whether an unused connection is still one: nothing came and nobody hung up. */
int channel_is_quiet(const struct channel *channel);
