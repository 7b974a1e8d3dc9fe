/* Any file as a recording: read to its end or refused, with offsets that only grow, no more bytes
 * than were there, and each connection opened before and closed after its chunks. The masks take
 * what was read, as if it came from a ring: each byte is kept, overwritten or left out. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/mask.h"
#include "capture/playback.h"

struct seen {
	uint64_t open, chunks;
	uint64_t size;
};

struct watched {
	struct mask mask;
	uint64_t next[2];
};

static void on_opened(void *ctx, struct connection *conn)
{
	struct watched *watched = calloc(1, sizeof(*watched));

	assert(watched);
	mask_init(&watched->mask);
	conn->http = watched;
	((struct seen *)ctx)->open++;
}

static void on_chunk(void *ctx, struct connection *conn, const struct chunk *chunk)
{
	struct watched *watched = conn->http;
	struct seen *seen = ctx;
	struct span rest = chunk->data;
	char out[RECORD_STORED_MAX];
	bool kept;

	assert(chunk->data.len <= chunk->length && chunk->data.len <= seen->size);
	assert(chunk->offset >= watched->next[chunk->direction]);
	watched->next[chunk->direction] = chunk->offset + chunk->length;
	seen->chunks++;
	mask_begin(&watched->mask, chunk->direction, rest);
	while (rest.len) {
		size_t n = mask_next(&watched->mask, chunk->direction, rest, out, &kept);

		assert(n && n <= rest.len);
		for (size_t i = 0; kept && i < n; i++) {
			char c = rest.ptr[i];

			assert(out[i] == c || out[i] == 'x' ||
			       (out[i] == '1' && c >= '0' && c <= '9'));
		}
		rest = span_skip(rest, n);
	}
	if (chunk->length > chunk->data.len)
		mask_gap(&watched->mask, chunk->direction, chunk->length - chunk->data.len);
}

static void on_closed(void *ctx, struct connection *conn, int64_t time_utc_ns,
		      const uint64_t lost[2])
{
	assert(time_utc_ns >= 0 && lost[0] + lost[1] >= lost[0]);
	free(conn->http);
	((struct seen *)ctx)->open--;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct chunk_handler handler = { on_opened, on_chunk, on_closed };
	FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	struct seen seen = { .size = size };
	struct playback_counts counts;
	struct err err = { "" };
	int code;

	if (!file)
		return 0;
	code = playback_read(file, "input", &handler, &seen, &counts, &err);
	assert(code == 0 || (code == -EINVAL && err.text[0]));
	assert(!seen.open && seen.chunks == counts.chunks);
	fclose(file);
	return 0;
}
