/* Event streams by WHATWG HTML, 9.2, its examples among them: every cut into two, byte by byte,
 * each piece at the very end of readable memory; gaps at every place. */
#include "http/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "guard.h"

struct listener {
	struct buf data; /* of the event at hand */
	struct buf text; /* "NAME|DATA;" for each event */
};

static void hear_data(void *ctx, struct span piece)
{
	struct listener *l = ctx;

	assert_true(piece.len > 0);
	buf_put(&l->data, piece);
}

static void hear_event(void *ctx, struct span name)
{
	struct listener *l = ctx;

	buf_put(&l->text, name);
	buf_put(&l->text, SPAN("|"));
	buf_put(&l->text, buf_span(&l->data));
	buf_put(&l->text, SPAN(";"));
	buf_reset(&l->data);
}

static const struct sse_handler handler = { hear_data, hear_event };

static void listener_init(struct listener *l, struct sse *sse)
{
	*l = (struct listener){ buf_with_max(1 << 20), buf_with_max(1 << 20) };
	sse_init(sse, &handler, l);
}

static void listener_done(struct listener *l)
{
	buf_done(&l->data);
	buf_done(&l->text);
}

struct stream {
	struct span bytes;
	const char *events;
};

#define NAME64 "0123456789012345678901234567890123456789012345678901234567890123"

static const struct stream streams[] = {
	/* the examples of 9.2.6 */
	{ SPAN("data: YHOO\ndata: +2\ndata: 10\n\n"), "|YHOO\n+2\n10;" },
	{ SPAN(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
	       "data:  third event\n\n"),
	  "|first event;|second event;| third event;" },
	{ SPAN("data\n\ndata\ndata\n\ndata:"), "|;|\n;" },
	{ SPAN("data:test\n\ndata: test\n\n"), "|test;|test;" },
	/* 9.2.2 */
	{ SPAN("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n"),
	  "add|73857293;remove|2153;" },
	/* line ends, mixed */
	{ SPAN("data: a\r\rdata: b\r\n\r\ndata: c\n\ndata: d\r\n\ndata: e\n\r\n"),
	  "|a;|b;|c;|d;|e;" },
	{ SPAN("data:\r\n\r\n\r\n\r\ndata\r\n\r\n"), "|;|;" },
	/* no data, no event; names do not last */
	{ SPAN("event: a\n\ndata: b\n\nevent: c\nevent:d\ndata: e\n\nevent\ndata: f\n\n"),
	  "|b;d|e;|f;" },
	{ SPAN("data: [DONE]"), "" },
	{ SPAN("data: a\n"), "" },
	/* fields that are none */
	{ SPAN("Data: a\n data: b\ndatax: c\ndat: d\nretry: 1\ndata : e\n"
	       "longer than any: f\n::\n\n"),
	  "" },
	{ SPAN("data: a: b\nevent: c:d\n\n"), "c:d|a: b;" },
	{ SPAN("data: \xf0\x9f\x98\x80\0x\n\n"), "|\xf0\x9f\x98\x80" }, /* up to the NUL */
	/* the mark is dropped once, at the start */
	{ SPAN("\xef\xbb\xbf"
	       "data: a\n\n\xef\xbb\xbf"
	       "data: b\n\n"),
	  "|a;" },
	{ SPAN("\xef\xbb"
	       "data: a\n\ndata: b\n\n"),
	  "|b;" },
	{ SPAN("\xef\n\ndata: b\n\n"), "|b;" },
	{ SPAN("\xef\xbb\xbf\ndata: b\n\n"), "|b;" },
	/* names are cut at 64 bytes */
	{ SPAN("event: " NAME64 "\ndata: a\n\nevent: " NAME64 "5\ndata: a\n\n"),
	  NAME64 "|a;" NAME64 "|a;" },
};

static void assert_events(struct listener *l, const struct stream *s, size_t cut)
{
	buf_put(&l->text, SPAN("\0"));
	if (strncmp(l->text.data, s->events, strlen(s->events)) != 0 ||
	    (strlen(l->text.data) != strlen(s->events)))
		fail_msg("%s, cut at %zu: %s, not %s", s->bytes.ptr, cut, l->text.data, s->events);
}

static void test_streams(void **state)
{
	struct guard guard = guard_new();

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
		const struct stream *s = &streams[i];

		for (size_t cut = 0; cut <= s->bytes.len; cut++) {
			struct listener l;
			struct sse sse;

			listener_init(&l, &sse);
			sse_feed(&sse, guard_put(&guard, span_head(s->bytes, cut)));
			for (size_t at = cut; at < s->bytes.len; at += cut ? s->bytes.len : 1)
				sse_feed(&sse,
					 guard_put(&guard, span_head(span_skip(s->bytes, at),
								     cut ? s->bytes.len : 1)));
			assert_events(&l, s, cut);
			listener_done(&l);
		}
	}
	guard_done(&guard);
}

/* With any hole in the stream, what is heard is some of its events, whole and in order. */
static void test_gaps(void **state)
{
	struct span all = SPAN("event: a\r\ndata: 1\r\ndata: 2\r\n\r\ndata: 3\r\n\r\n: c\r\n\r\n"
			       "event: b\ndata: 4\n\ndata: 5\n\ndata: 6\r\rdata: 7\r\r");
	static const char *const events[] = { "a|1\n2;", "|3;", "b|4;", "|5;", "|6;", "|7;" };

	(void)state;
	for (size_t from = 0; from <= all.len; from++) {
		for (size_t to = from; to <= all.len; to++) {
			struct listener l;
			struct sse sse;
			const char *heard;

			listener_init(&l, &sse);
			sse_feed(&sse, span_head(all, from));
			sse_gap(&sse);
			buf_reset(&l.data); /* as the header says */
			sse_feed(&sse, span_skip(all, to));
			buf_put(&l.text, SPAN("\0"));
			heard = l.text.data;
			for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
				if (strncmp(heard, events[i], strlen(events[i])) == 0)
					heard += strlen(events[i]);
			if (*heard)
				fail_msg("hole from %zu to %zu: %s", from, to, l.text.data);
			listener_done(&l);
		}
	}
}

/* Events after the hole are heard again from the second blank line on. */
static void test_gap_ends(void **state)
{
	struct listener l;
	struct sse sse;

	(void)state;
	listener_init(&l, &sse);
	sse_feed(&sse, SPAN("event: x\ndata: a"));
	sse_gap(&sse);
	buf_reset(&l.data);
	sse_feed(&sse, SPAN("b\ndata: c\n\ndata: d\n\n"));
	buf_put(&l.text, SPAN("\0"));
	assert_string_equal(l.text.data, "|d;");
	listener_done(&l);
}

static void test_long_data(void **state)
{
	struct listener l;
	struct sse sse;
	char piece[1000];

	(void)state;
	memset(piece, 'x', sizeof(piece));
	listener_init(&l, &sse);
	sse_feed(&sse, SPAN("data: "));
	for (int i = 0; i < 100; i++)
		sse_feed(&sse, (struct span){ piece, sizeof(piece) });
	sse_feed(&sse, SPAN("\n\n"));
	assert_int_equal(l.text.len, 1 + 100 * sizeof(piece) + 1);
	listener_done(&l);
}

static const char *any_end(const char *before)
{
	static const char *const ends[] = { "\r", "\r\n", "\n" };

	/* A LF after a lone CR would be the end of the same line. */
	return ends[random() % (strcmp(before, "\r") == 0 ? 2 : 3)];
}

/* One event line by line, with any line ends, and beside it what is due. */
static const char *make_event(const char *end, struct buf *bytes, struct buf *want)
{
	static const char *const others[] = {
		": keep-alive", "id: 7", "retry: 10", ":", "x", "id"
	};
	long lines = random() % 4, named = random() % 2;

	if (named) {
		end = any_end(end);
		buf_printf(bytes, "event:%sn%ld%s", random() % 2 ? " " : "", lines, end);
	}
	if (lines)
		buf_printf(want, named ? "n%ld|" : "|", lines);
	for (long i = 0; i < lines; i++) {
		int n = random() % 3 ? 1 + (int)(random() % 40) : 1 + (int)(random() % 20000);

		if (random() % 4 == 0) {
			end = any_end(end);
			buf_printf(bytes, "%s%s", others[random() % 6], end);
		}
		end = any_end(end);
		buf_printf(bytes, "data: %0*ld%s", n, i, end);
		buf_printf(want, "%s%0*ld", i ? "\n" : "", n, i);
	}
	if (lines)
		buf_put(want, SPAN(";"));
	end = any_end(end);
	buf_put(bytes, span_of(end));
	return end;
}

static void play_random(struct guard *guard)
{
	struct buf bytes = buf_with_max(1 << 20), want = buf_with_max(1 << 20);
	const char *end = "";
	struct listener l;
	struct sse sse;

	if (random() % 2)
		buf_put(&bytes, SPAN("\xef\xbb\xbf"));
	for (long n = random() % 5; n >= 0; n--)
		end = make_event(end, &bytes, &want);
	listener_init(&l, &sse);
	for (size_t at = 0, n; at < bytes.len; at += n) {
		n = 1 + (size_t)random() % (random() % 2 ? 20 : 16384);
		sse_feed(&sse, guard_put(guard, span_head(span_skip(buf_span(&bytes), at), n)));
	}
	assert_true(span_eq(buf_span(&l.text), buf_span(&want)));
	listener_done(&l);
	buf_done(&bytes);
	buf_done(&want);
}

static void test_random(void **state)
{
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	struct guard guard = guard_new();

	(void)state;
	print_message("SEED=%u\n", seed);
	srandom(seed);
	for (int i = 0; i < 2000; i++)
		play_random(&guard);
	guard_done(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),  cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_gap_ends), cmocka_unit_test(test_long_data),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
