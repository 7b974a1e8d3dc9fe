/* The most that a call can cost for its tokens: what can be said of it while it is in flight. */
#pragma once

#include "price/catalog.h"

/* Of a call that sent `asked->request_bytes` and lets its answers have `most_output` tokens, at the
 * dearest rate at which its model reads or writes. No token is shorter than a byte; what the
 * request only names (a stored conversation, a file, an address) is not in it. False: it cannot be
 * said. */
bool ceiling_find(const struct catalog *catalog, const struct usage *asked, int64_t most_output,
		  int64_t *ret_pico);
