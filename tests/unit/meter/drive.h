/* Drives meter_handler as src/http would: heads as text, bodies in pieces of any size. */
#pragma once

#include <assert.h>
#include <stdlib.h>

#include "base/timestamp.h"
#include "meter/meter.h"

#define DRIVE_SERVER "api.openai.com"
#define DRIVE_BEGIN  (1764061200 * NS_PER_SEC) /* 2025-11-25T09:00:00Z */
#define DRIVE_FIRST  (DRIVE_BEGIN + 250 * NS_PER_MS)
#define DRIVE_END    (DRIVE_BEGIN + 900 * NS_PER_MS)

struct drive {
	struct meter *meter;
	struct process process;
	struct connection connection;
	struct exchange exchange;
	struct http_header headers[2][HEAD_HEADERS_MAX]; /* of it, by direction */
};

static inline void drive_begin_at(struct drive *d, struct meter *meter, const char *server,
				  struct span head)
{
	long n;

	*d = (struct drive){ .meter = meter, .connection.process = &d->process };
	d->connection.server = server;
	d->exchange.connection = &d->connection;
	d->exchange.request_utc_ns = DRIVE_BEGIN;
	n = head.len ? head_parse_request(head, d->headers[0], &d->exchange.request) : 0;
	assert(n >= 0);
	d->exchange.request_bytes = (uint64_t)n;
	meter_handler.request(meter, &d->exchange);
}

static inline void drive_begin(struct drive *d, struct meter *meter, struct span head)
{
	drive_begin_at(d, meter, DRIVE_SERVER, head);
}

static inline void drive_response(struct drive *d, struct span head)
{
	long n = head_parse_response(head, d->headers[1], &d->exchange.response);

	assert(n > 0);
	d->exchange.response_utc_ns = DRIVE_FIRST;
	d->exchange.response_bytes = (uint64_t)n;
	meter_handler.response(d->meter, &d->exchange);
}

static inline void drive_body(struct drive *d, enum direction direction, struct span body,
			      size_t piece)
{
	*(direction == DIRECTION_SENT ? &d->exchange.request_bytes : &d->exchange.response_bytes) +=
	    body.len;
	for (; body.len; body = span_skip(body, piece)) {
		struct span part = span_head(body, piece);
		char *copy = malloc(part.len); /* so that a sanitizer sees what is kept */

		memcpy(copy, part.ptr, part.len);
		meter_handler.body(d->meter, &d->exchange, direction,
				   (struct span){ copy, part.len });
		free(copy);
	}
}

static inline void drive_gap(struct drive *d, enum direction direction, uint64_t bytes)
{
	d->exchange.lost_bytes += bytes;
	d->exchange.completeness = COMPLETENESS_GAP;
	meter_handler.gap(d->meter, &d->exchange, direction);
}

/* A whole message of a WebSocket, in pieces of 5 bytes. */
static inline void drive_message(struct drive *d, enum direction direction, const char *text,
				 int64_t time_utc_ns)
{
	drive_body(d, direction, span_of(text), 5);
	d->exchange.end_utc_ns = time_utc_ns;
	meter_handler.message(d->meter, &d->exchange, direction);
}

static inline void drive_end(struct drive *d)
{
	d->exchange.end_utc_ns = DRIVE_END;
	for (unsigned i = 0; i < 2; i++)
		d->exchange.body_ended[i] = d->exchange.completeness != COMPLETENESS_TRUNCATED;
	meter_handler.end(d->meter, &d->exchange);
}
