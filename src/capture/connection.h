/* connection: whose bytes a chunk is of. Made by src/capture; what each later stage keeps of it
 * hangs on it. There are 10,000 of them: small. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/process.h"
#include "base/span.h"

struct conn_key {
	uint64_t ssl;           /* address of the SSL object */
	uint64_t start_ns;      /* CLOCK_BOOTTIME start of the process: a reused pid is another */
	uint64_t generation_ns; /* when the server name was set: a reused object is another */
	uint32_t tgid;
};

#define CONNECTION_SERVER_MAX 256 /* of a name, NUL included */

struct connection {
	struct conn_key key;
	const struct process *process; /* borrowed; never NULL */
	const char *server; /* the name the client asked for, lower case; NULL: not known.
	                                * Whoever made the connection frees it */
	bool has_data;      /* some of its plaintext was seen */
	bool has_calls;     /* an exchange has ended: set by http */
	bool is_busy;       /* has calls in flight, as was told last */
	unsigned calls;     /* in flight: counted by the meter */
	void *http;         /* the parser of the next stage: set and freed by it */
};

/* Empty when it is not known. */
struct span connection_server(const struct connection *conn);
/* A copy of the name, cut at its limit and in lower case; empty, or without memory: not known. */
void connection_set_server(struct connection *conn, struct span name);
