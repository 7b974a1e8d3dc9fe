/* A connection with anything on it, through the door to HTTP/2: no crash, no leak, `end` exactly
 * once. Where nothing was lost and no place, it must not matter how the bytes are cut. Input:
 * steps.h. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "http/http.h"
#include "steps.h"
#include "tests/unit/http/record.h"

static void feed(void *parser, const struct chunk *chunk)
{
	http_feed(parser, chunk);
}

/* True when every byte came, was followed and every place kept; the text is the caller's to free.
 * (How soon a connection is found to be no HTTP may depend on the cuts.) */
static bool play(struct span in, bool bytewise, struct buf *ret_text)
{
	struct recorder recorder = { .text = buf_with_max(1 << 24) };
	struct http_counters counters = { 0 };
	struct connection conn = { 0 };
	struct http *http;
	struct span rest;
	bool whole;

	if (http_new(&conn, &record_handler, &recorder, &counters, &http) < 0)
		abort();
	rest = steps_play(in, bytewise, feed, http, &whole);
	http_close(http, INT64_MAX, (uint64_t[2]){ 0, rest.len });
	http_free(http);
	assert(recorder.live == 0 && recorder.ended == counter_read(&counters.exchanges));
	*ret_text = recorder.text;
	return whole && !counter_read(&counters.resyncs) && !counter_read(&counters.opaque_other) &&
	       !counter_read(&counters.floods) && !counter_read(&counters.hpack_lost);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { (const char *)data, size };
	struct buf text, again;

	if (play(in, false, &text)) {
		if (play(in, true, &again))
			assert(span_eq(buf_span(&text), buf_span(&again)));
		buf_done(&again);
	}
	buf_done(&text);
	return 0;
}
