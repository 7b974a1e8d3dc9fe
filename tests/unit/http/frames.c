/* Frames of one direction, RFC 9113, 4.1 and 6, cut anywhere; holes; what looks like a frame. */
#include "http/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"

/* What comes of the bytes, cut in pieces: "type[payload]" for each frame, '!' for a bad one. */
static void tell(struct frames *f, struct span in, size_t piece, struct buf *out)
{
	for (; in.len; in = span_skip(in, piece)) {
		struct span part = span_head(in, piece), got;
		enum frames_event event;

		do {
			event = frames_next(f, &part, &got);
			if (event == FRAMES_BEGIN)
				buf_printf(out, "%u[", f->frame.type);
			if (event == FRAMES_PIECE)
				buf_put(out, got);
			if (event == FRAMES_END)
				buf_printf(out, "]");
			if (event == FRAMES_BAD) {
				buf_printf(out, "!");
				return;
			}
		} while (event != FRAMES_MORE);
	}
}

static void expect(struct span bytes, const char *text)
{
	for (size_t piece = 1; piece <= bytes.len; piece++) {
		struct frames f = frames_of(false);
		struct buf out = buf_with_max(4096);

		tell(&f, bytes, piece, &out);
		buf_put(&out, SPAN("\0"));
		assert_string_equal(out.data, text);
		buf_done(&out);
	}
}

static void test_payloads(void **state)
{
	(void)state;
	expect(SPAN("\0\0\3\0\0\0\0\0\1abc"), "0[abc]");
	expect(SPAN("\0\0\0\0\1\0\0\0\1"), "0[]");
	expect(SPAN("\0\0\6\0\x08\0\0\0\1\2abc\0\0"), "0[abc]");
	expect(SPAN("\0\0\3\0\x08\0\0\0\1\2\0\0"), "0[]"); /* all of it padding */
	expect(SPAN("\0\0\x0c\1\x2c\0\0\0\1\3\x80\0\0\0\xffxyz\0\0\0"), "1[xyz]");
	expect(SPAN("\0\0\7\1\x20\0\0\0\1\0\0\0\0\1xy"), "1[xy]");
	expect(SPAN("\0\0\x08\5\x0c\0\0\0\1\1\0\0\0\2xy\0"), "5[xy]");
	expect(SPAN("\0\0\x0b\7\0\0\0\0\0\0\0\0\5\0\0\0\0bye"), "7[bye]");
	expect(SPAN("\0\0\2\x10\xff\0\0\0\0xy\0\0\1\x21\0\0\0\0\x09z"), "16[xy]33[z]");
}

static void test_bad_frames(void **state)
{
	static const struct span bad[] = {
		{ "\0\0\1\0\0\0\0\0\0x", 10 },          /* DATA on the connection */
		{ "\0\0\1\1\0\0\0\0\0x", 10 },          /* HEADERS on it */
		{ "\0\0\0\4\0\0\0\0\1", 9 },            /* SETTINGS on a stream */
		{ "\0\0\5\4\0\0\0\0\0xxxxx", 14 },      /* not of six bytes each */
		{ "\0\0\4\2\0\0\0\0\1xxxx", 13 },       /* PRIORITY of four bytes */
		{ "\0\0\5\3\0\0\0\0\1xxxxx", 14 },      /* RST_STREAM of five */
		{ "\0\0\7\6\0\0\0\0\0xxxxxxx", 16 },    /* PING of seven */
		{ "\0\0\7\7\0\0\0\0\0xxxxxxx", 16 },    /* GOAWAY of seven */
		{ "\0\0\3\x08\0\0\0\0\0xxx", 12 },      /* WINDOW_UPDATE of three */
		{ "\0\0\0\0\x08\0\0\0\1", 9 },          /* padded, without the length */
		{ "\0\0\3\0\x08\0\0\0\1\3xx", 12 },     /* more padding than there is room */
		{ "\0\0\4\1\x20\0\0\0\1xxxx", 13 },     /* priority that does not fit */
		{ "\0\0\4\5\x08\0\0\0\1\0\0\0\2", 13 }, /* promised stream that does not fit */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		expect(bad[i], "!");
}

static void test_preface(void **state)
{
	struct span preface = FRAMES_PREFACE;

	(void)state;
	for (size_t piece = 1; piece <= preface.len; piece++)
		for (size_t wrong = 0; wrong <= preface.len; wrong++) {
			struct frames f = frames_of(true);
			struct buf out = buf_with_max(64);
			char bytes[64];

			memcpy(bytes, preface.ptr, preface.len);
			if (wrong < preface.len)
				bytes[wrong] ^= 1;
			tell(&f, (struct span){ bytes, preface.len }, piece, &out);
			assert_int_equal(out.len, wrong < preface.len);
			assert_int_equal(f.state == FRAMES_IN_HEADER, wrong == preface.len);
			buf_done(&out);
		}
}

/* A hole of any length at any place in a padded frame with another after it: what is within the
 * frame is passed over exactly, and the next one is read. */
static void test_holes(void **state)
{
	static const struct span bytes = { "\0\0\x09\0\x09\0\0\0\1\3abcde\0\0\0"
					   "\0\0\2\0\0\0\0\0\3ok",
					   29 };
	const size_t first = 18;

	(void)state;
	for (size_t from = 9; from <= first; from++)
		for (size_t n = 1; from + n <= first; n++) {
			struct frames f = frames_of(false);
			struct buf out = buf_with_max(256);
			struct span none = { NULL, 0 }, got;

			tell(&f, span_head(bytes, from), from, &out);
			frames_expect_hole(&f);
			assert_int_equal(frames_next(&f, &none, &got),
					 from == 9 ? FRAMES_BEGIN : FRAMES_MORE);
			assert_int_equal(frames_skip(&f, n), n);
			if (from + n == first)
				assert_int_equal(frames_next(&f, &none, &got), FRAMES_END);
			tell(&f, span_skip(bytes, from + n), 100, &out);
			buf_put(&out, SPAN("\0"));
			assert_non_null(strstr(out.data, "0[ok]"));
			if (from == 9) /* the length of the padding is gone, and all with it */
				assert_null(strchr(out.data, 'e'));
			buf_done(&out);
		}
}

static bool is_seven(void *ctx, uint32_t id)
{
	(void)ctx;
	return id == 7;
}

static void test_plausible(void **state)
{
	static const struct span good[] = {
		{ "\0\0\3\0\0\0\0\0\1abc", 12 },
		{ "\0\0\3\0\0\0\0\0\1abc\0\0\3\0\1\0\0\0\1ab", 23 },
		{ "\0\0\3\0\0\0\0\0\1abc\0\0\0\0\1\0\0\0\1", 21 },
		{ "\0\0\0\4\1\0\0\0\0\0\0\4\x08\0\0\0\0\0\0\0\0\1", 22 },
		{ "\0\x40\0\0\0\0\0\0\7abc", 12 }, /* of an open stream */
	};
	static const struct span bad[] = {
		{ "", 0 },
		{ "\0\0\3\0\0\0\0\0", 8 },
		{ "\0\0\3\0\0\0\0\0\2abc", 12 },   /* pushed */
		{ "\0\0\3\0\0\x7f\0\0\1abc", 12 }, /* high */
		{ "\0\0\3\0\x40\0\0\0\1abc", 12 }, /* a flag that is none */
		{ "\0\0\3\x0b\0\0\0\0\1abc", 12 }, /* a type that is none */
		{ "\0\x41\0\0\0\0\0\0\7abc", 12 }, /* long */
		{ "\0\x40\0\0\0\0\0\0\5abc", 12 }, /* one alone, of a stream that is not open */
		{ "\0\0\0\0\1\0\0\0\1", 9 },       /* one alone, empty */
		{ "\0\0\0\0\0\0\0\0\7", 9 },       /* empty for nothing */
		{ "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20 }, /* padding */
		{ "\0\0\3\x09\4\0\0\0\7abc", 12 },                  /* the rest of a block */
		{ "data: {\"a\":1}\n\ndata: [DONE]\n\n", 29 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(frames_plausible(good[i], is_seven, NULL));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(frames_plausible(bad[i], is_seven, NULL));
}

/* A place that was found is on probation: what is not plausible there is bad. */
static void test_probation(void **state)
{
	struct frames f = frames_of(false);
	struct buf out = buf_with_max(256);

	(void)state;
	frames_lose(&f);
	tell(&f, SPAN("anything"), 8, &out);
	assert_false(frames_resync(&f, SPAN("anything"), NULL, NULL));
	assert_true(frames_resync(&f, SPAN("\0\0\1\0\0\0\0\0\1x"), NULL, NULL));
	tell(&f, SPAN("\0\0\1\0\0\0\0\0\1x\0\0\1\x10\0\0\0\0\0y"), 100, &out);
	buf_put(&out, SPAN("\0"));
	assert_string_equal(out.data, "0[x]!");
	buf_done(&out);
}

static void test_random_bytes_are_not_plausible(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	unsigned n = 0;

	(void)state;
	print_message("SEED=%u\n", seed);
	for (int i = 0; i < 2000000; i++) {
		uint32_t words[8];

		for (int w = 0; w < 8; w++)
			words[w] = seed = seed * 1664525u + 1013904223u;
		n += frames_plausible((struct span){ (char *)words + 1, 31 }, NULL, NULL);
	}
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_payloads),
		cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_preface),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_plausible),
		cmocka_unit_test(test_probation),
		cmocka_unit_test(test_random_bytes_are_not_plausible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
