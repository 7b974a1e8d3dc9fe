/* meter/eventstream: framing, checksums (by zlib, over bytes put together here) and wrapped
 * payloads. Base64 is that of RFC 4648's alphabet, written out by hand. */
#include "meter/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

static const char headers[] = "\x0b:event-type\x07\x00\x08metadata";

struct stream {
	char bytes[4096];
	size_t len;
};

static void put32(struct stream *s, uint32_t value)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		s->bytes[s->len++] = (char)(value >> shift);
}

static void put(struct stream *s, struct span text)
{
	memcpy(s->bytes + s->len, text.ptr, text.len);
	s->len += text.len;
}

static void put_message(struct stream *s, const char *payload)
{
	size_t start = s->len, n_headers = sizeof(headers) - 1;

	put32(s, (uint32_t)(16 + n_headers + strlen(payload)));
	put32(s, (uint32_t)n_headers);
	put32(s, (uint32_t)crc32(0, (const uint8_t *)s->bytes + start, 8));
	put(s, (struct span){ headers, n_headers });
	put(s, span_of(payload));
	put32(s, (uint32_t)crc32(0, (const uint8_t *)s->bytes + start, (unsigned)(s->len - start)));
}

struct world {
	struct slot_plan plan;
	struct format_reader reader;
	struct slot slot;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned id;

	assert_int_equal(slot_plan_init(&w->plan), 0);
	assert_int_equal(slot_plan_add(&w->plan, SPAN("/u/n"), &id), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	slots_done(&w->slot, 1);
	slot_plan_done(&w->plan);
	free(w);
	return 0;
}

static void begin(struct world *w)
{
	slots_done(&w->slot, 1);
	format_begin(&w->reader, &format_table[FORMAT_EVENTSTREAM], &w->plan, &w->slot);
}

static void feed(struct world *w, const char *bytes, size_t n, size_t piece)
{
	struct span body = { bytes, n };

	for (; body.len; body = span_skip(body, piece))
		format_feed(&w->reader, span_head(body, piece));
}

static void reads_messages_cut_anywhere(void **state)
{
	static const struct {
		const char *payload;
		int64_t n;
	} cases[] = {
		{ "{\"u\":{\"n\":41}}", 41 },
		{ " { \"b\": 1, \"u\":{\"n\":42}}", 42 },
		{ "{\"bytes\":\"eyJ1Ijp7Im4iOjQzfX0=\",\"p\":\"abc\"}", 43 },
		{ "{ \"bytes\" : \"eyJ1Ijp7Im4iOjQ0fX0gICAg\" }", 44 },
		{ "{\"byt\":0,\"u\":{\"n\":45}}", 45 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stream s = { .len = 0 };

		put_message(&s, "{\"u\":{\"n\":1}}");
		put_message(&s, cases[i].payload);
		for (size_t piece = 1; piece <= s.len; piece++) {
			begin(w);
			feed(w, s.bytes, s.len, piece);
			format_end(&w->reader, true);
			assert_true(format_read_well(&w->reader));
			assert_int_equal(w->reader.documents, 2);
			assert_int_equal(w->slot.integer, cases[i].n);
		}
	}
}

/* No flip of a bit goes by: a count is torn, or the message is not found. */
static void damage_is_seen(void **state)
{
	struct world *w = *state;
	struct stream s = { .len = 0 };

	put_message(&s, "{\"u\":{\"n\":7}}");
	for (size_t bit = 0; bit < s.len * 8; bit++) {
		s.bytes[bit / 8] ^= (char)(1 << bit % 8);
		begin(w);
		feed(w, s.bytes, s.len, s.len);
		format_end(&w->reader, true);
		assert_false(format_read_well(&w->reader));
		assert_true(w->slot.type == SLOT_ABSENT || w->slot.torn);
		s.bytes[bit / 8] ^= (char)(1 << bit % 8);
	}
}

static void finds_the_next_message_behind_a_hole(void **state)
{
	struct world *w = *state;
	struct stream s = { .len = 0 };
	size_t first;

	put_message(&s, "{\"u\":{\"n\":7}}");
	first = s.len;
	put_message(&s, "{\"u\":{\"n\":8}}");
	for (size_t hole = 1; hole < first; hole++) {
		begin(w);
		feed(w, s.bytes, hole, 5);
		format_gap(&w->reader);
		feed(w, s.bytes + hole, s.len - hole, 5);
		format_end(&w->reader, true);
		assert_int_equal(w->slot.integer, 8);
		assert_false(w->slot.torn);
		assert_false(format_read_well(&w->reader));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_messages_cut_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(finds_the_next_message_behind_a_hole, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
