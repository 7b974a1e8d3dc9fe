/* One connection with anything on it: no crash, no leak, `end` exactly once. Where nothing was lost
 * and no place, it must not matter how the bytes are cut. Input: steps of a kind, a length in two
 * bytes, and as many bytes. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/h1.h"
#include "tests/unit/http/record.h"

enum { RECEIVED = 1, HOLE = 2, SHORT = 4, AGAIN = 8, CUT = 16 };

struct step {
	unsigned kind;
	struct span bytes;
};

static struct step next_step(struct span *in)
{
	const unsigned char *p = (const unsigned char *)in->ptr;
	struct step step = { p[0], span_head(span_skip(*in, 3), p[1] | (size_t)p[2] << 8) };

	*in = span_skip(*in, 3 + step.bytes.len);
	return step;
}

static void feed(struct h1 *h1, struct chunk *chunk, bool bytewise)
{
	struct span data = chunk->data;

	if (!bytewise) {
		h1_feed(h1, chunk);
		return;
	}
	for (size_t i = 0; i < data.len; i++) {
		struct chunk byte = *chunk;

		byte.data = (struct span){ data.ptr + i, 1 };
		byte.offset += i;
		byte.length = 1;
		h1_feed(h1, &byte);
	}
}

/* True when every byte came, was followed and every place kept; the text is the caller's to free.
 * (How soon a connection is found to be no HTTP may depend on the cuts.) */
static bool play(struct span in, bool bytewise, struct buf *ret_text)
{
	struct recorder recorder = { .text = buf_with_max(1 << 24) };
	struct http_counters counters = { 0 };
	struct connection conn = { 0 };
	uint64_t offset[2] = { 0 };
	bool whole = true;
	struct h1 *h1;

	if (h1_new(&conn, &record_handler, &recorder, &counters, &h1) < 0)
		abort();
	for (int64_t now = 1; in.len >= 3; now++) {
		struct step step = next_step(&in);
		enum direction direction = step.kind & RECEIVED;
		struct chunk chunk = { .data = step.bytes,
				       .offset = offset[direction],
				       .length = step.bytes.len,
				       .time_utc_ns = now,
				       .direction = direction,
				       .cut = step.kind & CUT };

		if (step.kind & HOLE)
			chunk.offset += step.kind >> 4;
		if (step.kind & SHORT)
			chunk.length += step.kind >> 4;
		if (step.kind & AGAIN && chunk.offset >= step.kind >> 4)
			chunk.offset -= step.kind >> 4;
		whole &= !(step.kind & (HOLE | SHORT | AGAIN));
		feed(h1, &chunk, bytewise);
		if (chunk.offset + chunk.length > offset[direction])
			offset[direction] = chunk.offset + chunk.length;
	}
	h1_close(h1, INT64_MAX, (uint64_t[2]){ 0, in.len });
	h1_free(h1);
	assert(recorder.live == 0 && recorder.ended == counter_read(&counters.exchanges));
	*ret_text = recorder.text;
	return whole && !in.len && !counter_read(&counters.resyncs) &&
	       !counter_read(&counters.opaque_other);
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
