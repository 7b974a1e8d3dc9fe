/* UUIDv7 against RFC 9562: layout, order, text. */
#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <errno.h>

#define LENGTH(a) (sizeof(a) / sizeof(*(a)))

/* RFC 9562, A.6: Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00. */
#define RFC_MS   0x017f22e279b0
#define RFC_TEXT "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"

static const struct uuid rfc_uuid = { { 0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3, 0x98, 0xc4,
					0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f } };

static int64_t ms_of(const struct uuid *id)
{
	int64_t ms = 0;

	for (int i = 0; i < 6; i++)
		ms = ms << 8 | id->bytes[i];
	return ms;
}

static void test_layout(void **state)
{
	struct uuid_maker maker = { 0 };
	struct uuid id = uuid_make(&maker, RFC_MS * 1000000LL + 999999);

	(void)state;
	assert_memory_equal(id.bytes, rfc_uuid.bytes, 6);
	assert_int_equal(id.bytes[6] >> 4, 7);
	assert_int_equal(id.bytes[8] >> 6, 2);
	assert_false(uuid_is_zero(&id));
}

/* Also when the clock stands still, steps back, and jumps; more than 4096 in a millisecond. */
static void test_ids_rise(void **state)
{
	struct uuid_maker maker = { 0 };
	struct uuid last = { { 0 } };
	int64_t ns = RFC_MS * 1000000LL;

	(void)state;
	for (int i = 0; i < 50000; i++) {
		struct uuid id;

		if (i == 20000)
			ns -= 5000000000;
		if (i == 30000)
			ns += 9000000000;
		id = uuid_make(&maker, ns);
		assert_true(memcmp(&id, &last, sizeof(id)) > 0);
		assert_int_equal(id.bytes[6] >> 4, 7);
		assert_int_equal(id.bytes[8] >> 6, 2);
		last = id;
	}
	/* 20,000 ids in the last millisecond need 5 to 6 counters' worth of it. */
	assert_true(ms_of(&last) - ns / 1000000 <= 6);
}

static void test_makers_differ(void **state)
{
	struct uuid_maker a = { 0 }, b = { 0 };
	struct uuid x = uuid_make(&a, 1000000), y = uuid_make(&b, 1000000);

	(void)state;
	assert_memory_not_equal(&x, &y, sizeof(x));
}

/* The random bytes are fetched for several ids at once: each is given out once. */
static void test_random_bytes_are_used_once(void **state)
{
	struct uuid_maker maker = { 0 };
	struct uuid ids[100];

	(void)state;
	for (int i = 0; i < 100; i++) {
		ids[i] = uuid_make(&maker, RFC_MS * 1000000LL);
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(ids[i].bytes + 9, ids[j].bytes + 9, 7);
	}
}

static void test_text(void **state)
{
	char out[UUID_TEXT];
	struct uuid id;

	(void)state;
	assert_string_equal(uuid_format(&rfc_uuid, out), RFC_TEXT);
	assert_int_equal(uuid_parse(SPAN(RFC_TEXT), &id), 0);
	assert_memory_equal(&id, &rfc_uuid, sizeof(id));
	assert_int_equal(uuid_parse(SPAN("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), &id), 0);
	assert_memory_equal(&id, &rfc_uuid, sizeof(id));
	assert_int_equal(uuid_parse(SPAN("00000000-0000-0000-0000-000000000000"), &id), 0);
	assert_true(uuid_is_zero(&id));
}

static void test_refused(void **state)
{
	static const struct span cases[] = {
		SPAN(""),
		SPAN("017f22e279b07cc398c4dc0c0c07398f"),
		SPAN("017f22e2-79b0-7cc3-98c4-dc0c0c07398"),
		SPAN("017f22e2-79b0-7cc3-98c4-dc0c0c07398f0"),
		SPAN("017f22e2-79b0-7cc3-98c4-dc0c0c07398g"),
		SPAN("017f22e2079b0-7cc3-98c4-dc0c0c07398f"),
		SPAN("017f22e-279b0-7cc3-98c4-dc0c0c07398f"),
		SPAN("017f22e2-79b0-7cc3-98c4-dc0c0c07-98f"),
		SPAN("{17f22e2-79b0-7cc3-98c4-dc0c0c07398}"),
		SPAN("017f22e2-79b0-7cc3-98c4-dc0c0c07398\0"),
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct uuid id = rfc_uuid;

		assert_int_equal(uuid_parse(cases[i], &id), -EINVAL);
		assert_memory_equal(&id, &rfc_uuid, sizeof(id));
	}
}

static void test_every_byte(void **state)
{
	char out[UUID_TEXT], expected[UUID_TEXT];
	struct uuid id;

	(void)state;
	for (int i = 0; i < 256; i++) {
		int n = 0;

		for (int at = 0; at < UUID_BYTES; at++) {
			id.bytes[at] = (uint8_t)(i + 37 * at);
			n += snprintf(expected + n, sizeof(expected) - (size_t)n, "%s%02x",
				      at == 4 || at == 6 || at == 8 || at == 10 ? "-" : "",
				      id.bytes[at]);
		}
		assert_string_equal(uuid_format(&id, out), expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_ids_rise),
		cmocka_unit_test(test_makers_differ),
		cmocka_unit_test(test_random_bytes_are_used_once),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
