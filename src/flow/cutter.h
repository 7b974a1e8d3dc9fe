/* Destroys TCP sockets of other processes: one by netlink SOCK_DESTROY (sock_diag(7)), many by one
 * walk of the kernel (bpf/sweep.h). Both know the sockets of one network namespace, so it is done
 * in that of the socket's owner. The program gets ECONNABORTED from the call that waits or the next
 * one. */
#pragma once

#include <stdint.h>

#include "bpf/flow_event.h"

struct cutter;

/* `proc`: "/proc"; `sweeper`: hooks_sweeper(). NULL: out of memory. For one thread, which enters
 * other network namespaces for a moment. */
struct cutter *cutter_new(const char *proc, int sweeper);
void cutter_free(struct cutter *cutter);

/* The one with this cookie and these addresses. 0; -ENOENT: there is none any more; -EOPNOTSUPP:
 * not with this kernel; another -errno. */
int cutter_destroy(struct cutter *cutter, const struct flow_refused *socket);

/* All that is due in the network namespace of the process, once a round: how many there were, or
 * -errno; -EOPNOTSUPP: not with this kernel. */
int cutter_sweep(struct cutter *cutter, uint32_t tgid, unsigned round);
