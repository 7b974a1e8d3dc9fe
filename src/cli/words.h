/* What stands in an event as a word, in a sentence: for explain.c. */
#pragma once

#include <jansson.h>
#include <stdint.h>

/* Why there is no price, and what to do; "" for a reason of a later agent. */
const char *words_of_reason(const char *reason);
const char *words_of_usage_doubt(const char *doubt);
const char *words_of_completeness(const char *completeness);

/* A word of `context`: "tier=flex", "input>272000", "free", ... */
const char *words_of_context(const char *word);

/* How the name of an entry is that of the model that served, or was asked for; NULL: not said. */
const char *words_of_match(const char *matched, const char *model, const char *requested);

struct words_sums {
	char text[96]; /* "input* in all 2006, output* in all 300"; "" without tokens */
};
struct words_sums words_sums(json_t *usage);

/* What is billed of a count where the context says a minimum or a most for this bucket. */
int64_t words_billed(const char *context, const char *bucket, int64_t count);
