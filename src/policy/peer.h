/* Who is at the other end of a Unix socket, by the kernel's word and not its own. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/process.h"
#include "base/users.h"

#define PEER_NO_GROUP ((gid_t)-1)

/* Its members see all. The id is asked for with the first peer that is not root: what answers is
 * loaded into this process, and an idle agent does without. */
struct peer_group {
	const char *name;
	bool asked;
	gid_t id; /* PEER_NO_GROUP: there is none */
};

struct peer {
	struct process process; /* pid and uid at once, the rest with peer_facts */
	bool sees_all;          /* root, or a member of the group */
	bool has_facts;
};

/* SO_PEERCRED: the process that made the connection, at the time it did. `group` may be
 * NULL. Errno of the socket call. */
int peer_init(int fd, struct peer_group *group, struct peer *ret_peer);

/* Reads the facts of the process from PROC and the name of its user, once: later calls return at
 * once. When the process has ended, its pid may be another's by now: then the facts stay
 * unknown. */
void peer_facts(int fd, const char *proc, struct users *users, struct peer *peer);
