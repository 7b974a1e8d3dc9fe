/* A hash table whose keys are the facts themselves, each with the number of its holders: the last
 * one to drop it frees it. */
#include "capture/intern.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <uthash.h>

struct held {
	UT_hash_handle hh;
	unsigned holders;
	struct process process;
};

struct intern {
	struct held *all;
};

int intern_new(struct intern **ret_intern)
{
	struct intern *intern = calloc(1, sizeof(*intern));

	if (!intern)
		return -ENOMEM;
	*ret_intern = intern;
	return 0;
}

void intern_free(struct intern *intern)
{
	free(intern);
}

const struct process *intern_take(struct intern *intern, const struct process *facts)
{
	struct held *held;

	HASH_FIND(hh, intern->all, facts, sizeof(*facts), held);
	if (!held) {
		held = calloc(1, sizeof(*held));
		if (!held)
			return NULL;
		memcpy(&held->process, facts, sizeof(*facts));
		HASH_ADD(hh, intern->all, process, sizeof(held->process), held);
	}
	held->holders++;
	return &held->process;
}

void intern_drop(struct intern *intern, const struct process *process)
{
	struct held *held =
	    (struct held *)((char *)(uintptr_t)process - offsetof(struct held, process));

	if (--held->holders)
		return;
	HASH_DEL(intern->all, held);
	free(held);
}

unsigned intern_count(const struct intern *intern)
{
	return HASH_COUNT(intern->all);
}
