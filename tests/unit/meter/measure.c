/* meter/measure: whole or byte by byte, the measure is the same. Sizes are those of GSM 03.38 and
 * 03.40: 160 and 153 septets, 70 and 67 units of UTF-16. */
#include "meter/measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void measures(void **state)
{
	static const struct {
		const char *text;
		unsigned times, characters, segments;
	} cases[] = {
		{ "", 1, 0, 0 },
		{ "a", 1, 1, 1 },
		{ "a", 160, 160, 1 },
		{ "a", 161, 161, 2 },
		{ "a", 459, 459, 3 },
		{ "a", 460, 460, 4 },
		{ "~", 80, 80, 1 }, /* two septets each */
		{ "~", 81, 81, 2 },
		{ "~", 152, 152, 2 }, /* 76 a segment, and a septet of each is empty */
		{ "~", 153, 153, 3 },
		{ "\n", 160, 160, 1 },
		{ "`", 70, 70, 1 }, /* ASCII, but not of GSM */
		{ "`", 71, 71, 2 },
		{ "\xc3\xa7", 70, 70, 1 }, /* a small c with cedilla is not of it either */
		{ "\xc3\xa7", 71, 71, 2 },
		{ "\xc3\x87", 160, 160, 1 }, /* a capital one is */
		{ "\xf0\x9f\x98\x80", 35, 35, 1 },
		{ "\xf0\x9f\x98\x80", 36, 36, 2 },
		{ "\xf0\x9f\x98\x80", 66, 66, 2 }, /* 33 a segment */
		{ "\xf0\x9f\x98\x80", 67, 67, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct measure whole = { 0 }, pieces = { 0 };
		struct span text = span_of(cases[i].text);

		for (unsigned n = 0; n < cases[i].times; n++) {
			measure_feed(&whole, text);
			for (size_t at = 0; at < text.len; at++)
				measure_feed(&pieces, (struct span){ text.ptr + at, 1 });
		}
		print_message("case %zu\n", i);
		assert_int_equal(whole.characters, cases[i].characters);
		assert_int_equal(measure_segments(&whole), cases[i].segments);
		assert_int_equal(pieces.characters, cases[i].characters);
		assert_int_equal(measure_segments(&pieces), cases[i].segments);
	}
}

/* Bytes that are no UTF-8 end somewhere, too. */
static void takes_anything(void **state)
{
	struct measure m = { 0 };

	(void)state;
	for (unsigned c = 0; c < 256; c++)
		measure_feed(&m, (struct span){ &(char){ (char)c }, 1 });
	assert_true(m.characters > 128 && m.characters <= 256);
	assert_true(measure_segments(&m) > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measures),
		cmocka_unit_test(takes_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
