/* The name of a connection: from the kernel's record, a recording, an archive, or a Host. It is put
 * on the heap at its own size, for most have a dozen bytes and may have 255. */
#include "capture/connection.h"

#include <ctype.h>
#include <stdlib.h>

struct span connection_server(const struct connection *conn)
{
	return conn->server ? span_of(conn->server) : SPAN("");
}

void connection_set_server(struct connection *conn, struct span name)
{
	char text[CONNECTION_SERVER_MAX];

	span_copy(name, text, sizeof(text));
	for (char *at = text; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	free((char *)(uintptr_t)conn->server);
	conn->server = text[0] ? strdup(text) : NULL;
}
