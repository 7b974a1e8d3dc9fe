/* A budget's object by its stencil is the one that is written whole, whatever of it has changed
 * since the stencil was cut. */
#include "policy/figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timestamp.h"

#define USD (money_wide)1000000000000

static struct stencils stencils;
static char first_name[BUDGET_NAME_MAX], second_name[BUDGET_NAME_MAX];

static void set_name(char *name, const char *text)
{
	span_copy(span_of(text), name, BUDGET_NAME_MAX);
}

static struct budget_view view_now(void)
{
	return (struct budget_view){
		.name = first_name,
		.index = 3,
		.unit = UNIT_USD,
		.window = "day",
		.limit = 1000 * USD,
		.spent = 12 * USD + 5,
		.reserved = USD / 100,
		.resets_ns = 1795651200 * NS_PER_SEC,
		.mode = BUDGET_ADVISE,
	};
}

/* In an array that has more: the commas around it count. */
static void assert_same(const struct budget_view *view, unsigned generation)
{
	struct buf whole = buf_with_max(4096), by_stencil = buf_with_max(4096);
	struct emit w = emit_to(&whole), s = emit_to(&by_stencil);

	emit_array(&w, NULL);
	emit_array(&s, NULL);
	for (int i = 0; i < 2; i++) {
		figures_emit(&w, NULL, view);
		figures_emit_again(&stencils, generation, &s, view);
	}
	emit_end_array(&w);
	emit_end_array(&s);
	assert_false(whole.failed || by_stencil.failed);
	assert_int_equal(whole.len, by_stencil.len);
	assert_memory_equal(whole.data, by_stencil.data, whole.len);
	buf_done(&whole);
	buf_done(&by_stencil);
}

static void test_by_hand(void **state)
{
	struct budget_view view = view_now();
	struct buf out = buf_with_max(4096);
	struct emit e = emit_to(&out);

	(void)state;
	set_name(first_name, "a \"b\"");
	figures_emit_again(&stencils, 9, &e, &view);
	buf_put(&out, (struct span){ "", 1 });
	assert_string_equal(out.data,
			    "{\"name\":\"a \\\"b\\\"\",\"mode\":\"advise\",\"limit_usd\":\"1000\","
			    "\"spent_usd\":\"12.000000000005\",\"reserved_usd\":\"0.01\","
			    "\"remaining_usd\":\"987.989999999995\","
			    "\"resets\":\"2026-11-26T00:00:00.000000Z\",\"window\":\"day\","
			    "\"unit\":\"USD\"}");
	buf_done(&out);
}

/* Each member by itself, back and forth. */
static void test_each_change(void **state)
{
	struct budget_view changed[14];
	size_t n = 0;

	(void)state;
	set_name(first_name, "first");
	set_name(second_name, "second");
#define CHANGE(member, value)                                                                      \
	changed[n] = view_now();                                                                   \
	changed[n++].member = value
	CHANGE(name, second_name);
	changed[0].index = 3 + STENCILS; /* at the same place */
	CHANGE(unit, UNIT_REQUESTS);
	CHANGE(window, "rolling day");
	CHANGE(limit, 999 * USD);
	CHANGE(spent, 13 * USD);
	CHANGE(reserved, 0);
	CHANGE(carried, USD);
	CHANGE(raised, -USD);
	CHANGE(rate, 7);
	CHANGE(resets_ns, INT64_MAX);
	CHANGE(mode, BUDGET_CUT);
	CHANGE(stopped, true);
#undef CHANGE
	for (size_t i = 0; i < n; i++) {
		struct budget_view now = view_now();

		assert_same(&now, 1);
		assert_same(&changed[i], 1);
		assert_same(&now, 1);
	}
}

/* After a reload another name may stand where the old one stood. */
static void test_other_rules(void **state)
{
	struct budget_view view = view_now();

	(void)state;
	set_name(first_name, "before");
	assert_same(&view, 4);
	set_name(first_name, "behind");
	assert_same(&view, 5);
}

/* Each byte of the longest name takes six: still whole. */
static void test_longest(void **state)
{
	struct budget_view view = view_now();

	(void)state;
	memset(first_name, 1, BUDGET_NAME_MAX - 1);
	view.unit = UNIT_REQUESTS;
	view.limit = view.rate = view.carried = view.raised = (money_wide)1 << 120;
	assert_same(&view, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_each_change),
		cmocka_unit_test(test_other_rules),
		cmocka_unit_test(test_longest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
