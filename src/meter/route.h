/* A route of a provider, compiled: which requests it takes and what to read of them. */
#pragma once

#include "meter/expr.h"
#include "meter/provider_file.h"

struct route {
	char match[96];     /* as in the file; empty: the route of what no other takes */
	struct span method; /* both within `match` */
	struct span path;
	char operation[32];
	bool free;
	bool poll;        /* brings an answer that another call asked for */
	bool snapshot;    /* its counts are those of one */
	uint32_t formats; /* one bit a row of meter/format.c */
	struct expr_scope scope;
	struct expr texts[ROUTE_TEXT_MAX];
	struct expr attempt;
	struct expr counts[USAGE_BUCKET_MAX];
	uint64_t required; /* buckets that an answer must have */
	uint64_t asked;    /* buckets that rest on the request alone */
};

/* The `index`th route of a file; at `routes_count`, the one for all other requests, which reads
 * what stands at the top of the file. -EINVAL with file, line and key, or -ENOMEM. On failure, too,
 * `route` is to be done. */
int route_compile(const char *path, const struct provider_file *file, unsigned index,
		  struct route *route, struct err *err);
void route_done(struct route *route);

bool route_takes(const struct route *route, struct span method, struct span path);
