/* Where crypto/tls is inside a Go program, x86-64: the places for probes, and the layout of its
 * connections, by the version of Go that built it. */
#pragma once

#include <stdint.h>

#include "base/err.h"

#define GO_RETURNS_MAX 32
#define GO_VERSION_MAX 32

struct go_tls {
	char version[GO_VERSION_MAX]; /* "go1.26.8" */
	uint64_t layout;              /* EVENT_GO_LAYOUT */
	/* Offsets in the file. The first instruction after the check of the stack's size (which may
	 * begin the function anew), with the arguments in their registers and the stack pointer at
	 * the return address: a push, which the kernel emulates, from Go 1.21 on. */
	uint64_t read, write, close;
	uint64_t hello;     /* where a client's handshake begins */
	unsigned cheap;     /* how many of the four the kernel emulates */
	unsigned n_returns; /* of read and write */
	uint64_t returns[2 * GO_RETURNS_MAX];
};

/* -ENOENT: the program does not use crypto/tls. Else one line that says why its code is not
 * understood: -ENOTSUP (built by Go before 1.18, or for another machine), -EBADMSG. */
int go_examine(int fd, struct go_tls *ret_tls, struct err *err);
