/* A connection's buffers. Both are empty and hold no memory in between: most requests are read in
 * one piece, and most answers leave in one. */
#include "policy/wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define FLAGS (MSG_NOSIGNAL | MSG_DONTWAIT)

int wire_open(struct wire *wire, struct event_base *base, int fd, event_callback_fn on_readable,
	      event_callback_fn on_writable, void *ctx)
{
	*wire =
	    (struct wire){ .fd = fd,
			   .in = buf_with_max(SIZE_MAX / 4),
			   .out = buf_with_max(SIZE_MAX / 4),
			   .readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, ctx),
			   .writable = event_new(base, fd, EV_WRITE, on_writable, ctx) };
	if (wire->readable && wire->writable)
		wire_read(wire, true);
	if (wire->is_reading)
		return 0;
	wire->fd = -1;
	wire_close(wire);
	return -ENOMEM;
}

void wire_close(struct wire *wire)
{
	if (wire->readable)
		event_free(wire->readable);
	if (wire->writable)
		event_free(wire->writable);
	if (wire->fd >= 0)
		close(wire->fd);
	buf_done(&wire->in);
	buf_done(&wire->out);
}

void wire_read(struct wire *wire, bool on)
{
	if (on == wire->is_reading)
		return;
	if (on)
		wire->is_reading = event_add(wire->readable, NULL) == 0;
	else
		wire->is_reading = event_del(wire->readable) != 0;
}

ssize_t wire_receive(struct wire *wire, char *room, size_t size)
{
	ssize_t n = recv(wire->fd, room, size - wire->in.len, MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 ? -errno : 0;
	wire->unread = (struct span){ room, (size_t)n };
	if (!wire->in.len)
		return n;
	buf_put(&wire->in, wire->unread);
	wire->unread = buf_span(&wire->in);
	return wire->in.failed ? -ENOMEM : n;
}

void wire_keep(struct wire *wire)
{
	if (!wire->unread.len)
		buf_done(&wire->in);
	else if (wire->in.len)
		buf_consume(&wire->in, wire->in.len - wire->unread.len);
	else
		buf_put(&wire->in, wire->unread);
	wire->unread = buf_span(&wire->in);
}

void wire_send(struct wire *wire, struct span bytes)
{
	ssize_t n = 0;

	if (!wire_unsent(wire))
		n = send(wire->fd, bytes.ptr, bytes.len, FLAGS);
	if (n == (ssize_t)bytes.len)
		return;
	buf_consume(&wire->out, wire->n_sent);
	wire->n_sent = 0;
	buf_put(&wire->out, span_skip(bytes, n > 0 ? (size_t)n : 0));
	event_add(wire->writable, NULL);
}

int wire_flush(struct wire *wire)
{
	ssize_t n;

	if (!wire_unsent(wire))
		return 0;
	n = send(wire->fd, wire->out.data + wire->n_sent, wire_unsent(wire), FLAGS);
	if (wire->out.failed || (n < 0 && errno != EAGAIN))
		return wire->out.failed ? -ENOMEM : -errno;
	wire->n_sent += n > 0 ? (size_t)n : 0;
	if (wire_unsent(wire)) {
		event_add(wire->writable, NULL);
		return 0;
	}
	buf_done(&wire->out);
	wire->n_sent = 0;
	return 0;
}
