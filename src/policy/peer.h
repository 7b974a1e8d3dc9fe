/* Who is at the other end of a Unix socket, by the kernel's word and not its own. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/process.h"
#include "base/users.h"

#define PEER_NO_GROUP ((gid_t)-1)

struct peer {
	struct process process; /* pid and uid at once, the rest with peer_facts */
	bool sees_all;          /* root, or a member of the group */
	bool has_facts;
};

/* SO_PEERCRED: the process that made the connection, at the time it did. `group` is the one whose
 * members see all, or PEER_NO_GROUP. Errno of the socket call. */
int peer_init(int fd, gid_t group, struct peer *ret_peer);

/* Reads the facts of the process from PROC and the name of its user, once: later calls return at
 * once. When the process has ended, its pid may be another's by now: then the facts stay
 * unknown. */
void peer_facts(int fd, const char *proc, struct users *users, struct peer *peer);

/* The id of a group by its name, PEER_NO_GROUP when there is none. */
gid_t peer_group(const char *name);
