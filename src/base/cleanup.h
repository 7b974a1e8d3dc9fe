/* Scope-bound ownership: a local that owns something says so in its declaration, and each escape
 * is marked by TAKE_PTR or TAKE_FD, so one function can be read as leak-free on its own. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define FREE_PTR    CLEANUP(cleanup_free)
#define CLOSE_FD    CLEANUP(cleanup_close)
#define CLOSE_FILE  CLEANUP(cleanup_file)

/* Hands the value on and leaves the owner empty. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})

/* Makes `cleanup_NAME(T **)` of a `FREE(T *)`, for CLEANUP(). */
#define CLEANUP_FOR(name, type, free_fn)                                                           \
	static inline void cleanup_##name(type *owned)                                             \
	{                                                                                          \
		if (*owned)                                                                        \
			free_fn(*owned);                                                           \
	}

static inline void cleanup_free(void *owned)
{
	free(*(void **)owned);
}

static inline void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_file(FILE **file)
{
	if (*file)
		fclose(*file);
}
