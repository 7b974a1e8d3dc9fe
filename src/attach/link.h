/* Ties a program to places in a file, in the best way the kernel has. One kind is chosen at start
 * (link_prepare before the load, link_try after it) and then used for all. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum link_kind {
	LINK_SESSION, /* Linux 6.13: one program sees entry and return, and may waive the return */
	LINK_MULTI,   /* Linux 6.6: one link for all places of a program in a file */
	LINK_PERF,    /* one perf event and one link a place */
	LINK_KINDS,
};

#define LINK_PLACES_MAX 512 /* of one program in one file */

/* "session", "multi", "perf". */
const char *link_name(enum link_kind kind);

struct bpf_object;
struct bpf_program;

/* Tells the kernel, before the object is loaded, how its uprobe programs will be tied. Those whose
 * name ends in `_session` are for LINK_SESSION alone, those that end in `_leave` for all but it. */
void link_prepare(struct bpf_object *object, enum link_kind kind);

/* Whether the kernel makes such a link: really does, on a place of our own executable where nothing
 * runs. 0 or what it said. */
int link_try(struct bpf_program *program, enum link_kind kind);

struct link_places {
	unsigned n;
	uint64_t offsets[LINK_PLACES_MAX];
	uint64_t cookies[LINK_PLACES_MAX]; /* what the program gets from bpf_get_attach_cookie */
};

/* Links that go together: fds, which the caller owns through link_close. */
struct links {
	unsigned n, room;
	int *fds;
};

/* At the places themselves, or, `at_return`, when the functions that begin there return (not for a
 * session, which sees both). `fd` is the file. */
int link_attach(enum link_kind kind, const struct bpf_program *program, int fd,
		const struct link_places *places, bool at_return, struct links *links);
void link_move(struct links *from, struct links *to);
/* All at once: for each the kernel waits until no CPU runs its program, tens of milliseconds. */
void link_close(struct links *links);
