/* What time to the first byte is usual: a running median of each series of calls (provider, model,
 * operation, streamed or not). A step moves it by a part of itself that falls to 1/2048; after the
 * first 512 calls it takes one in two seconds at most, so that what is new since a minute does not
 * count as usual yet, and a change that stays is learned within an hour or so. */
#pragma once

#include "meter/usage.h"

#define USUAL_SERIES_MAX 4096 /* the one that was not called for longest goes */
#define USUAL_CALLS_MIN  500  /* before that a series has no median */

struct usual_key {
	char provider[32];
	char model[96];
	char operation[32];
	bool streaming;
};

struct usual_median {
	struct usual_key key; /* its unused bytes are zero */
	int64_t median_ns;
	int64_t learned_ns; /* UTC */
	unsigned n;         /* calls learned from, as far as they are counted */
};

struct usual;
struct usual *usual_new(void); /* NULL: no memory */
void usual_free(struct usual *usual);

/* The median before this call, or -1 when it is not known yet or the call has no first byte; and
 * learns from the call, if it is one to learn from. */
int64_t usual_ttfb_ns(struct usual *usual, const struct usage *usage, bool learns, int64_t now_ns);

/* From the ledger, those learned from last at the end. */
void usual_restore(struct usual *usual, const struct usual_median *median);
/* What is known and the ledger has not been told; at most `max`, 0 = all told. */
unsigned usual_owed(struct usual *usual, struct usual_median *medians, unsigned max);
