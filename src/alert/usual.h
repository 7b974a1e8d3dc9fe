/* What time to the first byte is usual: a running median of each series of calls (provider, model,
 * operation, streamed or not). A step moves it by a part of itself that falls to 1/2048; after the
 * first 512 calls it takes one in two seconds at most, so that what is new since a minute does not
 * count as usual yet, and a change that stays is learned within an hour or so. */
#pragma once

#include "meter/usage.h"

#define USUAL_SERIES_MAX 4096 /* the one that was not called for longest goes */
#define USUAL_CALLS_MIN  500  /* before that a series has no median */

struct usual;
struct usual *usual_new(void); /* NULL: no memory */
void usual_free(struct usual *usual);

/* The median before this call, or -1 when it is not known yet or the call has no first byte; and
 * learns from the call, if it is one to learn from. */
int64_t usual_ttfb_ns(struct usual *usual, const struct usage *usage, bool learns, int64_t now_ns);
