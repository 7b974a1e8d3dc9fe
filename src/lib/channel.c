/* One connection. The socket does not block: every wait is a poll() that ends at the deadline. */
#include "lib/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000

int64_t channel_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int wait_for(int fd, short what, int64_t deadline_ns)
{
	struct pollfd poll_fd = { .fd = fd, .events = what };

	for (;;) {
		int64_t left_ns = deadline_ns - channel_now_ns();
		int n = poll(&poll_fd, 1, left_ns <= 0 ? 0 : (int)(left_ns / NS_PER_MS) + 1);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (left_ns <= 0)
			return -ETIMEDOUT;
	}
}

/* A full backlog is EAGAIN of a Unix socket, which poll() has no event for: hence the sleep. */
static int connect_to(int fd, const struct sockaddr_un *to, int64_t deadline_ns)
{
	while (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (channel_now_ns() >= deadline_ns)
			return -ETIMEDOUT;
		poll(NULL, 0, 1);
	}
	return 0;
}

int channel_open(const char *path, int64_t deadline_ns, struct channel **ret_channel)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct channel *channel;
	int code;

	if (strlen(path) >= sizeof(to.sun_path))
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, strlen(path));
	channel = malloc(sizeof(*channel));
	if (!channel)
		return -ENOMEM;
	channel->len = 0;
	channel->next = NULL;
	channel->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	code = channel->fd < 0 ? -errno : connect_to(channel->fd, &to, deadline_ns);
	if (code < 0) {
		channel_close(channel);
		return code;
	}
	*ret_channel = channel;
	return 0;
}

void channel_close(struct channel *channel)
{
	if (!channel)
		return;
	if (channel->fd >= 0)
		close(channel->fd);
	free(channel);
}

int channel_send(struct channel *channel, const char *bytes, size_t n, int64_t deadline_ns)
{
	while (n) {
		ssize_t sent = send(channel->fd, bytes, n, MSG_NOSIGNAL);
		int code;

		if (sent >= 0) {
			bytes += sent;
			n -= (size_t)sent;
			continue;
		}
		code = errno == EAGAIN ? wait_for(channel->fd, POLLOUT, deadline_ns) : -errno;
		if (code < 0 && code != -EINTR)
			return code;
	}
	return 0;
}

int channel_wait(struct channel *channel, int64_t deadline_ns)
{
	return wait_for(channel->fd, POLLIN, deadline_ns);
}

int channel_more(struct channel *channel, int64_t deadline_ns)
{
	ssize_t n;

	if (channel->len == CHANNEL_BYTES)
		return -EPROTO;
	for (;;) {
		int code = channel_wait(channel, deadline_ns);

		if (code < 0)
			return code;
		n = recv(channel->fd, channel->in + channel->len, CHANNEL_BYTES - channel->len, 0);
		if (n > 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			break;
		if (n == 0)
			return -EPIPE;
	}
	if (n < 0)
		return -errno;
	channel->len += (size_t)n;
	channel->in[channel->len] = '\0';
	return 0;
}

/* The value of a field of the head that begins at `head`, or NULL. */
static const char *field(const char *head, const char *end, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = head; line < end; line = strstr(line, "\r\n") + 2)
		if (strncasecmp(line, name, len) == 0)
			return line + len + strspn(line + len, " ");
	return NULL;
}

int channel_reply(struct channel *channel, int64_t deadline_ns, struct channel_reply *ret_reply)
{
	const char *head_end, *length, *connection;
	unsigned long body;
	int code = 0;

	channel->len = 0;
	channel->in[0] = '\0';
	for (;;) {
		head_end = strstr(channel->in, "\r\n\r\n");
		if (head_end)
			break;
		code = channel_more(channel, deadline_ns);
		if (code < 0)
			return code;
	}
	length = field(channel->in, head_end, "content-length:");
	if (strncmp(channel->in, "HTTP/1.1 ", 9) != 0 || !length)
		return -EPROTO;
	head_end += 4;
	body = strtoul(length, NULL, 10);
	if (body > CHANNEL_BYTES)
		return -EPROTO;
	while (code == 0 && channel->len < (size_t)(head_end - channel->in) + body)
		code = channel_more(channel, deadline_ns);
	if (code < 0)
		return code;
	connection = field(channel->in, head_end - 2, "connection:");
	*ret_reply =
	    (struct channel_reply){ .status = (unsigned)strtoul(channel->in + 9, NULL, 10),
				    .body = head_end,
				    .stays = !connection || strncasecmp(connection, "close", 5) };
	return 0;
}

int channel_is_quiet(const struct channel *channel)
{
	struct pollfd poll_fd = { .fd = channel->fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 0;
}
