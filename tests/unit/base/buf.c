/* The growing buffer: exact at its ceiling, and quiet after it. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

static void assert_holds(const struct buf *b, struct span expected)
{
	assert_int_equal(b->len, expected.len);
	if (expected.len)
		assert_memory_equal(b->data, expected.ptr, expected.len);
}

static void test_puts_and_prints(void **state)
{
	struct buf b = buf_with_max(100);

	(void)state;
	buf_put(&b, (struct span){ NULL, 0 });
	assert_holds(&b, SPAN(""));
	buf_put(&b, SPAN("a\0b"));
	buf_printf(&b, "%s", "");
	buf_printf(&b, "-%d-%s", 42, "x");
	assert_holds(&b, SPAN("a\0b-42-x"));
	assert_true(span_eq(buf_span(&b), SPAN("a\0b-42-x")));
	assert_false(b.failed);
	buf_done(&b);
	assert_null(b.data);
	assert_int_equal(b.max, 100);
	buf_done(&b);
}

/* Both kinds of write fill the last byte and refuse the one behind it. */
static void test_ceiling_is_exact(void **state)
{
	(void)state;
	for (size_t max = 0; max < 1100; max += 1 + max / 7) {
		struct buf put = buf_with_max(max), print = buf_with_max(max);

		for (size_t i = 0; i < max; i++) {
			buf_put(&put, SPAN("x"));
			buf_printf(&print, "x");
		}
		assert_false(put.failed || print.failed);
		assert_int_equal(put.len, max);
		assert_int_equal(print.len, max);
		assert_true(put.cap <= max && print.cap <= max);
		buf_put(&put, SPAN("y"));
		buf_printf(&print, "y");
		assert_true(put.failed && print.failed);
		assert_int_equal(put.len, max);
		assert_int_equal(print.len, max);
		buf_done(&put);
		buf_done(&print);
	}
}

static void test_failure_stays_until_reset(void **state)
{
	struct buf b = buf_with_max(4);

	(void)state;
	buf_put(&b, SPAN("abc"));
	buf_put(&b, SPAN("de"));
	assert_true(b.failed);
	assert_holds(&b, SPAN("abc"));
	buf_put(&b, SPAN("d"));
	buf_printf(&b, "d");
	assert_true(b.failed);
	assert_holds(&b, SPAN("abc"));
	buf_reset(&b);
	assert_false(b.failed);
	buf_printf(&b, "%s", "wxyz");
	assert_holds(&b, SPAN("wxyz"));
	buf_reset(&b);
	buf_put(&b, (struct span){ "abc", SIZE_MAX });
	assert_true(b.failed);
	buf_done(&b);
	assert_false(b.failed);
}

/* A ceiling near SIZE_MAX must not let the doubling wrap round; no such memory is asked for. */
static void test_huge_ceiling(void **state)
{
	struct buf b = buf_with_max(SIZE_MAX);
	char big[1000];

	(void)state;
	memset(big, 'b', sizeof(big));
	for (int i = 0; i < 100; i++)
		buf_put(&b, (struct span){ big, sizeof(big) });
	assert_false(b.failed);
	assert_int_equal(b.len, 100 * sizeof(big));
	buf_done(&b);
}

static void test_consume(void **state)
{
	struct buf b = buf_with_max(100);

	(void)state;
	buf_consume(&b, 0);
	buf_consume(&b, 5);
	assert_holds(&b, SPAN(""));
	buf_put(&b, SPAN("abcdef"));
	buf_consume(&b, 0);
	assert_holds(&b, SPAN("abcdef"));
	buf_consume(&b, 4);
	assert_holds(&b, SPAN("ef"));
	buf_put(&b, SPAN("g"));
	assert_holds(&b, SPAN("efg"));
	buf_consume(&b, 99);
	assert_holds(&b, SPAN(""));
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_puts_and_prints),
		cmocka_unit_test(test_ceiling_is_exact),
		cmocka_unit_test(test_failure_stays_until_reset),
		cmocka_unit_test(test_huge_ceiling),
		cmocka_unit_test(test_consume),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
