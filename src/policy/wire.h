/* The bytes of one connection, on plain events: what comes is read at once and kept only when it
 * is not taken at once, what goes is written at once and kept only when the socket does not take
 * it. A broken connection shows when the loop next finds it writable. Private to src/policy. */
#pragma once

#include <event2/event.h>
#include <sys/types.h>

#include "base/buf.h"

struct wire {
	int fd;
	struct event *readable, *writable;
	bool is_reading;
	struct span unread; /* in `in`, or during a callback where wire_receive put it */
	struct buf in, out;
	size_t n_sent; /* of `out` */
};

/* Reads from now on. Owns `fd` when all went well; else -ENOMEM. */
int wire_open(struct wire *wire, struct event_base *base, int fd, event_callback_fn on_readable,
	      event_callback_fn on_writable, void *ctx);
void wire_close(struct wire *wire);

/* Reads once, as much as `room` of `size` bytes holds besides what is unread already: all of it is
 * then `unread`. Bytes that came, 0: the end, or -errno. */
ssize_t wire_receive(struct wire *wire, char *room, size_t size);
/* Keeps what is still unread: `room` may be another's now. Call before the callback ends. */
void wire_keep(struct wire *wire);
void wire_read(struct wire *wire, bool on);

void wire_send(struct wire *wire, struct span bytes);
/* Sends what was kept; -errno when the connection is broken. */
int wire_flush(struct wire *wire);

static inline size_t wire_unsent(const struct wire *wire)
{
	return wire->out.len - wire->n_sent;
}
