/* One HTTP/1 connection with anything on it: no crash, no leak, `end` exactly once.
 * Where nothing was lost and no place, it must not matter how the bytes are cut. Input: steps.h. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "http/h1.h"
#include "steps.h"
#include "tests/unit/http/record.h"

static void feed(void *parser, const struct chunk *chunk)
{
	h1_feed(parser, chunk);
}

/* True when every byte came, was followed and every place kept; the text is the caller's to free.
 * (How soon a connection is found to be no HTTP may depend on the cuts.) */
static bool play(struct span in, bool bytewise, struct buf *ret_text)
{
	struct recorder recorder = { .text = buf_with_max(1 << 24) };
	struct http_counters counters = { 0 };
	struct connection conn = { 0 };
	struct h1 *h1;
	struct span rest;
	bool whole;

	if (h1_new(&conn, &record_handler, &recorder, &counters, &h1) < 0)
		abort();
	rest = steps_play(in, bytewise, feed, h1, &whole);
	h1_close(h1, INT64_MAX, (uint64_t[2]){ 0, rest.len });
	h1_free(h1);
	assert(recorder.live == 0 && recorder.ended == counter_read(&counters.exchanges));
	*ret_text = recorder.text;
	return whole && !counter_read(&counters.resyncs) && !counter_read(&counters.opaque_other);
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
