/* One HTTP response, written straight into a buffer: the length of its body is filled in at the
 * end, in the room kept for it. Usage: begin, header lines by buf_put into `out`, body, the JSON,
 * end. Several answers may stand behind each other in one buffer (pipelining). */
#pragma once

#include "base/buf.h"

#define ANSWER_JSON    "application/json"
#define ANSWER_PROBLEM "application/problem+json"

struct answer {
	struct buf *out;
	size_t length_at; /* offset of the digits of Content-Length */
	size_t body_at;
};

struct answer answer_begin(struct buf *out, unsigned status, const char *type, bool keep_alive);
void answer_body(struct answer *answer);
void answer_end(struct answer *answer);

/* A response whose length is not known: its head, with the header lines `framing`. */
void answer_stream(struct buf *out, const char *type, struct span framing);

/* RFC 9457, whole. `detail` is a sentence for people; `field` names the member of the request that
 * is wrong, or is empty; `extra` are more header lines, each with its CRLF. */
struct answer_fault {
	unsigned status;
	const char *detail;
	struct span field;
	struct span extra;
};
void answer_problem(struct buf *out, const struct answer_fault *fault, bool keep_alive);

/* "Bad Request"; "Unknown" for a status that is not in the table. */
const char *answer_phrase(unsigned status);
