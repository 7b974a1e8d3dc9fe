/* Destroys a TCP socket of another process: netlink SOCK_DESTROY (sock_diag(7)), which knows the
 * sockets of one network namespace, so it is asked in that of the socket's owner. The program gets
 * ECONNABORTED from the call that waits or the next one. */
#pragma once

#include "bpf/flow_event.h"

struct cutter;

/* `proc`: "/proc". NULL: out of memory. For one thread, which enters other network namespaces for a
 * moment. */
struct cutter *cutter_new(const char *proc);
void cutter_free(struct cutter *cutter);

/* The one with this cookie and these addresses. 0; -ENOENT: there is none any more; -EOPNOTSUPP:
 * not with this kernel; another -errno. */
int cutter_destroy(struct cutter *cutter, const struct flow_refused *socket);
