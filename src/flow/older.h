/* Connections to port 443 that were there before the hooks, and those that only a dead agent was
 * told of. The name in their hello is not known, so whom they speak to is only inferred: from the
 * address, once another connection has said a provider's name to it. Only what is open now is told
 * of; nothing is remembered of what has ended. */
#pragma once

#include "base/span.h"
#include "base/users.h"
#include "flow/unmetered.h"

#define OLDER_MAX 256 /* followed; what is more is dropped and counted */

struct older;

struct older *older_new(const char *proc); /* NULL: out of memory */
void older_free(struct older *older);

/* A round: begin, each connection that is open, end. The first round says which there are, later
 * ones whether they still are. Returns how many did not fit. */
void older_begin(struct older *older);
void older_add(struct older *older, const struct flow_older *record);
unsigned older_end(struct older *older);
unsigned older_count(const struct older *older);

/* What is still known of the hello that a dead agent was told of. False: there is no such. */
bool older_hello(const struct flow_older *record, struct flow_hello *ret_hello);

/* A provider's host was found at the address. */
void older_named(struct older *older, const uint8_t remote[static 16], const char *host);
/* Plaintext of the process was captured that no flow is known for: one of these is metered. */
void older_captured(struct older *older, uint32_t tgid, struct span server);

/* Adds those that speak to a provider and are not metered. */
void older_put(const struct older *older, struct users *users, int64_t now_utc_ns,
	       struct unmetered *table);
