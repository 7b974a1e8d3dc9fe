/* The probes of one library: which function runs which program. */
#pragma once

#include "base/err.h"

struct tls_bpf;
struct probes;

/* Puts every probe of the table for `kinds` (bits of enum image_kind) on the inode that `fd` has
 * open, for all processes, now and later. -ENOENT: it lacks a function without which it cannot be
 * followed; else what the kernel said. All probes or none. */
int probe_attach(struct tls_bpf *skeleton, int fd, unsigned kinds, struct probes **ret_probes,
		 struct err *err);
void probe_detach(struct probes *probes);
unsigned probe_count(const struct probes *probes);
