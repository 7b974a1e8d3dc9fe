/* One direction of a WebSocket (RFC 6455) as a bystander sees it: bytes in, cut anywhere -> the
 * messages in pieces, unmasked and inflated (permessage-deflate, RFC 7692), and their ends. Text
 * and binary messages are alike; pings and pongs may stand between their fragments and are dropped,
 * and so is all that follows a Close.
 *
 * Holes. One inside a frame is passed over exactly: the message it hits is given up (a gap, and
 * nothing more of it). With "context takeover", which is the rule, what was in it is needed to
 * inflate the compressed messages after it: none of them is read any more, while plain ones are.
 * A hole that reaches beyond its frame takes the place in the stream with it, for frames carry
 * nothing to find them by: the direction is not read any more. The exchange is GAP in each case.
 *
 * Broken frames (EXCHANGE_BAD_FRAME) lose the place too. Broken or oversized compressed data (its
 * caps are those of http/body.h, for each message) give up the message like a hole.
 *
 * Memory: some 100 bytes, and one inflater when compressed messages come: 7 KiB, and the window
 * that was agreed, 32 KiB at most. */
#pragma once

#include "http/counters.h"
#include "http/exchange.h"

struct ws;

struct ws_options { /* all borrowed */
	const struct exchange_handler *handler;
	void *ctx;
	struct http_counters *counters;
	struct exchange *exchange; /* with the response that agreed to it */
	enum direction direction;
};

/* -ENOMEM */
int ws_new(const struct ws_options *options, struct ws **ret_ws);
void ws_free(struct ws *ws);

void ws_feed(struct ws *ws, struct span bytes);
void ws_skip(struct ws *ws, uint64_t n); /* so many bytes were lost */
void ws_lose(struct ws *ws);             /* the place in the stream is not known */

bool ws_is_closed(const struct ws *ws);  /* its Close frame came */
bool ws_in_message(const struct ws *ws); /* a frame, or the next fragment, is due to come */
