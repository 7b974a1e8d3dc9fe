/* What one connection takes in memory at worst, by what its bodies are: through http and meter with
 * the shipped provider files, for the table in src/README.md. Its rows are asserted here: what is
 * the connection's own, and what it takes of the decoders of the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/timestamp.h"
#include "http/http.h"
#include "meter/meter.h"
#include "tests/unit/http/encode.h"
#include "tests/unit/http/heap.h"

#define KIB          1024
#define OWN_MOST     (64 * KIB)
#define LARGE_BYTES  (20 << 20) /* more than any window */
#define SMALL_BYTES  3000       /* the mean of answers */
#define HELD_BYTES   31500      /* some 16 KiB when it is coded */
#define CHUNK_BYTES  16384
#define BROTLI_LGWIN 24 /* the largest of RFC 7932 */
#define ZSTD_LOG     23 /* the largest of RFC 9659 */

static void widest_brotli(struct buf *out, struct span text, int level)
{
	size_t n = BrotliEncoderMaxCompressedSize(text.len) + 64;
	uint8_t *data = malloc(n);

	(void)level;
	assert_true(BrotliEncoderCompress(1, BROTLI_LGWIN, BROTLI_MODE_GENERIC, text.len,
					  (const uint8_t *)text.ptr, &n, data));
	buf_put(out, (struct span){ (char *)data, n });
	free(data);
}

static void widest_zstd(struct buf *out, struct span text, int level)
{
	size_t bound = ZSTD_compressBound(text.len);
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	char *data = malloc(bound);
	ZSTD_inBuffer in = { text.ptr, text.len, 0 };
	ZSTD_outBuffer to = { data, bound, 0 };

	(void)level;
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, ZSTD_LOG);
	/* In two steps, so that the frame does not say its length. */
	in.size = text.len / 2;
	assert_false(ZSTD_isError(ZSTD_compressStream2(zstd, &to, &in, ZSTD_e_continue)));
	in.size = text.len;
	assert_int_equal(ZSTD_compressStream2(zstd, &to, &in, ZSTD_e_end), 0);
	buf_put(out, (struct span){ data, to.pos });
	ZSTD_freeCCtx(zstd);
	free(data);
}

/* To add a row: what is sent and answered, and the bytes of the table. */
static const struct row {
	const char *name, *coding;
	encode_fn *encode;
	size_t body_bytes, own, host;
	bool both;   /* the request is coded too, and not over when the answer comes */
	bool stream; /* of events */
	bool torn;   /* a hole in the answer */
} rows[] = {
	{ "JSON", "identity", NULL, LARGE_BYTES, 7 * KIB, 0, false, false, false },
	{ "JSON behind a hole", "identity", NULL, LARGE_BYTES, 23 * KIB, 0, false, false, true },
	{ "events", "identity", NULL, LARGE_BYTES, 8 * KIB, 0, false, true, false },
	{ "gzip, 3 KB", "gzip", encode_gzip, SMALL_BYTES, 8 * KIB, 0, false, false, false },
	{ "br, 3 KB", "br", widest_brotli, SMALL_BYTES, 8 * KIB, 0, false, false, false },
	{ "zstd, 3 KB", "zstd", encode_zstd, SMALL_BYTES, 8 * KIB, 0, false, false, false },
	{ "zstd, 16 KiB", "zstd", encode_zstd, HELD_BYTES, 23 * KIB, 0, false, false, false },
	{ "16 KiB, both ways", "zstd", encode_zstd, HELD_BYTES, 40 * KIB, 0, true, false, false },
	{ "gzip", "gzip", encode_gzip, LARGE_BYTES, 23 * KIB, 40 * KIB, false, false, false },
	{ "gzip, events", "gzip", encode_gzip, LARGE_BYTES, 23 * KIB, 40 * KIB, false, true,
	  false },
	{ "deflate", "deflate", encode_deflate, LARGE_BYTES, 23 * KIB, 40 * KIB, false, false,
	  false },
	{ "gzip, both ways", "gzip", encode_gzip, LARGE_BYTES, 24 * KIB, 80 * KIB, true, false,
	  false },
	{ "br, widest", "br", widest_brotli, LARGE_BYTES, 23 * KIB, 17 << 20, false, false, false },
	{ "zstd, widest", "zstd", widest_zstd, LARGE_BYTES, 23 * KIB, 9 << 20, false, false,
	  false },
};

struct rig {
	struct meter *meter;
	struct connection conn;
	struct http_counters counters;
	struct http *http;
	uint64_t offset[2];
	size_t before, own, host;
	unsigned usages, read;
};

static void on_usage(void *ctx, const struct usage *usage)
{
	struct rig *rig = ctx;

	rig->usages++;
	rig->read += usage->counts[USAGE_OUTPUT] == 400;
}

/* The last byte of a short body comes by itself, to look at what there is before. */
static void pour(struct rig *rig, enum direction direction, struct span bytes)
{
	size_t piece = bytes.len < CHUNK_BYTES ? bytes.len - 1 : CHUNK_BYTES;

	for (; bytes.len; bytes = span_skip(bytes, piece)) {
		struct chunk chunk = { .data = span_head(bytes, piece),
				       .offset = rig->offset[direction],
				       .length = span_head(bytes, piece).len,
				       .time_utc_ns = NS_PER_DAY,
				       .direction = direction };
		size_t host, own;

		http_feed(rig->http, &chunk);
		rig->offset[direction] += chunk.length;
		host = counter_read(&rig->counters.decoder_bytes);
		own = allocated_bytes() - rig->before - host;
		rig->own = own > rig->own ? own : rig->own;
		rig->host = host > rig->host ? host : rig->host;
	}
}

/* Text that no coding makes much smaller, so that windows are used. */
static void make_answer(const struct row *row, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	uint32_t state = 1;

	buf_put(out,
		row->stream ? SPAN("data: {\"x\":1}\n\ndata: {\"text\":\"") : SPAN("{\"text\":\""));
	while (out->len < row->body_bytes) {
		char part[64];

		for (size_t i = 0; i < sizeof(part); i++) {
			state = state * 1664525u + 1013904223u;
			part[i] = digits[state >> 28];
		}
		buf_put(out, (struct span){ part, sizeof(part) });
	}
	buf_put(out, SPAN("\",\"model\":\"gpt-4o\",\"usage\":{\"prompt_tokens\":12,"
			  "\"completion_tokens\":400}}"));
	if (row->stream)
		buf_put(out, SPAN("\n\ndata: [DONE]\n\n"));
}

static void put_head(struct buf *out, const char *start, const struct row *row, const char *type,
		     size_t length)
{
	buf_printf(out,
		   "%s\r\nHost: api.openai.com\r\nContent-Type: %s\r\nX-Padding: %0900d\r\n"
		   "Content-Encoding: %s\r\nContent-Length: %zu\r\n\r\n",
		   start, type, 0, row->coding, length);
}

static void play(struct rig *rig, const struct row *row)
{
	struct buf text = buf_with_max(32 << 20), body = buf_with_max(32 << 20);
	struct buf head[2] = { buf_with_max(4096), buf_with_max(4096) };
	struct span answer;

	make_answer(row, &text);
	if (row->encode)
		row->encode(&body, buf_span(&text), 1);
	answer = row->encode ? buf_span(&body) : buf_span(&text);
	put_head(&head[0], "POST /v1/chat/completions HTTP/1.1", row, "application/json",
		 row->both ? answer.len : 0);
	put_head(&head[1], "HTTP/1.1 200 OK", row,
		 row->stream ? "text/event-stream" : "application/json", answer.len);
	rig->usages = rig->read = 0;
	rig->own = rig->host = 0;
	rig->offset[0] = rig->offset[1] = 0;
	rig->before = allocated_bytes();
	assert_int_equal(
	    http_new(&rig->conn, &meter_handler, rig->meter, &rig->counters, &rig->http), 0);
	pour(rig, DIRECTION_SENT, buf_span(&head[0]));
	if (row->both)
		pour(rig, DIRECTION_SENT, span_head(answer, answer.len - 1));
	pour(rig, DIRECTION_RECEIVED, buf_span(&head[1]));
	if (row->torn) {
		rig->offset[DIRECTION_RECEIVED] += 1000;
		answer = span_skip(answer, 1000);
	}
	pour(rig, DIRECTION_RECEIVED, answer);
	http_close(rig->http, NS_PER_DAY, (uint64_t[2]){ 0 });
	http_free(rig->http);
	meter_settle(rig->meter, 2 * NS_PER_DAY);
	print_message("%-24s %10zu bytes, %10zu of the host\n", row->name, rig->own, rig->host);
	if (rig->own > row->own + SLACK_BYTES || rig->own > OWN_MOST || rig->host > row->host)
		fail_msg("%s: %zu and %zu bytes", row->name, rig->own, rig->host);
	assert_int_equal(counter_read(&rig->counters.decoder_bytes), 0);
	if (rig->usages != 1 || rig->read != 1)
		fail_msg("%s: %u usages, %u read", row->name, rig->usages, rig->read);
	buf_done(&text);
	buf_done(&body);
	buf_done(&head[0]);
	buf_done(&head[1]);
}

static void test_table(void **state)
{
	const struct process process = { 0 };
	struct rig rig = { .conn = { .process = &process, .server = "api.openai.com" } };
	struct meter_options options = { .usage = on_usage, .ctx = &rig };
	struct err err = { "" };

	(void)state;
	assert_int_equal(providers_load("config/providers", &options.providers, &err), 0);
	assert_int_equal(meter_new(&options, &rig.meter), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		play(&rig, &rows[i]);
	meter_free(rig.meter);
	providers_unref(options.providers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
