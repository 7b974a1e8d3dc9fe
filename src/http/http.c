/* Which HTTP a connection speaks. The invariant: whoever gets it sees it as if there were no door,
 * from its first chunk on. */
#include "http/http.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "http/frames.h"
#include "http/h1.h"
#include "http/h2.h"
#include "http/message.h"
#include "http/trial.h"

#define DECISIVE 3 /* bytes of the preface: no method of RFC 9110 begins so */

enum guess { GUESS_NONE, GUESS_HTTP1, GUESS_HTTP2 };

struct http {
	struct connection *conn;
	const struct exchange_handler *handler;
	void *ctx;
	struct http_counters *counters;
	struct h1 *h1; /* at most one of these */
	struct h2 *h2;
	struct chunk first; /* of the connection, without its bytes */
	bool begun;         /* there was one */
	uint64_t passed[2]; /* by direction: where the chunks that were passed over end, else 0 */
	struct trial *trials[2]; /* what was not, and is not decided */
	uint8_t matched;         /* bytes sent so far, all of the preface */
};

int http_new(struct connection *conn, const struct exchange_handler *handler, void *ctx,
	     struct http_counters *counters, struct http **ret_http)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return -ENOMEM;
	http->conn = conn;
	http->handler = handler;
	http->ctx = ctx;
	http->counters = counters;
	*ret_http = http;
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	h1_free(http->h1);
	h2_free(http->h2);
	for (unsigned d = 0; d < 2; d++)
		trial_free(http->trials[d]);
	free(http);
}

/* RFC 9113, 3.4: a server begins with SETTINGS, as far as its first bytes are here. */
static bool begins_with_settings(struct span in)
{
	static const char header[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0 };

	for (size_t i = 0; i < sizeof(header) && i < in.len; i++)
		if (i != 2 && in.ptr[i] != header[i]) /* its length is in that byte */
			return false;
	return true;
}

static enum guess guess_start(struct http *http, const struct chunk *chunk)
{
	struct span rest = span_head(span_skip(FRAMES_PREFACE, http->matched), chunk->data.len);

	if (chunk->direction == DIRECTION_RECEIVED)
		return begins_with_settings(chunk->data) ? GUESS_HTTP2 : GUESS_HTTP1;
	rest = span_head(rest, (size_t)(DECISIVE - http->matched));
	if (!span_starts(chunk->data, rest))
		return GUESS_HTTP1;
	if (http->matched + rest.len == DECISIVE)
		return GUESS_HTTP2;
	http->matched += (uint8_t)rest.len;
	return GUESS_NONE;
}

/* Up to that offset they are nobody's. */
static void pass(struct http *http, enum direction direction, uint64_t end)
{
	if (http->first.offset)
		http->passed[direction] = end;
}

static void drop_trial(struct http *http, enum direction direction)
{
	struct trial *trial = TAKE_PTR(http->trials[direction]);

	if (trial)
		pass(http, direction, trial->offset + trial->held.len);
	trial_free(trial);
}

static enum guess guess_middle(struct http *http, const struct chunk *chunk)
{
	struct message message = message_of(chunk->direction == DIRECTION_SENT);
	struct trial **trial = &http->trials[chunk->direction];
	unsigned frames = 0;

	message_lose(&message);
	if (message_resync(&message, chunk->data)) {
		for (unsigned d = 0; d < 2; d++)
			drop_trial(http, d);
		return GUESS_HTTP1;
	}
	if (*trial && !trial_take(*trial, chunk))
		drop_trial(http, chunk->direction);
	if (!*trial)
		*trial = trial_new(chunk);
	if (!*trial)
		pass(http, chunk->direction, chunk->offset + chunk->length);
	for (unsigned d = 0; d < 2; d++)
		frames += http->trials[d] ? http->trials[d]->n : 0;
	return frames >= TRIAL_FRAMES ? GUESS_HTTP2 : GUESS_NONE;
}

static enum guess guess(struct http *http, const struct chunk *chunk)
{
	uint64_t due = chunk->direction == DIRECTION_SENT ? http->matched : 0;

	if (!chunk->data.len)
		return GUESS_NONE;
	if (http->first.offset || chunk->offset != due)
		return guess_middle(http, chunk);
	return guess_start(http, chunk);
}

static void hand_on(struct http *http, const struct chunk *chunk)
{
	if (http->h1)
		h1_feed(http->h1, chunk);
	else
		h2_feed(http->h2, chunk);
}

static void hand_on_at(struct http *http, enum direction direction, uint64_t offset,
		       int64_t time_utc_ns, struct span bytes)
{
	struct chunk chunk = { .data = bytes,
			       .offset = offset,
			       .length = bytes.len,
			       .time_utc_ns = time_utc_ns,
			       .direction = direction };

	hand_on(http, &chunk);
}

/* What was held, in the order in which it came. */
static void hand_on_trials(struct http *http)
{
	struct trial *sent = http->trials[DIRECTION_SENT];
	struct trial *received = http->trials[DIRECTION_RECEIVED];
	enum direction first = sent && received && received->time_utc_ns < sent->time_utc_ns
				   ? DIRECTION_RECEIVED
				   : DIRECTION_SENT;

	for (unsigned i = 0; i < 2; i++) {
		enum direction direction = i ? !first : first;
		struct trial *trial = TAKE_PTR(http->trials[direction]);

		if (trial)
			hand_on_at(http, direction, trial->offset, trial->time_utc_ns,
				   buf_span(&trial->held));
		trial_free(trial);
	}
}

static void open_parser(struct http *http, enum guess guess)
{
	const struct span nothing = { NULL, 0 };
	enum direction first = http->first.direction;
	int64_t time_utc_ns = http->first.time_utc_ns;
	uint64_t begin = http->passed[first] ? http->passed[first] : http->first.offset;
	int err;

	err = guess == GUESS_HTTP1
		  ? h1_new(http->conn, http->handler, http->ctx, http->counters, &http->h1)
		  : h2_new(http->conn, http->handler, http->ctx, http->counters, &http->h2);
	if (err)
		return;
	hand_on_at(http, first, begin, time_utc_ns, nothing);
	if (http->matched)
		hand_on_at(http, DIRECTION_SENT, 0, time_utc_ns,
			   span_head(FRAMES_PREFACE, http->matched));
	if (http->passed[!first])
		hand_on_at(http, !first, http->passed[!first], time_utc_ns, nothing);
	hand_on_trials(http);
}

void http_feed(struct http *http, const struct chunk *chunk)
{
	enum guess found;

	if (!http->h1 && !http->h2) {
		if (!http->begun) {
			http->begun = true;
			http->first = *chunk;
			http->first.data = (struct span){ NULL, 0 };
			http->first.length = 0;
		}
		found = guess(http, chunk);
		if (found != GUESS_NONE)
			open_parser(http, found);
	}
	if (http->h1 || http->h2)
		hand_on(http, chunk);
}

void http_close(struct http *http, int64_t time_utc_ns, const uint64_t lost[2])
{
	for (unsigned d = 0; d < 2; d++)
		if (http->trials[d] && trial_ends(http->trials[d]))
			open_parser(http, GUESS_HTTP2);
	if (http->h1)
		h1_close(http->h1, time_utc_ns, lost);
	else if (http->h2)
		h2_close(http->h2, time_utc_ns, lost);
	else if (http->begun)
		counter_add(&http->counters->opaque_other, 1);
}
