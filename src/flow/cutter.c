/* A netlink socket stays in the namespace that it was made in, so one for each of the namespaces
 * that were met last is kept: the way back and forth is gone but once. A walk is of where it
 * begins. */
#include "flow/cutter.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DOORS 16

struct door {
	ino_t inode; /* of the namespace; 0: none */
	int netlink;
	unsigned swept; /* the round */
};

struct cutter {
	const char *proc;
	int sweeper;
	unsigned next; /* that makes room */
	struct door doors[DOORS];
};

struct cutter *cutter_new(const char *proc, int sweeper)
{
	struct cutter *c = calloc(1, sizeof(*c));

	if (c) {
		c->proc = proc;
		c->sweeper = sweeper;
	}
	return c;
}

void cutter_free(struct cutter *c)
{
	for (unsigned i = 0; c && i < DOORS; i++)
		if (c->doors[i].inode)
			close(c->doors[i].netlink);
	free(c);
}

/* In the namespace of `fd` for as long as `act` takes: what that returns, or -errno. */
static int inside(int fd, int (*act)(const struct cutter *c), const struct cutter *c)
{
	CLOSE_FD int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int code;

	if (home < 0 || setns(fd, CLONE_NEWNET) < 0)
		return -errno;
	code = act(c);
	if (setns(home, CLONE_NEWNET) < 0)
		abort(); /* all else this thread does would be in a stranger's network */
	return code;
}

static int open_netlink(const struct cutter *c)
{
	int netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	(void)c;
	return netlink < 0 ? -errno : netlink;
}

/* What was destroyed comes by its cookies. */
static int walk(const struct cutter *c)
{
	CLOSE_FD int fd = bpf_iter_create(c->sweeper);
	uint64_t cookies[512];
	size_t bytes = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		n = read(fd, cookies, sizeof(cookies));
		bytes += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	return n < 0 ? -errno : (int)(bytes / sizeof(cookies[0]));
}

/* Of a process: its namespace, or -errno, and what is kept for that. */
static int find_door(struct cutter *c, uint32_t tgid, struct door **ret_door)
{
	CLOSE_FD int fd = -1;
	struct door *door = &c->doors[c->next];
	struct stat facts;
	char path[64];
	int netlink;

	snprintf(path, sizeof(path), "%s/%u/ns/net", c->proc, tgid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &facts) < 0)
		return errno == ESRCH ? -ENOENT : -errno;
	for (unsigned i = 0; i < DOORS; i++) {
		if (c->doors[i].inode == facts.st_ino) {
			*ret_door = &c->doors[i];
			return TAKE_FD(fd);
		}
	}
	netlink = inside(fd, open_netlink, c);
	if (netlink < 0)
		return netlink;
	if (door->inode)
		close(door->netlink);
	*door = (struct door){ .inode = facts.st_ino, .netlink = netlink };
	c->next = (c->next + 1) % DOORS;
	*ret_door = door;
	return TAKE_FD(fd);
}

int cutter_sweep(struct cutter *c, uint32_t tgid, unsigned round)
{
	struct door *door;
	CLOSE_FD int fd = c->sweeper < 0 ? -EOPNOTSUPP : find_door(c, tgid, &door);
	int n;

	if (fd < 0 || door->swept == round)
		return fd < 0 ? fd : 0;
	n = inside(fd, walk, c);
	if (n >= 0)
		door->swept = round;
	return n;
}

struct request {
	struct nlmsghdr head;
	struct inet_diag_req_v2 body;
};

static struct request make_request(const struct flow_refused *s)
{
	static const uint8_t v4[12] = { [10] = 0xff, 0xff };
	struct request r = { .head = { .nlmsg_len = sizeof(r),
				       .nlmsg_type = SOCK_DESTROY,
				       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK } };
	bool mapped = !memcmp(s->remote, v4, sizeof(v4));
	struct inet_diag_sockid *id = &r.body.id;

	r.body.sdiag_family = mapped ? AF_INET : AF_INET6;
	r.body.sdiag_protocol = IPPROTO_TCP;
	r.body.idiag_states = ~0u;
	id->idiag_sport = htons(s->local_port);
	id->idiag_dport = htons(s->remote_port);
	memcpy(id->idiag_src, s->local + (mapped ? 12 : 0), mapped ? 4 : 16);
	memcpy(id->idiag_dst, s->remote + (mapped ? 12 : 0), mapped ? 4 : 16);
	id->idiag_cookie[0] = (uint32_t)s->head.cookie;
	id->idiag_cookie[1] = (uint32_t)(s->head.cookie >> 32);
	return r;
}

int cutter_destroy(struct cutter *c, const struct flow_refused *s)
{
	struct request request = make_request(s);
	struct {
		struct nlmsghdr head;
		struct nlmsgerr body;
		char echo[sizeof(struct request)];
	} answer;
	struct door *door;
	CLOSE_FD int fd = find_door(c, s->tgid, &door);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (send(door->netlink, &request, sizeof(request), 0) < 0)
		return -errno;
	n = recv(door->netlink, &answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(answer.head) + sizeof(int) || answer.head.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.body.error;
}
