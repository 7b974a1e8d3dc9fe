/* Zeroed memory straight from the system, for tables of which most is seldom used: a page that was
 * never touched costs nothing. In malloc's heap they would fill what loading has left. */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* NULL: no memory. `flags`: 0, or MAP_POPULATE where all of it is used soon: one system call takes
 * less than a fault for each page. */
static inline void *pages_new_with(size_t bytes, int flags)
{
#if __has_feature(address_sanitizer) /* whose heap knows bounds, and what points where */
	void *pages;

	(void)flags;
	return posix_memalign(&pages, 4096, bytes) ? NULL : memset(pages, 0, bytes);
#else
	void *pages =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return pages == MAP_FAILED ? NULL : pages;
#endif
}

static inline void *pages_new(size_t bytes)
{
	return pages_new_with(bytes, 0);
}

/* As many bytes as were asked for. */
static inline void pages_free(void *pages, size_t bytes)
{
#if __has_feature(address_sanitizer)
	(void)bytes;
	free(pages);
#else
	if (pages)
		munmap(pages, bytes);
#endif
}
