/* names: the models by their names. Open addressing: a name costs its bytes, 14 more and a slot. */
#pragma once

#include "base/arena.h"
#include "base/span.h"

struct model;

struct name {
	const struct model *model;
	uint32_t hash;
	uint16_t len;
	char key[];
};

struct names {
	struct name **slots; /* NULL: free */
	uint32_t n, n_slots; /* a power of two, or 0 */
};

/* NULL: there is none. */
struct name *names_find(const struct names *names, struct span key);
/* One that is not there. -ENOMEM. */
int names_add(struct names *names, struct arena *arena, struct span key, const struct model *model);
void names_done(struct names *names); /* but not the arena */
