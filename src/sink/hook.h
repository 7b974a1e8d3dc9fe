/* Hooks: each alert from a level on goes to a URL, or to a command on its standard input, one after
 * the other. What delivers is a child process with a few seconds of time, so that no DNS, TLS or
 * script holds up the agent, or weighs in it while nothing is delivered; a URL's is outlayd itself
 * (agent/webhook.h).
 *
 * A child that exits with 0 has delivered. 65 (EX_DATAERR) says that the other side will never take
 * this alert; else it is tried again, after a pause that doubles from one second to five minutes,
 * for a day. What is given up is a dead letter: the ledger notes it, with the reason. */
#pragma once

#include "sink/sink.h"

#define HOOK_SECONDS    15          /* for one try */
#define HOOK_EXIT_NEVER 65          /* EX_DATAERR */
#define HOOK_OPTION     "--webhook" /* first argument of outlayd; the second is the hook's name */

extern const struct sink_kind hook_sink;
