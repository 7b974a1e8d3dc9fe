/* GET /v1/peek: the state of the caller's budgets as memory (include/outlay/shared.h) that is
 * passed over the socket, sealed so that only this process can write it. It is kept up to date for
 * as long as the connection stays. */
#pragma once

#include "outlay/shared.h"
#include "policy/server.h"

#define PEEK_DELAY_MS 1 /* from a change to the memory, at most: many changes are written once */

/* Something may have changed. */
void peek_touch(struct policy *policy);

/* Writes what has changed to all, and that the agent lives. */
void peek_update(struct policy *policy);

void peek_end(struct client *client);

/* The writer: makes the memory say this, if it does not. */
void peek_write(struct outlay_shared *shared, const struct shared_budget *budgets, unsigned n);
