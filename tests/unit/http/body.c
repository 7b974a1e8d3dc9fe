/* Content codings against what the reference encoders make: every cut, every truncation, members in
 * a row, two codings, bombs and broken data. */
#include "http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "encode.h"

static void put(void *ctx, struct span piece)
{
	assert_true(piece.len > 0);
	buf_put(ctx, piece);
}

static void count(void *ctx, struct span piece)
{
	*(uint64_t *)ctx += piece.len;
}

#define TEXT "{\"usage\":{\"total_tokens\":7}}"

/* What the tools make of TEXT: gzip -n9; node's zlib for deflate, raw deflate and br; zstd -19. */
#define RAW                                                                                        \
	"\xab\x56\x2a\x2d\x4e\x4c\x4f\x55\xb2\xaa\x56\x2a\xc9\x2f\x49\xcc\x89\x2f\xc9\xcf"         \
	"\x4e\xcd\x2b\x56\xb2\x32\xaf\xad\x05\x00"
#define GZIP "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03" RAW "\x89\x67\xeb\xb9\x1c\x00\x00\x00"

static const struct tool {
	const char *coding;
	struct span coded;
	encode_fn *encode;
	bool members; /* may follow each other */
} tools[] = {
	{ "gzip", SPAN(GZIP), encode_gzip, true },
	{ "X-GZip", SPAN(GZIP), encode_gzip, true },
	{ "deflate", SPAN("\x78\xda" RAW "\x94\x6e\x0a\x50"), encode_deflate, false },
	{ "Deflate", SPAN(RAW), encode_raw, false },
	{ "br", SPAN("\x8b\x0d\x80" TEXT "\x03"), encode_brotli, false },
	{ "zstd", SPAN("\x28\xb5\x2f\xfd\x20\x1c\xe1\x00\x00" TEXT), encode_zstd, true },
};

#define N_TOOLS (sizeof(tools) / sizeof(*tools))

/* One coding, or two with a comma between. */
static int make(const char *codings, body_piece_fn *fn, void *ctx, struct body **ret_body)
{
	struct span names[4], rest = span_of(codings);
	unsigned n = 0;

	while (rest.len && n < 4)
		names[n++] = span_cut(&rest, ',');
	return body_new(names, n, fn, ctx, NULL, ret_body);
}

static void check(const char *coding, struct span coded, size_t cut, struct span text, int fed,
		  int end)
{
	struct buf out = buf_with_max(1 << 26);
	struct body *body;
	int err;

	assert_int_equal(make(coding, put, &out, &body), 0);
	err = body_feed(body, span_head(coded, cut));
	if (!err)
		err = body_feed(body, span_skip(coded, cut));
	assert_int_equal(err, fed);
	assert_int_equal(body_feed(body, SPAN("")), fed);
	assert_int_equal(body_end(body), end);
	assert_true(span_eq(buf_span(&out), text));
	body_free(body);
	buf_done(&out);
}

static void test_refused(void **state)
{
	static const char *const refused[] = {
		"", "identity", "gzipx", "gz", "compress", "chunked", "br,", "gzip,br,gzip",
	};
	struct body *body = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		int err = i == 6 ? 0 : -ENOTSUP; /* one, and nothing after the comma */

		assert_int_equal(make(refused[i], put, NULL, &body), err);
		if (err)
			assert_null(body);
		body_free(TAKE_PTR(body));
	}
}

static void test_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TOOLS; i++)
		check(tools[i].coding, SPAN(""), 0, SPAN(""), 0, 0);
}

static void test_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TOOLS; i++)
		for (size_t cut = 0; cut <= tools[i].coded.len; cut++)
			check(tools[i].coding, tools[i].coded, cut, SPAN(TEXT), 0, 0);
}

/* In two pieces, the second of which never ends; what was heard is the beginning of the text. */
static void test_truncated(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TOOLS; i++) {
		for (size_t n = 1; n < tools[i].coded.len; n++) {
			struct buf out = buf_with_max(1000);
			struct body *body;

			assert_int_equal(make(tools[i].coding, put, &out, &body), 0);
			assert_int_equal(body_feed(body, span_head(tools[i].coded, n / 2)), 0);
			assert_int_equal(
			    body_feed(body, span_skip(span_head(tools[i].coded, n), n / 2)), 0);
			assert_int_equal(body_end(body), -EAGAIN);
			assert_true(span_starts(SPAN(TEXT), buf_span(&out)));
			body_free(body);
			buf_done(&out);
		}
	}
}

/* Every bit of a check sum and of a length counts. */
static void test_check_sums(void **state)
{
	static const struct {
		unsigned tool, bytes;
	} rows[] = { { 0, 8 }, { 2, 4 } };

	(void)state;
	for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
		const struct tool *tool = &tools[rows[r].tool];
		struct buf coded = buf_with_max(1000);

		buf_put(&coded, tool->coded);
		for (size_t i = coded.len - rows[r].bytes; i < coded.len; i++) {
			coded.data[i] ^= 4;
			check(tool->coding, buf_span(&coded), coded.len / 2, SPAN(TEXT), -EBADMSG,
			      -EBADMSG);
			coded.data[i] ^= 4;
		}
		buf_done(&coded);
	}
}

/* Something else after the end, and something else from the start. */
static void test_garbage(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TOOLS; i++) {
		struct buf coded = buf_with_max(1000);
		struct body *body;
		struct buf out = buf_with_max(1000);

		buf_put(&coded, tools[i].coded);
		buf_put(&coded, SPAN("\n\n\n\n"));
		for (size_t cut = 0; cut <= tools[i].coded.len; cut++)
			check(tools[i].coding, buf_span(&coded), cut, SPAN(TEXT), -EBADMSG,
			      -EBADMSG);
		assert_int_equal(make(tools[i].coding, put, &out, &body), 0);
		assert_int_equal(body_feed(body, SPAN("\xff\xff\xff\xff")), -EBADMSG);
		assert_int_equal(body_feed(body, tools[i].coded), -EBADMSG);
		assert_int_equal(out.len, 0);
		body_free(body);
		buf_done(&coded);
	}
}

static void test_members(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TOOLS; i++) {
		struct buf coded = buf_with_max(1000);

		if (!tools[i].members)
			continue;
		tools[i].encode(&coded, SPAN("one, "), 9);
		tools[i].encode(&coded, SPAN(""), 1);
		tools[i].encode(&coded, SPAN("two"), 1);
		for (size_t cut = 0; cut <= coded.len; cut++)
			check(tools[i].coding, buf_span(&coded), cut, SPAN("one, two"), 0, 0);
		buf_done(&coded);
	}
}

/* RFC 9110, 8.4: listed in the order in which they were applied. */
static void test_two_codings(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_TOOLS * N_TOOLS; i++) {
		const struct tool *inner = &tools[i / N_TOOLS], *outer = &tools[i % N_TOOLS];
		struct buf coded = buf_with_max(1000);
		char codings[32];

		snprintf(codings, sizeof(codings), "%s,%s", inner->coding, outer->coding);
		outer->encode(&coded, inner->coded, 9);
		for (size_t cut = 0; cut <= coded.len; cut++)
			check(codings, buf_span(&coded), cut, SPAN(TEXT), 0, 0);
		buf_reset(&coded);
		/* The inner one is cut short, the outer is whole. */
		outer->encode(&coded, span_head(inner->coded, 1), 9);
		check(codings, buf_span(&coded), 1, SPAN(""), 0, -EAGAIN);
		buf_reset(&coded);
		outer->encode(&coded, SPAN("\xff\xff\xff\xff"), 9);
		check(codings, buf_span(&coded), 1, SPAN(""), -EBADMSG, -EBADMSG);
		buf_done(&coded);
	}
}

/* A body that fills the output window many times over, exactly at its edges too. */
static void test_sizes(void **state)
{
	static const size_t sizes[] = { 1, 16383, 16384, 16385, 32768, 1000000 };
	char *text = malloc(1000000);

	(void)state;
	for (size_t n = 0; n < 1000000; n++)
		text[n] = (char)(n * n >> 3);
	for (size_t i = 0; i < N_TOOLS * 6; i++) {
		const struct tool *tool = &tools[i / 6];
		struct span part = { text, sizes[i % 6] };
		struct buf coded = buf_with_max(1 << 22);

		tool->encode(&coded, part, 6);
		check(tool->coding, buf_span(&coded), coded.len, part, 0, 0);
		check(tool->coding, buf_span(&coded), coded.len / 2, part, 0, 0);
		buf_done(&coded);
	}
	free(text);
}

static void assert_bomb(const char *codings, struct span coded)
{
	struct body *body;
	uint64_t out = 0;

	assert_int_equal(make(codings, count, &out, &body), 0);
	assert_int_equal(body_feed(body, coded), -E2BIG);
	assert_int_equal(body_feed(body, SPAN("x")), -E2BIG);
	assert_int_equal(body_end(body), -E2BIG);
	/* Stopped at the ratio as soon as that counts: 1 MiB, and a window. */
	assert_in_range(out, (1 << 20) - 16384, (1 << 20) + 16384);
	body_free(body);
}

static void test_bomb(void **state)
{
	struct span zeros = { calloc(1, 1 << 24), 1 << 24 };

	(void)state;
	for (size_t i = 0; i < N_TOOLS; i++) {
		struct buf coded = buf_with_max(1 << 22), twice = buf_with_max(1 << 22);

		tools[i].encode(&coded, zeros, 9);
		assert_bomb(tools[i].coding, buf_span(&coded));
		encode_gzip(&twice, buf_span(&coded), 9);
		if (tools[i].encode == encode_gzip)
			assert_bomb("gzip,gzip", buf_span(&twice));
		buf_done(&coded);
		buf_done(&twice);
	}
	free((char *)zeros.ptr);
}

/* Under the ratio, over the size: members, one after the other. */
static void test_too_much(void **state)
{
	struct buf coded = buf_with_max(1 << 22);
	uint64_t out = 0, fed = 0;
	size_t length = 1 << 20;
	char *text = calloc(1, length);
	struct body *body;
	int err = 0;

	(void)state;
	for (size_t i = 0; i < length / 40; i++)
		text[i * 40] = (char)(i * i * 7 >> 4);
	encode_gzip(&coded, (struct span){ text, length }, 1);
	assert_in_range(length / coded.len, 5, BODY_RATIO_MAX);
	assert_int_equal(make("gzip", count, &out, &body), 0);
	while (!err && fed <= BODY_OUTPUT_MAX) {
		err = body_feed(body, buf_span(&coded));
		fed += err ? 0 : length;
	}
	assert_int_equal(err, -E2BIG);
	assert_int_equal(fed, BODY_OUTPUT_MAX);
	assert_int_equal(out, BODY_OUTPUT_MAX);
	body_free(body);
	free(text);
	buf_done(&coded);
}

/* A window of 16 MiB, which RFC 9659 forbids: refused before its memory is taken. */
static void test_zstd_window(void **state)
{
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	struct span text = { calloc(1, 1 << 24), 1 << 24 };
	ZSTD_inBuffer in = { text.ptr, text.len, 0 };
	char data[65536];
	ZSTD_outBuffer out = { data, sizeof(data), 0 };
	struct body *body;
	uint64_t heard = 0;

	(void)state;
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, 24);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0);
	assert_int_equal(ZSTD_compressStream2(zstd, &out, &in, ZSTD_e_flush), 0);
	assert_int_equal(make("zstd", count, &heard, &body), 0);
	assert_int_equal(body_feed(body, (struct span){ data, out.pos }), -EBADMSG);
	assert_int_equal(heard, 0);
	body_free(body);
	ZSTD_freeCCtx(zstd);
	free((char *)text.ptr);
}

/* RFC 7692, 7.2.3.2 and 7.2.3.4: the same message twice with a shared window; and in a block that
 * says it is the last, with an empty one after it, before a message that refers to it. */
/* A frame to be skipped (RFC 8878, 3.1.2) may stand before; one of zstd 0.7, which the library
 * would read, is none: it is refused with its first byte, also behind a frame. */
static void test_zstd_frames(void **state)
{
	static const char skipped[] = "\x5a\x2a\x4d\x18\x02\0\0\0ab";
	struct buf coded = buf_with_max(1000);
	char frame[100];
	size_t n = ZSTD_compress(frame, sizeof(frame), "text", 4, 1);

	(void)state;
	assert_false(ZSTD_isError(n));
	buf_put(&coded, SPAN(skipped));
	buf_put(&coded, (struct span){ frame, n });
	buf_put(&coded, SPAN(skipped));
	for (size_t piece = 1; piece <= coded.len; piece++)
		check("zstd", buf_span(&coded), piece, SPAN("text"), 0, 0);
	buf_put(&coded, SPAN("\x27\xb5\x2f\xfd\xb6"));
	for (size_t piece = 1; piece <= coded.len; piece++)
		check("zstd", buf_span(&coded), piece, SPAN("text"), -EBADMSG, -EBADMSG);
	check("zstd", SPAN("\x27\xb5\x2f\xfd\xb6"), 5, SPAN(""), -EBADMSG, -EBADMSG);
	check("zstd", SPAN("\x27"), 1, SPAN(""), -EBADMSG, -EBADMSG);
	buf_done(&coded);
}

static void test_raw(void **state)
{
	struct buf out = buf_with_max(1000);
	struct body *body;

	(void)state;
	assert_int_equal(body_new_raw(put, &out, 15, NULL, &body), 0);
	assert_int_equal(body_feed(body, SPAN("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff")), 0);
	body_next(body);
	assert_int_equal(body_feed(body, SPAN("\xf2\x00\x11\x00\x00\x00\x00\xff\xff")), 0);
	assert_int_equal(body_feed(body, SPAN("\xf3\x48\xcd\xc9\xc9\x07\x00\x00\x00\x00\xff\xff")),
			 0);
	assert_int_equal(body_feed(body, SPAN("\xf2\x00\x11\x00\x00\x00\x00\xff\xff")), 0);
	assert_true(span_eq(buf_span(&out), SPAN("HelloHelloHelloHello")));
	body_free(body);
	buf_done(&out);
}

/* The caps count each message by itself. */
static void test_caps_of_messages(void **state)
{
	struct buf coded = buf_with_max(1 << 22);
	struct span zeros = { calloc(1, 1 << 20), 1 << 20 };
	struct body *body;
	uint64_t out = 0;

	(void)state;
	encode_raw(&coded, zeros, 9);
	assert_int_equal(body_new_raw(count, &out, 15, NULL, &body), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(body_feed(body, buf_span(&coded)), 0);
		body_next(body);
	}
	assert_int_equal(out, 3 << 20);
	assert_int_equal(body_feed(body, buf_span(&coded)), 0);
	assert_int_equal(body_feed(body, buf_span(&coded)), -E2BIG);
	body_free(body);
	buf_done(&coded);
	free((char *)zeros.ptr);
}

static void test_free_of_nothing(void **state)
{
	(void)state;
	body_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_check_sums),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_two_codings),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_zstd_window),
		cmocka_unit_test(test_zstd_frames),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_caps_of_messages),
		cmocka_unit_test(test_free_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
