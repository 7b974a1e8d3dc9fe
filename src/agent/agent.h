/* The whole agent: opens everything in order, runs the main loop (libraries, signals, reload, the
 * terminal), and stops from left to right so that nothing in flight is lost. */
#pragma once

#include "agent/config.h"
#include "agent/options.h"

struct agent;

/* Takes the configuration. When this returns 0 the policy socket accepts. */
int agent_new(const struct options *options, struct config *config, struct agent **ret_agent,
	      struct err *err);
/* Until SIGTERM or SIGINT. */
void agent_run(struct agent *agent);
void agent_free(struct agent *agent);
