/* A parser of connections under a conversation of anything (steps.h): no leak, `end` exactly once;
 * where nothing was lost and no place, it must not matter how the bytes are cut. (How soon a
 * connection is found to be no HTTP may depend on the cuts.) */
#pragma once

#include <assert.h>
#include <stdlib.h>

#include "http/counters.h"
#include "steps.h"
#include "tests/unit/http/record.h"

struct talk_parser {
	void *(*open)(struct connection *conn, struct recorder *recorder,
		      struct http_counters *counters);
	steps_feed_fn *feed;
	void (*close)(void *parser, const uint64_t lost[2]); /* and frees it */
};

/* True when every byte came, was followed and every place kept. The text is the caller's. */
static inline bool talk_play(const struct talk_parser *p, struct span in, bool bytewise,
			     struct buf *ret_text)
{
	struct recorder recorder = { .text = buf_with_max(1 << 24) };
	struct http_counters counters = { 0 };
	struct connection conn = { 0 };
	void *parser = p->open(&conn, &recorder, &counters);
	struct span rest;
	bool whole;

	rest = steps_play(in, bytewise, p->feed, parser, &whole);
	p->close(parser, (uint64_t[2]){ 0, rest.len });
	assert(recorder.live == 0 && recorder.ended == counter_read(&counters.exchanges));
	*ret_text = recorder.text;
	return whole && !counter_read(&counters.resyncs) && !counter_read(&counters.opaque_other) &&
	       !counter_read(&counters.floods) && !counter_read(&counters.hpack_lost);
}

static inline void talk(const struct talk_parser *parser, const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct buf text, again;

	if (talk_play(parser, in, false, &text)) {
		if (talk_play(parser, in, true, &again))
			assert(span_eq(buf_span(&text), buf_span(&again)));
		buf_done(&again);
	}
	buf_done(&text);
}
