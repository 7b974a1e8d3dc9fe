/* Server-sent events (WHATWG HTML, 9.2), streaming: no event is ever buffered. The data of one
 * event comes in pieces; several data lines are joined by "\n". Comments, id, retry and a leading
 * byte order mark are skipped. Lines may end in LF, CR or CRLF, cut anywhere. An event without a
 * data line is none. */
#pragma once

#include "base/span.h"

#define SSE_NAME_MAX 64 /* bytes kept of an event's name; the rest of a longer one is dropped */

struct sse_handler {
	void (*data)(void *ctx, struct span piece); /* part of the data of the event at hand */
	void (*event)(void *ctx, struct span name); /* blank line: that event is complete */
};

struct sse {
	const struct sse_handler *handler;
	void *ctx;
	uint8_t state;
	uint8_t bom_len; /* bytes of a byte order mark seen */
	uint8_t field_len;
	uint8_t name_len;
	bool has_data;
	bool skip_lf; /* the last byte was the CR of a line's end */
	char field[8];
	char name[SSE_NAME_MAX];
};

void sse_init(struct sse *sse, const struct sse_handler *handler, void *ctx);
void sse_feed(struct sse *sse, struct span bytes);

/* Bytes were lost: drops the event at hand (pieces of its data may have been given, `event` will
 * not come for it) and goes on after the next blank line. */
void sse_gap(struct sse *sse);
