/* GET /v1/calls, /v1/alerts: pages of the ledger as NDJSON, pulled at the speed of the reader. */
#pragma once

#include "policy/server.h"

/* Asks the ledger for the next page, once the last one is read. A full queue is tried again by the
 * next tick. */
void calls_ask(struct client *client);

/* Once a second: asks again, or gives up on a ledger that was waited for POLICY_LEDGER_SECONDS. The
 * client may be gone afterwards. */
void calls_tick(struct client *client, int64_t now_ns);

void calls_page(struct client *client, const struct policy_calls_page *page);
