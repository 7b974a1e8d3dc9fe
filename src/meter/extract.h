/* What to read of a call: the expressions of a route, compiled. Routes that read the same have one
 * between them, also those of different providers: most of a file's are free and read what stands
 * at its top, and many providers answer as another does. */
#pragma once

#include "meter/expr.h"
#include "meter/provider_file.h"

/* Work that was done besides an answer. */
struct beside {
	char operation[sizeof(((struct usage *)0)->operation)];
	struct expr model; /* absent: that of the answer */
	struct expr counts[USAGE_BUCKET_MAX];
	uint64_t counted; /* buckets that have an expression */
};

struct extract {
	struct extract *next; /* of the set */
	struct expr_scope scope;
	struct expr texts[ROUTE_TEXT_MAX];
	struct expr numbers[ROUTE_COUNT_MAX];
	struct expr counts[USAGE_BUCKET_MAX];
	struct expr estimates[2]; /* of the buckets input and output */
	struct beside *besides;
	unsigned n_besides;
	uint64_t counted;  /* buckets that have an expression */
	uint64_t required; /* buckets that an answer must have */
	uint64_t asked;    /* buckets that rest on the request alone */
};

/* A route where it stands, for what is wrong with it. */
struct route_place {
	const char *path;
	const struct provider_file *file;
	const struct route_file *route;
	unsigned index;
	struct err *err;
};

/* The one of the set that reads what the route and the top of its file say, or a new one in it.
 * `template` is the route's, and is borrowed. -EINVAL with file, line and key, or -ENOMEM. */
int extract_share(struct extract **set, const struct route_place *at, struct span template,
		  const struct extract **ret_extract);
void extract_free_all(struct extract *set);
