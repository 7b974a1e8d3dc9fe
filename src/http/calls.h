/* Inside h2: what begins and ends exchanges. */
#pragma once

#include "http/demux.h"

/* What is to be said of an exchange whose beginning, or a part of whose head, is not known. */
enum completeness calls_doubt(const struct h2 *h2);

/* A request that is newer than all before. */
void calls_open_request(struct h2 *h2, uint32_t id);
/* A stream whose request was not seen. NULL: it was, and the call is over; or there is no room. */
struct stream *calls_open_unseen(struct h2 *h2, struct lane *lane, uint32_t id);

/* A frame of the answer. One that comes before the head of the request is whole answers what was
 * not seen: the rest of that head is nobody's. */
void calls_answered(struct h2 *h2, struct stream *s);

/* END_STREAM in that direction. */
void calls_finish(struct h2 *h2, struct lane *lane, struct stream *s);
/* RST_STREAM by whomever. */
void calls_reset(struct h2 *h2, struct stream *s);
/* GOAWAY: the server will not look at requests after `last_id`. */
void calls_go_away(struct h2 *h2, uint32_t last_id);
