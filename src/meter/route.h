/* A route of a provider, compiled: which requests it takes and what to read of them. */
#pragma once

#include "meter/extract.h"
#include "meter/settle.h"

struct route {
	char *match; /* as in the file; empty: the route of what no other takes. Its own, and: */
	const char *operation, *within; /* behind it; a pointer to the sequence's array, or empty */
	struct span method, path;       /* within `match` */
	bool free;
	bool each; /* document of a sequence is an answer */
	enum settle_kind settles;
	uint32_t formats; /* one bit a row of meter/format.c */
	const struct extract *extract;
};

/* The `index`th route of a file; at `routes_count`, the one for all other requests, which reads
 * what stands at the top of the file. What it reads is one of `extracts`, which own it. -EINVAL
 * with file, line and key, or -ENOMEM; route_done in any case. */
int route_compile(const char *path, const struct provider_file *file, unsigned index,
		  struct extract **extracts, struct route *route, struct err *err);
void route_done(struct route *route);

/* Both read messages of one WebSocket: of a second kind, and of the first. */
bool route_is_kind(const struct route *route, const struct route *first);

bool route_takes(const struct route *route, struct span method, struct span path);
