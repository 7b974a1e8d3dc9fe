/* Recorded exchanges through the stages of the daemon (meter, price, the event's JSON) without a
 * daemon: files of HAR 1.2, or of JSON Lines with one HAR entry a line, told apart by content. */
#pragma once

#include <stdio.h>

#include "base/err.h"
#include "base/span.h"
#include "http/playback.h"

#define OFFLINE_LINE_BYTES_MAX (64u << 20)  /* of JSON Lines */
#define OFFLINE_HAR_BYTES_MAX  (512u << 20) /* of a HAR file, read whole */

struct offline;

/* Called for each event, in the order of the input: one JSON object, without a newline. Not 0 stops
 * offline_file, which returns it. */
typedef int offline_event_fn(void *ctx, struct span event);

/* Loads DIR/providers and DIR/prices, or the prices of DIR/prices/CATALOG alone. */
int offline_new(const char *config_dir, const char *catalog, offline_event_fn *fn, void *ctx,
		struct offline **ret_offline, struct err *err);
void offline_free(struct offline *offline);

/* Prices every entry up to the end, or to the first broken one: -EINVAL with "NAME:LINE: PLACE:
 * what was expected" (without a line inside a HAR file), -EFBIG, -EIO, -ENOMEM. */
int offline_file(struct offline *offline, FILE *file, const char *name, struct err *err);

/* Plays a file of `outlayd --record` through meter and price: calls to known providers, in
 * the order of their ends. Errors as of playback_read. */
int offline_replay(struct offline *offline, FILE *file, const char *name,
		   struct playback_counts *ret_counts, struct err *err);
