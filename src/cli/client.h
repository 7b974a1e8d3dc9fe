/* HTTP to the agent over its Unix socket. What goes wrong is told on stderr, one line with what to
 * do, before a function returns. */
#pragma once

#include "base/buf.h"

struct client_answer {
	long status;
	struct buf body; /* whole; free with buf_done */
};

/* GET, or POST with a JSON body when `json` is not NULL. 0, or -EIO: no answer. */
int client_ask(const char *socket, const char *path, const char *json,
	       struct client_answer *ret_answer);

/* GET whose answer passes by in pieces. The callback returns false to stop. 0: it came to its end
 * or was stopped; -EIO: it did not, or it was no success. */
typedef bool client_piece_fn(void *ctx, struct span piece);
int client_stream(const char *socket, const char *path, client_piece_fn *fn, void *ctx);

/* Tells why the agent did not do it: the detail of its problem+json. */
void client_complain(const struct client_answer *answer);
