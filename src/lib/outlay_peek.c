/* liboutlay: budgets as memory. The connection stays for as long as it is wanted: by that the agent
 * knows that somebody looks. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/outlay.h"
#include "lib/peek.h"

struct outlay_peek {
	struct channel *channel;
	const struct outlay_shared *shared;
};

static const char request[] = "GET /v1/peek HTTP/1.1\r\nHost: localhost\r\n\r\n";

/* The first bytes of the answer, which bring the descriptor; -1 when they do not. */
static int take_fd(struct channel *channel, int64_t deadline_ns, int *ret_fd)
{
	struct iovec bytes = { channel->in, CHANNEL_BYTES };
	char control[CMSG_SPACE(sizeof(int))];
	struct msghdr message = { .msg_iov = &bytes,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header;
	int code = channel_wait(channel, deadline_ns);
	ssize_t n = code < 0 ? -1 : recvmsg(channel->fd, &message, MSG_CMSG_CLOEXEC);

	if (n <= 0)
		return code < 0 ? code : n < 0 ? -errno : -EPIPE;
	channel->len = (size_t)n;
	channel->in[n] = '\0';
	header = CMSG_FIRSTHDR(&message);
	*ret_fd = -1;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
	return 0;
}

/* Memory that could shrink would be a signal to whoever reads it. */
static const struct outlay_shared *map(int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	void *at;

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 ||
	    st.st_size < (off_t)sizeof(struct outlay_shared))
		return NULL;
	at = mmap(NULL, sizeof(struct outlay_shared), PROT_READ, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : at;
}

static int receive(struct outlay_peek *peek, int64_t deadline_ns)
{
	struct channel *channel = peek->channel;
	int fd, code = take_fd(channel, deadline_ns, &fd);

	if (code < 0)
		return code;
	if (strncmp(channel->in, "HTTP/1.1 503 ", 13) == 0 ||
	    strncmp(channel->in, "HTTP/1.1 429 ", 13) == 0)
		code = -EAGAIN;
	else if (strncmp(channel->in, "HTTP/1.1 200 ", 13) != 0 || fd < 0)
		code = -EPROTO;
	else
		peek->shared = map(fd);
	if (fd >= 0)
		close(fd);
	return code == 0 && !peek->shared ? -EPROTO : code;
}

OUTLAY_API int outlay_peek_open(struct outlay *outlay, struct outlay_peek **ret_peek)
{
	int64_t deadline_ns = channel_now_ns() + outlay->deadline_ns;
	struct outlay_peek *peek = calloc(1, sizeof(*peek));
	int code;

	if (!peek)
		return -ENOMEM;
	code = channel_open(outlay->socket, deadline_ns, &peek->channel);
	if (code == 0)
		code = channel_send(peek->channel, request, sizeof(request) - 1, deadline_ns);
	if (code == 0)
		code = receive(peek, deadline_ns);
	if (code < 0) {
		outlay_peek_close(peek);
		return code;
	}
	*ret_peek = peek;
	return 0;
}

OUTLAY_API void outlay_peek_close(struct outlay_peek *peek)
{
	if (!peek)
		return;
	if (peek->shared)
		munmap((void *)peek->shared, sizeof(*peek->shared));
	channel_close(peek->channel);
	free(peek);
}

OUTLAY_API int outlay_peek(const struct outlay_peek *peek, const struct outlay_ask *ask,
			   struct outlay_peek_answer *ret_answer)
{
	struct timespec t;

	/* Of the kernel's shared page: not a system call, and to some milliseconds it is enough. */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return peek_read(peek->shared, ask, t.tv_sec * INT64_C(1000000000) + t.tv_nsec, ret_answer);
}
