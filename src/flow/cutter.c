/* A netlink socket stays in the namespace that it was made in, so one for each of the namespaces
 * that were met last is kept: the way back and forth is gone but once. */
#include "flow/cutter.h"

#include <arpa/inet.h>
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
};

struct cutter {
	const char *proc;
	unsigned next; /* that makes room */
	struct door doors[DOORS];
};

struct cutter *cutter_new(const char *proc)
{
	struct cutter *c = calloc(1, sizeof(*c));

	if (c)
		c->proc = proc;
	return c;
}

void cutter_free(struct cutter *c)
{
	for (unsigned i = 0; c && i < DOORS; i++)
		if (c->doors[i].inode)
			close(c->doors[i].netlink);
	free(c);
}

/* A netlink socket made in the namespace of `fd`, or -errno. */
static int open_inside(int fd)
{
	CLOSE_FD int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int netlink;

	if (home < 0 || setns(fd, CLONE_NEWNET) < 0)
		return -errno;
	netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (netlink < 0)
		netlink = -errno;
	if (setns(home, CLONE_NEWNET) < 0)
		abort(); /* all else this thread does would be in a stranger's network */
	return netlink;
}

/* The netlink socket of the process's namespace, or -errno. */
static int find_door(struct cutter *c, uint32_t tgid)
{
	CLOSE_FD int fd = -1;
	struct door *door = &c->doors[c->next];
	struct stat facts;
	char path[64];
	int netlink;

	snprintf(path, sizeof(path), "%s/%u/ns/net", c->proc, tgid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &facts) < 0)
		return -errno;
	for (unsigned i = 0; i < DOORS; i++)
		if (c->doors[i].inode == facts.st_ino)
			return c->doors[i].netlink;
	netlink = open_inside(fd);
	if (netlink < 0)
		return netlink;
	if (door->inode)
		close(door->netlink);
	*door = (struct door){ facts.st_ino, netlink };
	c->next = (c->next + 1) % DOORS;
	return netlink;
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
	int netlink = find_door(c, s->tgid);
	ssize_t n;

	if (netlink < 0)
		return netlink == -ESRCH ? -ENOENT : netlink;
	if (send(netlink, &request, sizeof(request), 0) < 0)
		return -errno;
	n = recv(netlink, &answer, sizeof(answer), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(answer.head) + sizeof(int) || answer.head.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.body.error;
}
