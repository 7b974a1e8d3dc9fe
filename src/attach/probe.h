/* The probes of one file: which function runs which program, and at which of its instructions. */
#pragma once

#include <stdbool.h>

#include "attach/link.h"
#include "base/err.h"

struct tls_bpf;
struct probes;

/* How probes are put on; chosen once, the same for all files. */
struct probe_means {
	struct tls_bpf *skeleton; /* borrowed */
	enum link_kind links;
	/* Returns are seen at the RET instructions, so that the process makes no system call that
	 * its seccomp filter might not know (Linux 6.11 to 6.13). */
	bool at_rets;
};

struct probe_facts {
	unsigned places; /* instructions with a probe */
	unsigned cheap;  /* of them: that the kernel emulates */
	bool inner_read; /* on the internal function, not on the exported ones */
	bool inner_write;
	bool names_objects; /* the name of a connection older than us is read from its object */
	char go[32];        /* the version of Go that built it; empty: it is not Go's TLS */
};

/* Puts every probe of the table for `kinds` (bits of enum image_kind) on the inode that `fd` has
 * open, for all processes, now and later; what they tell has `number` in it. -ENOENT: it lacks a
 * function without which it cannot be followed (of a Go program: it does not use TLS, and `err` is
 * left as it is); -ENOTSUP: with `at_rets`, where it returns cannot be told; else what the kernel
 * said. All probes or none. */
int probe_attach(const struct probe_means *means, int fd, unsigned kinds, unsigned number,
		 struct probes **ret_probes, struct err *err);
void probe_detach(struct probes *probes);
/* The same, but for the links, which come to the others in `links`: to close them at once. */
void probe_release(struct probes *probes, struct links *links);
const struct probe_facts *probe_facts(const struct probes *probes);
