/* The server name of the TLS connection decides. Where its record was lost, the Host of a request
 * does, if that is a provider's; other names would only be a client's word. */
#include "meter/host.h"

#include <ctype.h>

const struct provider *host_provider(const struct providers *providers, struct exchange *ex)
{
	struct span host = head_get(&ex->request, SPAN("host"));
	struct connection *conn = ex->connection;
	const struct provider *provider;
	char name[CONNECTION_SERVER_MAX];

	if (connection_server(conn).len || !host.len)
		return providers_find(providers, connection_server(conn));
	span_copy(span_trim(span_cut(&host, ':')), name, sizeof(name));
	for (char *at = name; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	provider = providers_find(providers, span_of(name));
	if (provider)
		connection_set_server(conn, span_of(name));
	return provider;
}
