/* From HTTP/1.1 to WebSocket and to the end of that, inside h1: the call whose response was 101
 * stays open, and the bytes of both sides are frames from there on. Frames of the client that are
 * seen before the 101 cannot be told from broken requests: then its side is not read, as GAP. */
#pragma once

#include "http/pairing.h"

/* The response of the call is here. True when it begins a WebSocket; false for anything else. */
bool upgrade_begin(struct h1 *h1, struct call *call);

/* Of a side that has `ws`. The connection may be opaque afterwards: both sides said Close. */
void upgrade_feed(struct h1 *h1, struct side *side, struct span in);
void upgrade_skip(struct h1 *h1, struct side *side, uint64_t n, bool cut);

/* The connection ended; nothing happens when it was not upgraded. */
void upgrade_close(struct h1 *h1);
