/* One direction of an HTTP/1.x connection: bytes in, cut anywhere -> heads, pieces of bodies, ends
 * of messages. It frames and nothing more: what a head says, its owner reads and tells it. */
#pragma once

#include "http/head.h"

#define MESSAGE_CHUNK_LINE_MAX 16384 /* a chunk's size with its extensions */
#define MESSAGE_TRAILER_MAX    HEAD_BYTES_MAX

enum message_state {
	MESSAGE_AT_HEAD, /* between messages, or inside a head */
	MESSAGE_COUNTED, /* in a body of known length */
	MESSAGE_UNTIL_CLOSE,
	MESSAGE_CHUNK_SIZE_START,
	MESSAGE_CHUNK_SIZE,
	MESSAGE_CHUNK_EXTENSION,
	MESSAGE_CHUNK_SIZE_LF,
	MESSAGE_CHUNK_DATA,
	MESSAGE_CHUNK_DATA_CR,
	MESSAGE_CHUNK_DATA_LF,
	MESSAGE_TRAILER_START,
	MESSAGE_TRAILER,
	MESSAGE_TRAILER_LF,
	MESSAGE_LOST, /* no boundary is known: message_resync */
};

struct message {
	enum message_state state;
	bool requests;       /* the heads here are those of requests */
	uint32_t line_bytes; /* of the chunk line or the trailer at hand */
	uint64_t left;       /* of the counted body or of the chunk at hand */
	char *head;          /* one that came in pieces, else NULL */
	uint32_t head_len, head_cap;
};

enum message_event {
	MESSAGE_MORE,  /* all is taken, nothing is complete */
	MESSAGE_HEAD,  /* the piece is a whole head: call message_body or message_next_head */
	MESSAGE_PIECE, /* of a body, as framed: chunk lines are gone */
	MESSAGE_END,   /* of the message */
	MESSAGE_BAD,   /* broken, over a limit or no memory; the piece is what there is of a head */
};

static inline struct message message_of(bool requests)
{
	return (struct message){ .state = MESSAGE_AT_HEAD, .requests = requests };
}

/* Takes bytes from the front of `*in` until something has happened. After MESSAGE_BAD only
 * message_lose may follow. The piece is valid until the next call. */
enum message_event message_next(struct message *m, struct span *in, struct span *ret_piece);

/* What the head said: the body that follows it, if any (`length` for BODY_LENGTH). */
void message_body(struct message *m, enum body_framing framing, uint64_t length);
/* No body and no end: another head follows for the same message (1xx). */
void message_next_head(struct message *m);

/* `n` bytes were lost. Returns how many of them are certain to be body: those are passed over. */
uint64_t message_skip(struct message *m, uint64_t n);

/* Gives up the place in the stream. */
void message_lose(struct message *m);
/* Finds it again when `in` begins with a head whose first line is complete, and for requests begins
 * with a method that is known: a chunk in the middle of things may look like any other. */
bool message_resync(struct message *m, struct span in);

/* True between messages, before the first byte of a head. */
static inline bool message_is_idle(const struct message *m)
{
	return m->state == MESSAGE_AT_HEAD && !m->head;
}

/* True after a head, before the end of its message. */
static inline bool message_in_body(const struct message *m)
{
	return m->state != MESSAGE_AT_HEAD && m->state != MESSAGE_LOST;
}
