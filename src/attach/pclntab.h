/* Go's table of functions, which the linker puts into every program, stripped or not. Its layout
 * is that of Go 1.18 and later (debug/gosym and internal/abi of Go's source): a header, the names,
 * and an entry a function in the order of the code. The files are those of other processes:
 * hostile, so all walks are bounded. */
#pragma once

#include <stdint.h>

struct pclntab_function {
	uint64_t offset; /* in the file; 0: the program has no such function */
	uint64_t bytes;  /* up to the next function, padding included */
};

/* Functions by their full names ("crypto/tls.(*Conn).Read"), at most 8 of them, each below 64
 * bytes. -ENOENT: the file has no such table; -ENOTSUP: one of another version of Go; -EBADMSG: one
 * that contradicts itself. */
int pclntab_find(int fd, const char *const *names, unsigned n, struct pclntab_function *ret);
