/* One direction of an HTTP/2 connection: bytes in, cut anywhere -> frames (RFC 9113, 4.1 and 6). It
 * frames and nothing more: no order between frames, no state of streams. No memory besides itself:
 * payloads pass by in pieces, without padding and without the fields in front of them. */
#pragma once

#include "base/span.h"

#define FRAMES_PREFACE       SPAN("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
#define FRAMES_HEADER_BYTES  9
#define FRAMES_PLAUSIBLE_MAX 16384 /* the payload that everybody may send without being asked */

#define FRAMES_PROBATION 16

enum frame_type {
	FRAME_DATA,
	FRAME_HEADERS,
	FRAME_PRIORITY,
	FRAME_RST_STREAM,
	FRAME_SETTINGS,
	FRAME_PUSH_PROMISE,
	FRAME_PING,
	FRAME_GOAWAY,
	FRAME_WINDOW_UPDATE,
	FRAME_CONTINUATION, /* types above are extensions: passed over */
};

enum frame_flag {
	FRAME_END_STREAM = 0x1, /* DATA, HEADERS */
	FRAME_ACK = 0x1,        /* SETTINGS, PING */
	FRAME_END_HEADERS = 0x4,
	FRAME_PADDED = 0x8,
	FRAME_HAS_PRIORITY = 0x20,
};

struct frame {
	uint32_t length; /* of the payload as on the wire */
	uint32_t id;     /* of the stream; 0: the connection */
	uint8_t type;
	uint8_t flags;
};

enum frames_state {
	FRAMES_IN_PREFACE,
	FRAMES_IN_HEADER, /* between frames too */
	FRAMES_IN_PREFIX, /* pad length, priority, promised stream, last stream */
	FRAMES_IN_PAYLOAD,
	FRAMES_LOST, /* no boundary is known: frames_resync */
};

struct frames {
	enum frames_state state;
	struct frame frame;  /* the one at hand */
	uint32_t left;       /* bytes of its payload after the prefix, or of the preface */
	uint8_t padding;     /* of those, at the end */
	uint8_t need, have;  /* bytes of the header or the prefix */
	uint8_t gathered[9]; /* those bytes; at FRAMES_BEGIN the prefix */
	bool begun;          /* FRAMES_BEGIN was told */
	uint8_t probation;   /* frames that must be plausible, for the place might be a wrong one */
	bool blind;          /* a hole took from the prefix: payload and padding look the same */
};

enum frames_event {
	FRAMES_MORE,  /* all is taken */
	FRAMES_BEGIN, /* of a frame: its header and prefix are there */
	FRAMES_PIECE, /* of its payload */
	FRAMES_END,   /* of the frame */
	FRAMES_BAD,   /* no frame: wrong size or stream for its type, or a wrong preface */
};

static inline struct frames frames_of(bool with_preface)
{
	return (struct frames){ .state = with_preface ? FRAMES_IN_PREFACE : FRAMES_IN_HEADER,
				.left = with_preface ? (uint32_t)FRAMES_PREFACE.len : 0,
				.need = FRAMES_HEADER_BYTES };
}

/* Takes bytes from the front of `*in` until something has happened. After FRAMES_BAD only
 * frames_lose may follow. */
enum frames_event frames_next(struct frames *f, struct span *in, struct span *ret_piece);

/* Bytes are about to be passed over: a frame whose prefix is not complete begins without it (tell
 * by frames_next with no bytes). */
void frames_expect_hole(struct frames *f);
/* `n` bytes were lost. Returns how many of them are certain to be of the frame at hand, or of the
 * preface: those are passed over. */
uint32_t frames_skip(struct frames *f, uint64_t n);

static inline void frames_lose(struct frames *f)
{
	f->state = FRAMES_LOST;
}

/* 32 bits, most significant byte first: the stream that GOAWAY and PUSH_PROMISE name. */
uint32_t frames_number(const uint8_t bytes[4]);

/* Whether a chunk begins with a frame, judged by what it holds: each header in it must be of a type
 * that is known, with fitting flags, size and stream (none over FRAMES_PLAUSIBLE_MAX, no pushed
 * stream, the highest byte of the id zero), an empty one of use; and there must be two of them, or
 * one with a payload that ends with the chunk, or one of a stream for which `is_open` (may be NULL)
 * is true. Text never passes; of random bytes less than one chunk in 2^30 does. */
bool frames_plausible(struct span in, bool (*is_open)(void *ctx, uint32_t id), void *ctx);
/* Whether it may begin with one: of the above, the first header alone. */
bool frames_may_begin(struct span in);

/* At the header of a frame, if this is the place: the next FRAMES_PROBATION frames have to be
 * plausible each, else they are FRAMES_BAD. */
static inline struct frames frames_on_probation(void)
{
	struct frames f = frames_of(false);

	f.probation = FRAMES_PROBATION;
	return f;
}
/* Finds the place in the stream again, on probation, when `in` is plausible. */
bool frames_resync(struct frames *f, struct span in, bool (*is_open)(void *ctx, uint32_t id),
		   void *ctx);
