/* Credentials of a peer. Its groups come with the socket too (SO_PEERGROUPS), so nothing that the
 * peer does after it connected, and no reuse of its pid, changes what it may see. */
#include "policy/peer.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

#define GROUPS_BYTES_MAX (65536 * sizeof(gid_t)) /* NGROUPS_MAX of the kernel */

static bool has_group(int fd, gid_t group)
{
	gid_t few[32];
	FREE_PTR gid_t *many = NULL;
	gid_t *groups = few;
	socklen_t length = sizeof(few);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, few, &length) < 0) {
		/* The kernel said how much room it wants. */
		if (errno != ERANGE || length > GROUPS_BYTES_MAX)
			return false;
		many = malloc(length);
		if (!many || getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, many, &length) < 0)
			return false;
		groups = many;
	}
	for (size_t i = 0; i < length / sizeof(*groups); i++)
		if (groups[i] == group)
			return true;
	return false;
}

static gid_t id_of(struct peer_group *group)
{
	struct group entry, *found = NULL;
	char room[16384];

	if (group->asked)
		return group->id;
	group->asked = true;
	group->id = PEER_NO_GROUP;
	if (getgrnam_r(group->name, &entry, room, sizeof(room), &found) == 0 && found)
		group->id = found->gr_gid;
	return group->id;
}

static bool is_member(int fd, gid_t own, gid_t group)
{
	return group != PEER_NO_GROUP && (own == group || has_group(fd, group));
}

int peer_init(int fd, struct peer_group *group, struct peer *ret_peer)
{
	struct ucred credentials;
	socklen_t length = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
		return -errno;
	*ret_peer = (struct peer){ .process = { .pid = (uint32_t)credentials.pid,
						.uid = credentials.uid } };
	ret_peer->sees_all =
	    credentials.uid == 0 || (group && is_member(fd, credentials.gid, id_of(group)));
	return 0;
}

/* Whether the process that connected has ended. Older kernels cannot tell: they say no. */
static bool has_ended(int fd)
{
	CLOSE_FD int pidfd = -1;
	socklen_t length = sizeof(pidfd);
	struct pollfd ended = { .events = POLLIN };

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) < 0)
		return errno != ENOPROTOOPT;
	ended.fd = pidfd;
	return poll(&ended, 1, 0) != 0;
}

void peer_facts(int fd, const char *proc, struct users *users, struct peer *peer)
{
	struct process facts;

	if (peer->has_facts)
		return;
	peer->has_facts = true;
	facts = peer->process;
	/* Asked after reading: if it still lives now, what was read was its own. A pid of 0 is a
	 * process of a pid namespace that is not below ours. */
	if (!facts.pid || process_read(proc, &facts) < 0 || has_ended(fd))
		return;
	peer->process = facts;
	users_name(users, facts.uid, peer->process.user);
}
