/* HTTP/1.x from the side: chunks in, with their offsets. http/place turns offsets into bytes and
 * holes, this file follows holes and resyncs, http/pairing makes exchanges of the bytes. */
#include "http/h1.h"

#include <errno.h>
#include <stdlib.h>

#include "http/pairing.h"
#include "http/upgrade.h"

int h1_new(struct connection *conn, const struct exchange_handler *handler, void *ctx,
	   struct http_counters *counters, struct h1 **ret_h1)
{
	struct h1 *h1 = calloc(1, sizeof(*h1));

	if (!h1)
		return -ENOMEM;
	h1->counters = counters;
	h1->calls = (struct inflight){
		.handler = handler, .ctx = ctx, .connection = conn, .ended = &counters->exchanges
	};
	for (unsigned d = 0; d < 2; d++) {
		h1->sides[d].message = message_of(d == DIRECTION_SENT);
		h1->sides[d].content = (struct content){
			.handler = handler, .ctx = ctx, .counters = counters, .direction = d
		};
	}
	*ret_h1 = h1;
	return 0;
}

void h1_free(struct h1 *h1)
{
	if (!h1)
		return;
	pairing_shut(h1, COMPLETENESS_TRUNCATED);
	free(h1);
}

static void release_all(struct h1 *h1)
{
	while (h1->held && !h1->opaque)
		pairing_release(h1);
}

/* `n` bytes are missing: lost, or cut out on purpose. Those that must be body are passed over;
 * where more are missing than that, no boundary is known any more. */
static void hole(struct h1 *h1, struct side *side, uint64_t n, bool cut)
{
	uint64_t skipped;

	if (!side_is_sent(side))
		release_all(h1); /* what is held came before the hole */
	if (side->content.ws) {
		upgrade_skip(h1, side, n, cut);
		return;
	}
	skipped = message_skip(&side->message, n);
	if (skipped) {
		pairing_pass(side, side->call, skipped, cut);
		content_gap(&side->content, skipped);
		pairing_pump(h1, side,
			     (struct span){ NULL, 0 }); /* it may have been the last of it */
	}
	n -= skipped;
	if (n && cut && side->call) {
		pairing_pass(side, side->call, n, true);
		content_gap(&side->content, n);
		pairing_stumble(h1, side, 0);
	} else if (n && !h1->opaque) {
		pairing_stumble(h1, side, n);
		release_all(h1);
	}
}

/* A side that lost its place looks for a head at the front of each chunk. A response answers the
 * newest request, for the client sent that after it had the responses to those before; but not when
 * a newer one was lost. Bytes that are no head are the rest of a response whose head was lost. */
static void resync(struct h1 *h1, struct side *side, struct span data)
{
	bool found = message_resync(&side->message, data);

	if (!side_is_sent(side))
		inflight_abandon(&h1->calls, found && !h1->requests_lost, h1->now_utc_ns);
}

static void take(struct h1 *h1, struct side *side, struct span data)
{
	if (!data.len || h1->opaque)
		return;
	if (side->message.state == MESSAGE_LOST && !side->content.ws)
		resync(h1, side, data);
	pairing_pump(h1, side, data);
	/* For a request that came, or because the sent side lost its place: none will. */
	while (h1->held && (inflight_awaiting(&h1->calls) || !pairing_is_whole(h1)))
		pairing_release(h1);
}

void h1_feed(struct h1 *h1, const struct chunk *chunk)
{
	struct side *side = &h1->sides[chunk->direction];
	struct piece piece;

	if (h1->opaque || !places_take(&h1->places, chunk, &piece))
		return;
	h1->now_utc_ns = chunk->time_utc_ns;
	if (piece.is_late)
		message_lose(&side->message);
	if (piece.lost)
		hole(h1, side, piece.lost, false);
	take(h1, side, piece.data);
	if (piece.missing && !h1->opaque)
		hole(h1, side, piece.missing, chunk->cut);
}

void h1_close(struct h1 *h1, int64_t time_utc_ns, const uint64_t lost[2])
{
	struct side *received = &h1->sides[DIRECTION_RECEIVED];

	if (h1->opaque)
		return;
	h1->now_utc_ns = time_utc_ns;
	for (unsigned d = 0; d < 2; d++)
		if (lost[d])
			hole(h1, &h1->sides[d], lost[d], false);
	release_all(h1);
	if (!h1->opaque && received->message.state == MESSAGE_UNTIL_CLOSE) {
		if (!content_end(&received->content))
			call_mark(received->call, COMPLETENESS_TRUNCATED);
		pairing_finish(h1, received);
	}
	upgrade_close(h1);
	pairing_shut(h1, COMPLETENESS_TRUNCATED);
}
