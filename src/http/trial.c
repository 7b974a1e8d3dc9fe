/* Frames are walked and not looked at: whoever reads them does so when it is decided, from what is
 * held. */
#include "http/trial.h"

#include <stdlib.h>

#include "base/cleanup.h"

#define HELD_MAX (2 * (FRAMES_PLAUSIBLE_MAX + FRAMES_HEADER_BYTES))

struct trial *trial_new(const struct chunk *chunk)
{
	struct trial *trial;

	if (!frames_may_begin(chunk->data))
		return NULL;
	trial = calloc(1, sizeof(*trial));
	if (!trial)
		return NULL;
	trial->frames = frames_on_probation();
	trial->held = buf_with_max(HELD_MAX);
	trial->offset = chunk->offset;
	trial->time_utc_ns = chunk->time_utc_ns;
	if (trial_take(trial, chunk))
		return trial;
	trial_free(trial);
	return NULL;
}

void trial_free(struct trial *trial)
{
	if (!trial)
		return;
	if (trial->held.data)
		explicit_bzero(trial->held.data, trial->held.len);
	buf_done(&trial->held);
	free(trial);
}

bool trial_take(struct trial *trial, const struct chunk *chunk)
{
	struct span rest = chunk->data, piece;
	enum frames_event event;

	if (chunk->offset != trial->offset + trial->held.len)
		return false;
	buf_put(&trial->held, chunk->data);
	do {
		event = frames_next(&trial->frames, &rest, &piece);
		trial->n += event == FRAMES_BEGIN;
	} while (event != FRAMES_MORE && event != FRAMES_BAD && trial->n < TRIAL_FRAMES);
	return event != FRAMES_BAD && !trial->held.failed;
}

bool trial_ends(const struct trial *trial)
{
	return trial->n && trial->frames.state == FRAMES_IN_HEADER && !trial->frames.have;
}
