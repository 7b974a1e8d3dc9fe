/* Inside h2: header blocks, frame by frame, become the heads of exchanges. */
#pragma once

#include "http/demux.h"

/* HEADERS or PUSH_PROMISE begins; CONTINUATION does. */
void blocks_open(struct h2 *h2, struct lane *lane);
void blocks_continue(struct h2 *h2, struct lane *lane);
/* A fragment, of any of them. */
void blocks_feed(struct h2 *h2, struct lane *lane, struct span piece);
/* END_HEADERS. */
void blocks_close(struct h2 *h2, struct lane *lane);
/* A part of the block at hand was lost. */
void blocks_lose(struct h2 *h2, struct lane *lane);
