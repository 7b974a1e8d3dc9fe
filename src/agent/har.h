/* One entry of an HTTP archive (HAR 1.2, "log.entries[]") as an exchange: what a browser or a
 * recording proxy wrote down, given to a handler as src/http gives what it sees on the wire. Bodies
 * of an archive are without transfer and content coding; a text may be in base64 by `encoding`. */
#pragma once

#include "base/document.h"
#include "http/exchange.h"

struct har_body {
	struct span bytes;
	char *decoded; /* owns them when they were in base64 */
	uint64_t lost; /* the archive says that there were so many, and has none */
};

/* Heads and bodies point into the JSON tree. 9 KiB, so not for small stacks. */
struct har {
	struct process process;
	struct connection connection;
	struct exchange exchange;
	struct http_header headers[2][HEAD_HEADERS_MAX]; /* of it, by enum direction */
	struct har_body body[2];                         /* by enum direction */
	struct span id;                                  /* `_id`; empty when there is none */
};

/* Fills `*ret_har` of an entry that outlives it; har_done also after a failure. -EINVAL with the
 * place in `err`, -ENOMEM. */
int har_parse(const json_t *entry, const struct document_place *at, struct har *ret_har,
	      struct err *err);
void har_done(struct har *har);

/* Tells the exchange to a handler, from request to end. */
void har_replay(struct har *har, const struct exchange_handler *handler, void *ctx);
