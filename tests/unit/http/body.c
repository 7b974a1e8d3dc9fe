/* Content codings against what zlib and gzip(1) make: every cut, every truncation, members in a
 * row, bombs and broken data. */
#include "http/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/buf.h"

static void put(void *ctx, struct span piece)
{
	assert_true(piece.len > 0);
	buf_put(ctx, piece);
}

static void count(void *ctx, struct span piece)
{
	*(uint64_t *)ctx += piece.len;
}

/* Appends one gzip member. */
static void deflate_into(struct buf *out, struct span text, int level)
{
	uLong bound = compressBound(text.len) + 64;
	unsigned char *data = malloc(bound);
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
	z.next_in = (unsigned char *)text.ptr;
	z.avail_in = (unsigned)text.len;
	z.next_out = data;
	z.avail_out = (unsigned)bound;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_put(out, (struct span){ (char *)data, bound - z.avail_out });
	deflateEnd(&z);
	free(data);
}

/* printf '{"usage":{"total_tokens":7}}' | gzip -n9 */
#define GZIP                                                                                       \
	SPAN("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\x2d\x4e\x4c\x4f\x55\xb2\xaa"    \
	     "\x56\x2a\xc9\x2f\x49\xcc\x89\x2f\xc9\xcf\x4e\xcd\x2b\x56\xb2\x32\xaf\xad\x05\x00"    \
	     "\x89\x67\xeb\xb9\x1c\x00\x00\x00")
#define GZIP_TEXT "{\"usage\":{\"total_tokens\":7}}"

struct row {
	const char *coding;
	int made;
	struct span coded, text;
	int fed, end;
};

static void check(const char *coding, struct span coded, size_t cut, struct span text, int fed,
		  int end)
{
	struct buf out = buf_with_max(1 << 26);
	struct body *body;
	int err;

	assert_int_equal(body_new(span_of(coding), put, &out, &body), 0);
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

static void test_codings(void **state)
{
	static const struct row rows[] = {
		{ "", 0, SPAN("abc"), SPAN("abc"), 0, 0 },
		{ "identity", 0, SPAN("abc"), SPAN("abc"), 0, 0 },
		{ "gzip", 0, SPAN(""), SPAN(""), 0, 0 },
		{ "br", -ENOTSUP, SPAN(""), SPAN(""), 0, 0 },
		{ "deflate", -ENOTSUP, SPAN(""), SPAN(""), 0, 0 },
		{ "zstd", -ENOTSUP, SPAN(""), SPAN(""), 0, 0 },
		{ "gzip, gzip", -ENOTSUP, SPAN(""), SPAN(""), 0, 0 },
		{ "gzipx", -ENOTSUP, SPAN(""), SPAN(""), 0, 0 },
		{ "gzip", 0, SPAN("abc"), SPAN(""), -EBADMSG, -EBADMSG },
		{ "gzip", 0, SPAN("\x1f\x8b\x07\x00"), SPAN(""), -EBADMSG, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct body *body = NULL;

		if (rows[i].made) {
			assert_int_equal(body_new(span_of(rows[i].coding), put, NULL, &body),
					 rows[i].made);
			assert_null(body);
			continue;
		}
		for (size_t cut = 0; cut <= rows[i].coded.len; cut++)
			check(rows[i].coding, rows[i].coded, cut, rows[i].text, rows[i].fed,
			      rows[i].end);
	}
}

static void test_gzip_cut_anywhere(void **state)
{
	(void)state;
	for (size_t cut = 0; cut <= GZIP.len; cut++) {
		check("gzip", GZIP, cut, SPAN(GZIP_TEXT), 0, 0);
		check("X-GZip", GZIP, cut, SPAN(GZIP_TEXT), 0, 0);
	}
}

static void test_gzip_truncated(void **state)
{
	(void)state;
	for (size_t n = 1; n < GZIP.len; n++) {
		struct buf out = buf_with_max(1000);
		struct body *body;

		assert_int_equal(body_new(SPAN("gzip"), put, &out, &body), 0);
		assert_int_equal(body_feed(body, span_head(GZIP, n)), 0);
		assert_int_equal(body_end(body), -EAGAIN);
		assert_true(span_starts(SPAN(GZIP_TEXT), buf_span(&out)));
		body_free(body);
		buf_done(&out);
	}
}

/* Every bit of the check sum and the length counts. */
static void test_gzip_broken(void **state)
{
	struct buf coded = buf_with_max(1000);

	(void)state;
	buf_put(&coded, GZIP);
	for (size_t i = coded.len - 8; i < coded.len; i++) {
		coded.data[i] ^= 4;
		check("gzip", buf_span(&coded), coded.len / 2, SPAN(GZIP_TEXT), -EBADMSG, -EBADMSG);
		coded.data[i] ^= 4;
	}
	buf_put(&coded, SPAN("\n"));
	for (size_t cut = 0; cut <= coded.len; cut++)
		check("gzip", buf_span(&coded), cut, SPAN(GZIP_TEXT), -EBADMSG, -EBADMSG);
	buf_done(&coded);
}

static void test_gzip_members(void **state)
{
	struct buf coded = buf_with_max(1000);

	(void)state;
	deflate_into(&coded, SPAN("one, "), 9);
	deflate_into(&coded, SPAN(""), 1);
	deflate_into(&coded, SPAN("two"), 0);
	for (size_t cut = 0; cut <= coded.len; cut++)
		check("gzip", buf_span(&coded), cut, SPAN("one, two"), 0, 0);
	buf_done(&coded);
}

/* A body that fills the output window many times over, exactly at its edges too. */
static void test_gzip_sizes(void **state)
{
	static const size_t sizes[] = { 1, 16383, 16384, 16385, 32768, 1000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct buf coded = buf_with_max(1 << 22);
		char *text = malloc(sizes[i]);

		for (size_t n = 0; n < sizes[i]; n++)
			text[n] = (char)(n * n >> 3);
		deflate_into(&coded, (struct span){ text, sizes[i] }, 6);
		check("gzip", buf_span(&coded), coded.len, (struct span){ text, sizes[i] }, 0, 0);
		check("gzip", buf_span(&coded), coded.len / 2, (struct span){ text, sizes[i] }, 0,
		      0);
		free(text);
		buf_done(&coded);
	}
}

static void test_bomb(void **state)
{
	struct buf coded = buf_with_max(1 << 22);
	size_t zeros = 1 << 28;
	char *text = calloc(1, zeros);
	struct body *body;
	uint64_t out = 0;

	(void)state;
	deflate_into(&coded, (struct span){ text, zeros }, 9);
	free(text);
	assert_int_equal(body_new(SPAN("gzip"), count, &out, &body), 0);
	assert_int_equal(body_feed(body, buf_span(&coded)), -E2BIG);
	assert_int_equal(body_feed(body, SPAN("x")), -E2BIG);
	assert_int_equal(body_end(body), -E2BIG);
	/* Stopped at the ratio as soon as that counts: 1 MiB, and a window. */
	assert_in_range(out, 1 << 20, (1 << 20) + 16384);
	body_free(body);
	buf_done(&coded);
}

/* Under the ratio, over the size: members of noise, one after the other. */
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
	deflate_into(&coded, (struct span){ text, length }, 1);
	assert_in_range(length / coded.len, 5, BODY_RATIO_MAX);
	assert_int_equal(body_new(SPAN("gzip"), count, &out, &body), 0);
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

static void test_free_of_nothing(void **state)
{
	(void)state;
	body_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codings),
		cmocka_unit_test(test_gzip_cut_anywhere),
		cmocka_unit_test(test_gzip_truncated),
		cmocka_unit_test(test_gzip_broken),
		cmocka_unit_test(test_gzip_members),
		cmocka_unit_test(test_gzip_sizes),
		cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_free_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
