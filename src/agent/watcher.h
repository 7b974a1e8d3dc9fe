/* Keeps the probes up to date on the main loop: looks at what was mapped as soon as it is, tends
 * every ten seconds, and tells other loops which files are watched, how, and which are not. */
#pragma once

#include "agent/loop.h"
#include "attach/attach.h"
#include "base/emit.h"
#include "capture/capture.h"

#define WATCHER_ROWS 64 /* files that are told of */

struct watcher;

/* `attach` is borrowed. NULL: out of memory. */
struct watcher *watcher_new(struct event_base *base, struct attach *attach);
void watcher_free(struct watcher *watcher);

/* An array of the open object, from any one thread, always the same. */
void watcher_describe(struct watcher *watcher, const struct capture_counters *capture,
		      struct emit *out);
