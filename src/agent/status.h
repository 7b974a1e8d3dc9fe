/* What the agent adds to the status object of the policy server: every counter of every stage, so
 * that nothing is refused, lost or doubted without a number. */
#pragma once

#include "agent/canary.h"
#include "agent/capture_loop.h"
#include "agent/flow_loop.h"
#include "agent/ledger_loop.h"
#include "agent/watcher.h"
#include "attach/attach.h"
#include "base/emit.h"

struct status_sources {
	const struct attach *attach;
	const struct capture_loop *capture;
	const struct ledger_loop *ledger;
	struct flow_loop *flow;
	struct canary *canary;
	struct watcher *watcher;
	const char *host_id, *host_name;
	int64_t started_ns;
};

/* Writes members into the object that is open. One thread, always the same. */
void status_write(const struct status_sources *sources, struct emit *out);
