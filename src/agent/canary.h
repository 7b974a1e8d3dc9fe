/* The canary: at intervals a child process makes a TLS call through each libssl of the system, to
 * nobody (both ends are in the child, no socket), under a server name that the host filter always
 * holds. What the capture loop does not see of it within CANARY_WAIT_SECONDS is an alarm: probes
 * can be gone, or the ring stuck, without any other sign. It is never a call.
 *
 * A library is used when it is watched, stands where only root writes, and is the file of that name
 * in our own mount namespace; the child drops its rights before it loads it. Others are told as not
 * tried, as is one that cannot make such a call. The main loop owns it. */
#pragma once

#include <event2/event.h>
#include <stdatomic.h>

#include "attach/attach.h"
#include "base/emit.h"
#include "capture/chunk.h"

#define CANARY_HOST          "canary.outlay.invalid"
#define CANARY_WAIT_SECONDS  5
#define CANARY_LIBRARIES_MAX 32 /* told of; more are not tried */

/* What the capture loop saw of the round: one bit a library, by direction. */
struct canary_watch {
	_Atomic uint64_t round; /* random: nobody else can make its calls */
	_Atomic uint64_t seen[2];
};

struct canary;

/* `every_seconds`: at least CANARY_WAIT_SECONDS + 1, or 0: never. `note` gets the alarm, and its
 * end. NULL: out of memory. */
struct canary *canary_new(struct event_base *base, struct attach *attach, unsigned every_seconds,
			  void (*note)(void *ctx, const char *line));
void canary_free(struct canary *canary);

struct canary_watch *canary_watch(struct canary *canary);

/* For the capture loop: whether it is the canary's connection, and bytes of it. */
bool canary_owns(const struct connection *conn);
void canary_take(struct canary_watch *watch, const struct chunk *chunk);

/* Any thread: the path of a library whose last call was not seen, the next after `*at` (0 at
 * first), which moves on; NULL = no more. */
const char *canary_missed(struct canary *canary, unsigned *at);

/* Writes the member `canary` of the status. Any thread. */
void canary_describe(struct canary *canary, struct emit *out);

#define CANARY_OPTION      "--canary" /* first argument of the child; the second is the library */
#define CANARY_ENVIRONMENT "OUTLAY_CANARY"

/* The child: one call through the library at `path` that says the number of the environment. An
 * exit code: 0 made, else not. */
int canary_call(const char *path);
