/* Any file as a recording: read to its end or refused, with each exchange opened before and ended
 * after all else, and no more bytes than were there. The masks take what was read, as if it came
 * from a wire: each byte is kept, overwritten or left out. */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/mask.h"
#include "http/playback.h"

struct seen {
	uint64_t open;
	uint64_t size, bytes;
};

struct watched {
	struct mask masks[2];
	uint64_t sent, received;
};

static struct watched *watched_of(struct seen *seen, struct exchange *ex)
{
	struct watched *watched = ex->meter;

	if (!watched) {
		watched = calloc(1, sizeof(*watched));
		assert(watched);
		for (int d = 0; d < 2; d++)
			mask_begin(&watched->masks[d], d);
		ex->meter = watched;
		seen->open++;
	}
	assert(ex->request_bytes >= watched->sent && ex->response_bytes >= watched->received);
	assert(ex->end_utc_ns >= 0 && ex->completeness <= COMPLETENESS_PRE_ATTACH);
	watched->sent = ex->request_bytes;
	watched->received = ex->response_bytes;
	return watched;
}

static void check_head(const struct http_head *head)
{
	char value[MASK_VALUE_MAX], target[MASK_TARGET_MAX];

	assert(head->n_headers <= HEAD_HEADERS_MAX);
	assert(mask_target(head->target, target).len == head->target.len);
	for (unsigned i = 0; i < head->n_headers; i++) {
		(void)mask_keeps_header(head->headers[i].name);
		assert(mask_value(head->headers[i].value, value).len == head->headers[i].value.len);
	}
}

static void on_request(void *ctx, struct exchange *ex)
{
	(void)watched_of(ctx, ex);
	check_head(&ex->request);
}

static void on_response(void *ctx, struct exchange *ex)
{
	(void)watched_of(ctx, ex);
	check_head(&ex->response);
}

static void on_body(void *ctx, struct exchange *ex, enum direction direction, struct span rest)
{
	struct watched *watched = watched_of(ctx, ex);
	struct seen *seen = ctx;
	char out[RECORDING_PIECE_MAX];
	bool kept;

	seen->bytes += rest.len;
	assert(rest.len && seen->bytes <= seen->size);
	while (rest.len) {
		size_t n = mask_next(&watched->masks[direction], rest, out, &kept);

		assert(n && n <= rest.len);
		for (size_t i = 0; kept && i < n; i++) {
			char c = rest.ptr[i];

			assert(out[i] == c || out[i] == 'x' ||
			       (out[i] == '1' && c >= '0' && c <= '9'));
		}
		rest = span_skip(rest, n);
	}
}

static void on_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	mask_gap(&watched_of(ctx, ex)->masks[direction]);
}

static void on_message(void *ctx, struct exchange *ex, enum direction direction)
{
	mask_begin(&watched_of(ctx, ex)->masks[direction], direction);
}

static void on_end(void *ctx, struct exchange *ex)
{
	free(watched_of(ctx, ex));
	ex->meter = NULL;
	((struct seen *)ctx)->open--;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct exchange_handler handler = { on_request, on_response, on_body, on_gap,
							 on_end,     on_message,  NULL };
	FILE *file = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	struct seen seen = { .size = size };
	struct playback_counts counts;
	struct err err = { "" };
	int code;

	if (!file)
		return 0;
	code = playback_read(file, "input", &handler, &seen, &counts, &err);
	assert(code == 0 || (code == -EINVAL && err.text[0]));
	assert(!seen.open);
	fclose(file);
	return 0;
}
