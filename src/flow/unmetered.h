/* The rows of what is not metered: by executable, host and reason. Bounded: a new row takes the
 * place of the one that was seen least lately. */
#pragma once

#include "flow/flow.h"

struct unmetered;

struct unmetered *unmetered_new(void); /* NULL: out of memory */
void unmetered_free(struct unmetered *table);

/* Adds the counts of `add` to the row of its exe, host and reason; the rest of it replaces what the
 * row says. True: another row had to go. */
bool unmetered_add(struct unmetered *table, const struct flow_unmetered *add);

/* A copy to add more to, for a picture of the moment. NULL: out of memory. */
struct unmetered *unmetered_copy(const struct unmetered *table);

/* The rows with the most connections first; returns how many. */
unsigned unmetered_top(const struct unmetered *table, struct flow_unmetered *ret_rows,
		       unsigned max);
