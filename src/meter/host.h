/* exchange -> provider. */
#pragma once

#include "http/exchange.h"
#include "meter/provider.h"

/* The provider that the connection leads to. One whose name was not seen takes it from the Host of
 * a request, if that is a provider's. NULL: none. */
const struct provider *host_provider(const struct providers *providers, struct exchange *ex);
