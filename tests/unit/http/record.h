/* What a connection came to, as text: one line for each exchange that ended, in order. Checks on
 * the way what the handler is promised: `end` exactly once, nothing after it, heads that stay. */
#pragma once

#include "http/exchange.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

struct record {
	struct buf body[2];
	bool has_response;
	struct record *next;
};

struct recorder {
	struct buf text;
	unsigned live;
	unsigned ended;
	uint64_t bytes[2]; /* of all that ended */
};

static inline struct record *record_of(struct recorder *r, struct exchange *ex)
{
	struct record *record = ex->meter;

	if (!record) {
		record = calloc(1, sizeof(*record));
		assert(record);
		record->body[0] = record->body[1] = buf_with_max(1 << 26);
		ex->meter = record;
		r->live++;
	}
	return record;
}

static inline void record_request(void *ctx, struct exchange *ex)
{
	assert(!ex->meter); /* the first that is heard of it */
	assert(ex->request.method.len && ex->request.target.len);
	record_of(ctx, ex);
}

static inline void record_response(void *ctx, struct exchange *ex)
{
	struct record *record = record_of(ctx, ex);

	assert(!record->has_response);
	assert(ex->response.status >= 200 || ex->response.status == 101);
	assert(ex->response_utc_ns);
	record->has_response = true;
}

static inline void record_body(void *ctx, struct exchange *ex, enum direction direction,
			       struct span piece)
{
	assert(piece.len);
	buf_put(&record_of(ctx, ex)->body[direction], piece);
}

static inline void record_message(void *ctx, struct exchange *ex, enum direction direction)
{
	assert(ex->response.status == 101 && ex->end_utc_ns);
	buf_put(&record_of(ctx, ex)->body[direction], SPAN("|"));
}

static inline void record_gap(void *ctx, struct exchange *ex, enum direction direction)
{
	buf_put(&record_of(ctx, ex)->body[direction], SPAN("~"));
}

static inline void record_end(void *ctx, struct exchange *ex)
{
	static const char *const completeness[] = { "complete", "truncated", "gap", "pre-attach" };
	static const char *const fault[] = {
		"", " bad-head", " bad-chunk", " bad-coding", " coding-limit", " bad-frame"
	};
	struct recorder *r = ctx;
	struct record *record = record_of(r, ex);

	assert(ex->end_utc_ns >= ex->request_utc_ns && ex->end_utc_ns >= ex->response_utc_ns);
	assert(!ex->lost_bytes || ex->completeness >= COMPLETENESS_GAP);
	assert(ex->response.status == 0 || record->has_response);
	buf_printf(&r->text, "%.*s %.*s [%.*s] -> %u [%.*s] %s%s", (int)ex->request.method.len,
		   ex->request.method.ptr, (int)ex->request.target.len, ex->request.target.ptr,
		   (int)record->body[0].len, record->body[0].data, ex->response.status,
		   (int)record->body[1].len, record->body[1].data, completeness[ex->completeness],
		   fault[ex->fault]);
	if (ex->lost_bytes)
		buf_printf(&r->text, " lost %llu", (unsigned long long)ex->lost_bytes);
	buf_put(&r->text, SPAN("\n"));
	buf_done(&record->body[0]);
	buf_done(&record->body[1]);
	free(record);
	r->bytes[DIRECTION_SENT] += ex->request_bytes;
	r->bytes[DIRECTION_RECEIVED] += ex->response_bytes;
	r->live--;
	r->ended++;
}

static const struct exchange_handler record_handler = {
	record_request, record_response, record_body, record_gap, record_end, record_message, NULL
};
