/* One direction of a connection of which the first bytes were not seen, and that may speak HTTP/2:
 * holds what begins at the front of a chunk with the header of a frame, and reads on from frame to
 * frame, each of which has to be plausible (frames.h). */
#pragma once

#include "base/buf.h"
#include "capture/chunk.h"
#include "http/frames.h"

/* Frames in a row, of both directions together, that tell HTTP/2 from bytes that look like it. Of
 * random bytes 2^-31 begin with a plausible header; of the messages of a protocol that has length
 * and type where HTTP/2 has them, and anything in the five bytes behind, 2^-16. */
#define TRIAL_FRAMES 2

struct trial {
	struct frames frames;
	unsigned n;      /* frames so far */
	struct buf held; /* all bytes so far: less than a frame and a chunk */
	uint64_t offset; /* of the first of them */
	int64_t time_utc_ns;
};

/* NULL: the chunk does not begin with a frame; or no memory. */
struct trial *trial_new(const struct chunk *chunk);
/* Wipes what is held. */
void trial_free(struct trial *trial);

/* False: these bytes are no frames, or do not follow those that are held. */
bool trial_take(struct trial *trial, const struct chunk *chunk);
/* A frame ends where the bytes do: when no more come one is enough, for of all that is no frame one
 * in 2^24 has that length. */
bool trial_ends(const struct trial *trial);
