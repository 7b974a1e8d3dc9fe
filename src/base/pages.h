/* Zeroed memory straight from the system, for tables of which most is seldom used: a page that was
 * never touched costs nothing. In malloc's heap they would fill what loading has left. */
#pragma once

#include <stddef.h>
#include <sys/mman.h>

/* NULL: no memory. */
static inline void *pages_new(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return pages == MAP_FAILED ? NULL : pages;
}

/* As many bytes as were asked for. */
static inline void pages_free(void *pages, size_t bytes)
{
	if (pages)
		munmap(pages, bytes);
}
